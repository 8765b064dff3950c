// What people paste, and what becomes of it.

import { deepStrictEqual } from "node:assert/strict";
import { parse, people } from "../../panel/src/csv.js";

const one = { email: "a@example.com" };
const two = { email: "b@example.com" };
for (const [text, found] of [
  ["", []],
  [" \r\n\n", []],
  ["a@example.com", [one]],
  ["a@example.com\nb@example.com\n", [one, two]],
  ["a@example.com\rb@example.com", [one, two]],
  ["a@example.com, b@example.com", [one, two]],
  ["a@example.com; b@example.com;", [one, two]],
  ["Ann Doe <a@example.com>, \"Doe, Bob\" <b@example.com>", [one, two]],
  ["a@example.com,admin\nb@example.com", [{ ...one, roleID: "admin" }, two]],
  ["a@example.com\tadmin\r\nb@example.com\t", [{ ...one, roleID: "admin" }, two]],
  ["\uFEFFE-Mail;Role\r\n\"a@example.com\";\"read \"\"only\"\"\"", [{ ...one, roleID: 'read "only"' }]],
  ["name,roleID,Email\n\"Doe, Ann\",admin,a@example.com\nBob,,b@example.com", [{ roleID: "admin", ...one }, two]],
  ["email,locale,expiry\na@example.com,de,2030-01-01T00:00:00Z", [{ ...one, locale: "de", expiry: "2030-01-01T00:00:00Z" }]],
  // Not an address: the API says so.
  ["nobody", [{ email: "nobody" }]],
  ["email", []],
  ["email,roleID\n,admin", [{ email: "", roleID: "admin" }]],
  ['"a@example.com', [one]],
  ["__proto__,constructor,email\nx,y,a@example.com", [one]],
]) {
  deepStrictEqual(people(text), found, JSON.stringify(text));
}
deepStrictEqual(parse('a,"b\r\nc",\n"d""e" f'), [["a", "b\r\nc", ""], ['d"e f']]);
