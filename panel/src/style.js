// The style sheet, and the colour of the account.

import css from "./style.css";

const sheet = new CSSStyleSheet();
sheet.replaceSync(css);

/** Adopts the style. Such sheets need no permission of a Content-Security-Policy. */
export function style(root) {
  root.adoptedStyleSheets = [sheet];
}

/** The account's colour, for surfaces only, with black or white text, whichever has more contrast. */
export function theme(root, colour) {
  const own = new CSSStyleSheet();
  if (/^#[0-9a-f]{6}$/i.test(colour ?? "")) own.replaceSync(`:host { --account: ${colour}; --on-account: ${onColour(colour)} }`);
  root.adoptedStyleSheets = [sheet, own];
}

function onColour(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  // At 0.179 the contrasts with black and with white are equal: 4.58.
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000" : "#fff";
}
