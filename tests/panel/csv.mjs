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
  ["roleID,Email\nadmin,\"Doe, Ann <a@example.com>\"\n,b@example.com", [{ roleID: "admin", ...one }, two]],
  ["email,locale,expiry\na@example.com,de,2030-01-01T00:00:00Z", [{ ...one, locale: "de", expiry: "2030-01-01T00:00:00Z" }]],
  // Not an address: the API says so.
  ["nobody", [{ email: "nobody" }]],
  ["email", []],
  ["email,roleID\n,admin", [{ email: "", roleID: "admin" }]],
  ['"a@example.com', [one]],
  ["email,redirect,Metadata.plan,metadata.Team.Name,metadata.none\na@example.com,https://example.com/a,gold,\"Red, blue\",\nb@example.com", [
    { ...one, redirect: "https://example.com/a", metadata: { plan: "gold", "Team.Name": "Red, blue" } },
    two,
  ]],
  // As spreadsheets write them: columns without a name and without content.
  ["email,roleID,,\na@example.com,,,\n", [one]],
  ["a@example.com,admin,,", [{ ...one, roleID: "admin" }]],
]) {
  deepStrictEqual(people(text), { rows: found, unknown: [] }, JSON.stringify(text));
}

// Columns whose content would be lost.
for (const [text, unknown] of [
  ["name,roleID,Email\n\"Doe, Ann\",admin,a@example.com\nBob,,b@example.com", ["name"]],
  ["__proto__,constructor,email\nx,y,a@example.com", ["__proto__", "constructor"]],
  ["email,metadata.,metadata,send\na@example.com", ["metadata.", "metadata", "send"]],
  ["email,address,E-Mail\na@example.com", ["address", "E-Mail"]],
  ["email,metadata.plan,METADATA.plan,metadata.Plan\na@example.com", ["METADATA.plan"]],
  ["email,\na@example.com,x", ["#2"]],
  ["email\na@example.com,admin,x", ["#2", "#3"]],
  ["a@example.com,admin\nb@example.com,admin,x", ["#3"]],
]) {
  deepStrictEqual(people(text).unknown, unknown, JSON.stringify(text));
}
const { metadata } = people("email,metadata.__proto__\na@example.com,x").rows[0];
deepStrictEqual(JSON.stringify(metadata), '{"__proto__":"x"}');
deepStrictEqual(parse('a,"b\r\nc",\n"d""e" f'), [["a", "b\r\nc", ""], ['d"e f']]);
