// A small application whose members are invited with the invitation service. Node 20.10 or later, no packages: node server.mjs
// README.md describes what it shows, and what changes for other identity providers.

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";

// --- Settings ---------------------------------------------------------------------------------------------------------

function setting(name, fallback) {
  const value = process.env[name] ?? fallback;
  if (value === undefined || value === "") throw new Error(`${name} must be set`);
  return value;
}

const ORIGIN = setting("ORIGIN"); // of this application, such as https://app.example.com
const API_URL = setting("API_URL"); // without /invitations
const ISSUER = setting("ISSUER"); // the identity provider
const ISSUER_NAME = setting("ISSUER_NAME"); // its name in the service's configuration
const CLIENT_ID = setting("CLIENT_ID"); // of this application at the identity provider; a public client
const WEBHOOK_KEY = setting("WEBHOOK_KEY");
const STORE = setting("STORE"); // the file with the members
const PANEL = setting("PANEL", new URL("../../panel/dist/invitations-panel.js", import.meta.url));
const TOKEN_SECONDS = Number(setting("TOKEN_SECONDS", "3600")); // how long the identity provider's tokens are valid

// --- Members ----------------------------------------------------------------------------------------------------------

// A file in place of a database. Each change replaces it as a whole, so that a crash leaves the old state or the new one.
let state = { people: {}, accounts: {}, members: {}, removed: {}, events: [], leaving: [], ...read() };

