// Addresses and CSV as people paste them.

/**
 * The rows of a CSV text: fields in double quotes, separated by commas, semicolons or tabs, whichever the first line has.
 * @param {string} text
 * @returns {string[][]} without empty rows
 */
export function parse(text) {
  const separator = separatorOf(text);
  const rows = [];
  let row = [];
  let at = 0;
  while (at < text.length) {
    let value = "";
    while (text[at] === " ") at++;
    if (text[at] === '"') {
      for (at++; at < text.length; at++) {
        if (text[at] !== '"') value += text[at];
        else if (text[at + 1] === '"') value += text[at++];
        else break;
      }
      at++;
    }
    while (at < text.length && text[at] !== separator && text[at] !== "\n" && text[at] !== "\r") value += text[at++];
    row.push(value.trim());
    if (text[at] === separator) {
      at++;
      if (at === text.length) row.push("");
      continue;
    }
    if (text[at] === "\r" && text[at + 1] === "\n") at++;
    at++;
    rows.push(row);
    row = [];
  }
  if (row.length) rows.push(row);
  return rows.filter((cells) => cells.some(Boolean));
}

/** The separator that the first line has most of, outside of quotes. */
function separatorOf(text) {
  const line = (text.replace(/"[^"]*"/g, "").match(/[^\r\n]+/) ?? [""])[0];
  const count = (character) => line.split(character).length;
  return [",", ";", "\t"].reduce((best, other) => (count(other) > count(best) ? other : best));
}

const COLUMNS = new Map([
  ["email", "email"],
  ["e-mail", "email"],
  ["address", "email"],
  ["roleid", "roleID"],
  ["role", "roleID"],
  ["expiry", "expiry"],
  ["locale", "locale"],
]);

/** The address of `Ann Doe <ann@example.com>`. */
const bare = (cell) => cell.match(/<([^<>]+@[^<>]+)>\s*$/)?.[1] ?? cell;

/**
 * The people in a text. A first row without an address names the columns; without it, the first column is the address and the second the
 * role. A row of addresses only is that many people.
 * @param {string} text
 * @returns {{email: string, roleID?: string, expiry?: string, locale?: string}[]}
 */
export function people(text) {
  const rows = parse(text.replace(/^\uFEFF/, ""));
  const names = rows[0]?.map((cell) => COLUMNS.get(cell.toLowerCase()));
  const headed = names?.includes("email") && !rows[0].some((cell) => cell.includes("@"));
  const columns = headed ? names : ["email", "roleID"];
  return rows.slice(headed ? 1 : 0).flatMap((cells) => {
    const filled = cells.filter(Boolean);
    if (!headed && filled.every((cell) => cell.includes("@"))) return filled.map((cell) => ({ email: bare(cell) }));
    const row = { email: "" };
    columns.forEach((name, index) => {
      if (name && cells[index]) row[name] = name === "email" ? bare(cells[index]) : cells[index];
    });
    return [row];
  });
}
