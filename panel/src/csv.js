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
  ["redirect", "redirect"],
]);

const METADATA = "metadata.";

/** The field of a column, such as `metadata.plan`; undefined if there is none. */
function fieldOf(column) {
  if (column.length > METADATA.length && column.toLowerCase().startsWith(METADATA)) return METADATA + column.slice(METADATA.length);
  return COLUMNS.get(column.toLowerCase());
}

/** The address of `Ann Doe <ann@example.com>`. */
const bare = (cell) => (cell.length < 1000 ? (cell.match(/<([^<>]+@[^<>]+)>\s*$/)?.[1] ?? cell) : cell);

/**
 * The people in a text. A first row without an address names the columns; without it, the first column is the address and the second the
 * role. A row of addresses only is that many people.
 *
 * A column that is not known, or that another one repeats, is named in `unknown`: what it contains would be lost. One without a name is
 * named by its number; it may be empty.
 * @param {string} text
 * @returns {{rows: {email: string, roleID?: string, expiry?: string, locale?: string, redirect?: string, metadata?: object}[], unknown: string[]}}
 */
export function people(text) {
  const [first = [], ...others] = parse(text.replace(/^\uFEFF/, ""));
  const named = first.map(fieldOf);
  const headed = named.includes("email") && !first.some((cell) => cell.includes("@"));
  const fields = headed ? named : ["email", "roleID"];
  const unknown = new Set(headed ? first.filter((name, index) => name && (!named[index] || named.indexOf(named[index]) < index)) : []);
  const rows = (headed ? others : [first, ...others]).flatMap((cells) => {
    const filled = cells.filter(Boolean);
    if (!headed && filled.every((cell) => cell.includes("@"))) return filled.map((cell) => ({ email: bare(cell) }));
    cells.forEach((cell, index) => cell && !fields[index] && unknown.add((headed && first[index]) || `#${index + 1}`));
    const pairs = fields.map((name, index) => [name, cells[index]]).filter(([name, cell]) => name && cell);
    const metadata = pairs.filter(([name]) => name.startsWith(METADATA)).map(([name, cell]) => [name.slice(METADATA.length), cell]);
    const row = Object.fromEntries(pairs.filter(([name]) => !name.startsWith(METADATA)));
    return [{ ...row, email: bare(row.email ?? ""), ...(metadata.length && { metadata: Object.fromEntries(metadata) }) }];
  });
  return { rows, unknown: [...unknown] };
}
