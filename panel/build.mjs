// Bundles src/ into one minified module without imports: node panel/build.mjs <directory of esbuild> <output>
// The same sources and the same esbuild give the same bytes.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const [tools, outfile] = process.argv.slice(2).map((path) => resolve(path));
const esbuild = createRequire(`${tools}/`)("esbuild");

/** The style sheet as a string, without white space and comments. */
const css = {
  name: "css",
  setup: (build) =>
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await esbuild.transform(await readFile(path, "utf8"), { loader: "css", minify: true, target: "es2022" });
      return { contents: code.trim(), loader: "text" };
    }),
};

await esbuild.build({
  absWorkingDir: dirname(fileURLToPath(import.meta.url)),
  entryPoints: ["src/index.js"],
  outfile,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  plugins: [css],
});
