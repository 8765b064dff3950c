// Starts the application next to `make run`, whose addresses are in the file DEV_JSON. `make example` starts both.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const { url, issuer, inbox } = JSON.parse(readFileSync(process.env.DEV_JSON, "utf8"));

// Only the person who is invited can accept.
const settings = { action: "set", account: "012345678912", name: "Example Ltd", binding: "email" };
const response = await fetch(`${url}/2015-03-31/functions/manage-account-settings/invocations`, {
  method: "POST",
  body: JSON.stringify(settings),
});
if ((await response.json()).binding !== "email") throw new Error("The account could not be set up.");

Object.assign(process.env, {
  API_URL: url,
  ISSUER: issuer,
  ISSUER_NAME: "dev",
  CLIENT_ID: "console",
  STORE: join(dirname(process.env.DEV_JSON), "members.json"),
});
console.log(`Emails are at ${inbox}/emails. Ctrl-C stops everything and deletes the data.`);
await import("./server.mjs");