function read() {
  try {
    return JSON.parse(readFileSync(STORE, "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

function change(edit) {
  const next = structuredClone(state);
  edit(next);
  writeFileSync(`${STORE}.new`, JSON.stringify(next, undefined, 2), { mode: 0o600, flush: true });
  renameSync(`${STORE}.new`, STORE);
  state = next;
}

const keyOf = (account, subject) => `${account} ${subject}`;

/**
 * Grants the membership of an accepted invitation. Events arrive at least once: the ID of a processed one is stored together with its
 * effect, so that a repetition does not bring back a member who was removed. Neither does a late event of what was accepted before.
 */
function receive(event) {
  if (event.type !== "accepted" || state.events.includes(event.id)) return;
  const { account, invitation } = event;
  const urn = invitation.acceptedBy ?? "";
  const [, subject] = urn.split(`:user/${ISSUER_NAME}:`);
  if (!subject) throw new Refused(422, "The event does not say which person has accepted.");
  change((next) => {
    next.events.push(event.id);
    const member = { account, subject: decodeURIComponent(subject), urn, roleID: invitation.roleID, since: event.time };
    const key = keyOf(account, member.subject);
    if (!(Date.parse(event.time) <= Date.parse(next.removed[key]))) next.members[key] = member;
  });
}

/** Ends a membership. What must follow is stored with it, so that it also happens if this process ends now. */
async function remove(account, subject) {
  const member = state.members[keyOf(account, subject)];
  if (!member) throw new Refused(404, "There is no such member.");
  const until = Date.now() + 1000 * TOKEN_SECONDS;
  change((next) => {
    delete next.members[keyOf(account, subject)];
    next.removed[keyOf(account, subject)] = new Date().toISOString();
    next.leaving.push({ account, invitedBy: member.urn, until });
    const email = next.people[subject]?.email;
    if (email) next.leaving.push({ account, email, until });
  });
  for (const [id, session] of sessions) if (session.subject === subject) sessions.delete(id);
  return revoke();
}

/** Revokes the invitations of people who left, and repeats that until their last token has expired. */
async function revoke() {
  let count = 0;
  for (const { until, ...match } of state.leaving) {
    const last = Date.now() > until;
    try {
      count += await revokeAll(match);
    } catch (error) {
      // It must not keep those of other people from being revoked.
      console.error("Revoking will be repeated:", match, error);
      continue;
    }
    const isThis = (it) => it.until === until && it.invitedBy === match.invitedBy && it.email === match.email;
    if (last) change((next) => (next.leaving = next.leaving.filter((it) => !isThis(it))));
  }
  return count;
}
setInterval(revoke, 60_000).unref();
revoke(); // what an earlier process has left

async function revokeAll(match) {
  let count = 0;
  let cursor;
  do {
    const result = await invoke("revoke-invitations", { ...match, ...(cursor && { cursor }) });
    count += result.revoked;
    cursor = result.next;
  } while (cursor);
  return count;
}

/** Invokes an operator function of the service. On AWS this is `InvokeCommand` of @aws-sdk/client-lambda. */
async function invoke(name, event) {
  const response = await fetch(`${API_URL}/2015-03-31/functions/${name}/invocations`, { method: "POST", body: JSON.stringify(event) });
  const result = await response.json();
  if (!response.ok || result.code || result.errorType) throw new Error(`${name}: ${JSON.stringify(result)}`);
  return result;
}

// --- Signing in: authorization code flow with PKCE ---------------------------------------------------------------------

const sessions = new Map(); // ID in the cookie -> person and token; the token never leaves this server
const started = new Map(); // state -> what the callback needs
const random = () => randomBytes(32).toString("base64url");
const sha256 = (text) => createHash("sha256").update(text).digest();

let discovered;
async function discovery() {
  discovered ??= await (await fetch(`${ISSUER.replace(/\/$/, "")}/.well-known/openid-configuration`)).json();
  return discovered;
}

async function signIn({ url }) {
  const [id, verifier, nonce] = [random(), random(), random()];
  const then = url.searchParams.get("then") === "/join" ? "/join" : "/";
  started.set(id, { verifier, nonce, then });
  setTimeout(() => started.delete(id), 600_000).unref();
  const query = new URLSearchParams({
    response_type: "code",
    client_id: CLIENT_ID,
    redirect_uri: `${ORIGIN}/callback`,
    scope: "openid profile email",
    state: id,
    nonce,
    code_challenge: sha256(verifier).toString("base64url"),
    code_challenge_method: "S256",
  });
  return redirect(`${(await discovery()).authorization_endpoint}?${query}`, cookie("sign-in", id, 600));
}

async function callback({ url, cookies }) {
  const id = url.searchParams.get("state") ?? "";
  const start = started.get(id);
  // Without the cookie, someone could sign a person in as somebody else.
  if (!start || cookies["sign-in"] !== id) throw new Refused(400, "Sign in again.");
  started.delete(id);
  const code = url.searchParams.get("code");
  if (!code) throw new Refused(400, url.searchParams.get("error_description") ?? "You were not signed in.");

  const response = await fetch((await discovery()).token_endpoint, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      code,
      redirect_uri: `${ORIGIN}/callback`,
      client_id: CLIENT_ID,
      code_verifier: start.verifier,
    }),
  });
  const tokens = await response.json();
  if (!response.ok) throw new Refused(400, `You were not signed in: ${tokens.error}`);
  // The signature need not be verified, because the token comes from the issuer itself (OpenID Connect Core, 3.1.3.7).
  const claims = JSON.parse(Buffer.from(tokens.id_token.split(".")[1], "base64url"));
  const isForUs = claims.iss === ISSUER && [claims.aud].flat().includes(CLIENT_ID) && claims.nonce === start.nonce;
  if (!isForUs || claims.exp * 1000 < Date.now()) throw new Refused(400, "The ID token is not for this sign-in.");

  const { sub: subject, name, email, account, role } = claims;
  change((next) => (next.people[subject] = { name, email }));
  for (const [old, { expiry }] of sessions) if (expiry <= Date.now()) sessions.delete(old);
  const session = random();
  const expiry = Date.now() + 1000 * tokens.expires_in;
  sessions.set(session, { subject, account, isAdmin: role === "admin", token: tokens.access_token, expiry });
  return redirect(start.then, cookie("session", session, tokens.expires_in));
}

function signOut({ cookies }) {
  sessions.delete(cookies.session);
  return { status: 204, headers: { "set-cookie": cookie("session", "", 0) } };
}

// With the prefix, a browser takes the cookie from this host alone; no other one below the same domain can plant it.
const SECURE = ORIGIN.startsWith("https:");
const PREFIX = SECURE ? "__Host-" : "";

function cookie(name, value, seconds) {
  return `${PREFIX}${name}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${SECURE ? "; Secure" : ""}`;
}

// --- What the page requests -------------------------------------------------------------------------------------------

/** The person who has signed in, with their memberships, and the members of the account that they administer. */
function describe({ session }) {
  const { subject, account, isAdmin } = session;
  const members = Object.values(state.members);
  return json(200, {
    ...state.people[subject],
    isAdmin,
    memberships: members
      .filter((member) => member.subject === subject)
      .map(({ account, roleID }) => ({ account, accountName: state.accounts[account] ?? account, roleID })),
    members: isAdmin ? members.filter((member) => member.account === account).map((it) => ({ ...it, ...state.people[it.subject] })) : [],
  });
}

/** What a link is for. It needs no session: the invitee may not have signed in yet. */
function lookup({ body }) {
  return callApi("POST", "/invitations/lookup", { "content-type": "application/json" }, body);
}

/** Accepts as the person: the link says which invitation, the token says who. */
async function join({ session, body }) {
  const headers = { authorization: `Bearer ${session.token}`, "content-type": "application/json" };
  const response = await callApi("POST", "/invitations/accept", headers, body);
  if (response.status === 200) {
    const { account, display } = JSON.parse(response.body);
    if (display.name) change((next) => (next.accounts[account] = display.name));
  }
  return response;
}

async function leave({ session, body }) {
  if (!session.isAdmin) throw new Refused(403, "Only administrators remove members.");
  return json(200, { revoked: await remove(session.account, JSON.parse(body).subject) });
}

function webhook({ request, body }) {
  // Hashes, because timingSafeEqual compares values of one length.
  if (!timingSafeEqual(sha256(request.headers["x-webhook-key"] ?? ""), sha256(WEBHOOK_KEY))) throw new Refused(403, "Unknown key.");
  receive(JSON.parse(body));
  return { status: 204 };
}

/**
 * The API under this origin, with the token of the person. `signedIn` refuses requests of other sites. The panel's `Authorization` is
 * only a sign that a script of this origin made the request: no link or form sends it, and other origins may not.
 */
async function proxy({ request, url, body, session }) {
  const path = url.pathname.slice("/api".length);
  // Not the functions that have no route.
  if (!/^\/(invitations(\/[^/]+)?|console\/texts\.json)$/.test(path)) throw new Refused(404, "Not found.");
  if (path.startsWith("/invitations") && request.headers.authorization !== "Bearer session") throw new Refused(403, "Only the panel calls this.");
  const headers = pick(request.headers, ["content-type", "idempotency-key", "if-match", "if-none-match"]);
  return callApi(request.method, path + url.search, { ...headers, authorization: `Bearer ${session.token}` }, body || undefined);
}

async function callApi(method, path, headers, body) {
  const response = await fetch(API_URL + path, { method, headers, body });
  const kept = pick(Object.fromEntries(response.headers), ["content-type", "retry-after", "etag", "x-request-id", "www-authenticate"]);
  return { status: response.status, headers: kept, body: Buffer.from(await response.arrayBuffer()) };
}

const pick = (headers, names) => Object.fromEntries(names.flatMap((name) => (headers[name] ? [[name, headers[name]]] : [])));

// --- The server -------------------------------------------------------------------------------------------------------

/** A request that is refused with a sentence. */
class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const page = readFileSync(new URL("page.html", import.meta.url), "utf8");
const [, script] = /<script type="module">(.*?)<\/script>/s.exec(page);
const POLICY = [
  `default-src 'none'; connect-src 'self'; script-src 'self' 'sha256-${sha256(script).toString("base64")}'`,
  "style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
].join("; ");

const html = () => ({ status: 200, headers: { "content-type": "text/html; charset=utf-8", "content-security-policy": POLICY }, body: page });
const panel = () => ({ status: 200, headers: { "content-type": "text/javascript" }, body: readFileSync(PANEL) });
const json = (status, value) => ({ status, headers: { "content-type": "application/json" }, body: JSON.stringify(value) });
const redirect = (location, cookie) => ({ status: 303, headers: { location, "set-cookie": cookie } });

/** Requests of a session: only with its cookie, and only from pages of this origin. Another port of a host is the same site for cookies. */
const signedIn = (handle) => (context) => {
  const { request, cookies } = context;
  const session = sessions.get(cookies.session);
  if (!session || session.expiry <= Date.now()) throw new Refused(401, "Sign in.");
  const { origin, "sec-fetch-site": site = "same-origin" } = request.headers;
  const isOurs = site === "same-origin" && (request.method === "GET" || origin === ORIGIN);
  if (!isOurs) throw new Refused(403, "This is another site's request.");
  return handle({ ...context, session });
};

const routes = {
  "GET /": html,
  "GET /join": html, // where the links of invitations lead
  "GET /invitations-panel.js": panel,
  "GET /sign-in": signIn,
  "GET /callback": callback,
  "GET /session": signedIn(describe),
  "POST /lookup": lookup,
  "POST /accept": signedIn(join),
  "POST /remove": signedIn(leave),
  "POST /sign-out": signedIn(signOut),
  "POST /events": webhook,
};

async function respond(request) {
  const url = new URL(request.url, ORIGIN);
  const handle = url.pathname.startsWith("/api/") ? signedIn(proxy) : routes[`${request.method} ${url.pathname}`];
  if (!handle) throw new Refused(404, "Not found.");
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) {
    body += chunk;
    if (body.length > 300_000) throw new Refused(413, "The request is too large.");
  }
  const pairs = (request.headers.cookie ?? "").split("; ").map((pair) => pair.split("="));
  const cookies = Object.fromEntries(pairs.filter(([name]) => name.startsWith(PREFIX)).map(([name, value]) => [name.slice(PREFIX.length), value]));
  return handle({ request, url, body, cookies });
}

createServer(async (request, response) => {
  const { status, headers, body } = await respond(request).catch((error) => {
    if (error instanceof Refused) return json(error.status, { message: error.message });
    console.error(error);
    return json(500, { message: "Something went wrong." });
  });
  response.writeHead(status, { "cache-control": "no-store", "x-content-type-options": "nosniff", "referrer-policy": "no-referrer", ...headers });
  response.end(body);
}).listen(new URL(ORIGIN).port, "127.0.0.1", () => console.log(`Open ${ORIGIN}`));
