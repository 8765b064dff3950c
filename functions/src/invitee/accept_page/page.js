// The script for texts precedes this one, and LOGO: the logo for accounts without their own, or null.
//
// Data flows one way: a response of the API becomes a view, and `show` writes the view. Nothing is read back from the page.
// Untrusted data is written as text, never as markup. Supported are browsers from 2021 on (iOS 15, Chrome 90, Firefox 90), so newer
// functions are not used.

const TIMEOUT = 35_000; // milliseconds; API Gateway times out earlier

/** The invitation in the last response of the API. */
let invitation;
let token;
/** Counts calls and opened links. Only the response to the latest is shown. */
let latest = 0;

// --- The document --------------------------------------------------------------------------------------------------------

function element(name, properties, ...children) {
  const created = Object.assign(document.createElement(name), properties);
  created.append(...children);
  return created;
}

const view = document.getElementById("view");
const status = document.getElementById("status");

/** Writes a view and focuses its heading, so that screen readers announce it. */
function show({ title, texts = [], facts = [], actions = [], after = [] }) {
  const { name, logo, colour } = invitation?.display ?? {};
  const picture = logo ?? LOGO;
  applyColour(colour);
  const heading = element("h1", { tabIndex: -1 }, ...title);
  view.replaceChildren(
    // The default logo does not stand for this account's name.
    ...(picture ? [element("img", { src: picture, alt: (logo && name) ?? "" })] : []),
    heading,
    ...texts.map((text) => element("p", {}, ...text)),
    ...(facts.length ? [element("dl", {}, ...facts.flatMap(([term, value]) => [element("dt", {}, term), element("dd", {}, value)]))] : []),
    ...(actions.length ? [element("div", { className: "actions" }, ...actions)] : []),
    ...after.map((text) => element("p", { className: "small" }, ...text)),
  );
  status.textContent = "";
  document.title = name ? `${heading.textContent} – ${name}` : heading.textContent;
  heading.focus();
}

/** Uses the account's colour for surfaces only, with black or white text, whichever has more contrast. */
function applyColour(colour) {
  const style = document.documentElement.style;
  if (!/^#[0-9a-f]{6}$/i.test(colour ?? "")) {
    style.removeProperty("--accent");
    style.removeProperty("--on-accent");
    return;
  }
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  style.setProperty("--accent", colour);
  // At 0.179 the contrasts 1.05 / (luminance + 0.05) and (luminance + 0.05) / 0.05 are equal: 4.58.
  style.setProperty("--on-accent", luminance > 0.179 ? "#000000" : "#ffffff");
}

function button(label, onClick, className = "") {
  const created = element("button", { type: "button", className }, label);
  created.addEventListener("click", () => onClick(created));
  return created;
}

/** A link to the address in the account's settings. */
function link(label, url) {
  return element("a", { className: "primary", href: url.href, rel: "noreferrer noopener" }, label);
}

/** The role's name, else its id. */
function roleName() {
  const id = invitation.roleID;
  return has(words.roles, id) ? words.roles[id] : id;
}

/** The address to continue to, if the account has set a safe one. */
function redirect() {
  const url = parsed(invitation.display.redirect);
  if (!url) return undefined;
  const loopback = url.protocol === "http:" && ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  return url.protocol === "https:" || loopback ? url : undefined;
}

function parsed(text) {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

// --- Views ---------------------------------------------------------------------------------------------------------------

/** Shows the invitation in its state. `decidedHere` if it got there by a click on this page. */
function showInvitation(decidedHere = false, notice = undefined) {
  const accepted = decidedHere ? showAccepted : showAlreadyAccepted;
  const declined = decidedHere ? showDeclined : showAlreadyDeclined;
  const invited = () => showInvited(notice);
  ({ invited, accepted, declined, revoked: showRevoked, expired: showExpired })[invitation.state]();
}

/** `notice`: why the invitation is shown again. */
function showInvited(notice) {
  const account = invitation.display.name;
  const inviter = invitation.invitedBy;
  const someone = account ? words.invited_by_someone : words.invited_by_someone_somewhere;
  const title = fill(inviter ? (account ? words.invited : words.invited_somewhere) : someone, { inviter, account });
  const facts = [
    ...(account ? [] : [[words.account, invitation.account]]),
    [words.role, element("bdi", {}, roleName())],
    [words.email, element("bdi", {}, invitation.email)],
    [words.expiry, date(invitation.expiry)],
  ];
  const after = [[words.ignore]];
  if (invitation.binding !== "email") {
    const accept = button(words.accept, (pressed) => send("accept", pressed), "primary");
    return show({ title, texts: notice ? [[notice]] : [], facts, actions: [accept, button(words.decline, confirmDecline)], after });
  }
  // The host application decides for the person, after they have signed in.
  const url = redirect();
  if (!url) return show({ title, texts: [[words.sign_in_nowhere]], facts, after });
  url.hash = token;
  show({ title, texts: [[words.sign_in_why]], facts, actions: [link(words.sign_in, url)], after });
}

function confirmDecline() {
  const yes = button(words.confirm_yes, (pressed) => send("decline", pressed), "primary");
  const no = button(words.confirm_no, () => showInvitation());
  show({ title: [words.confirm_title], texts: [[words.confirm_text]], actions: [yes, no] });
}

function showAccepted() {
  const account = invitation.display.name;
  const role = roleName();
  const text = fill(account ? words.accepted_text : words.accepted_text_somewhere, { account, role });
  const url = redirect();
  if (url) show({ title: [words.accepted_title], texts: [text], actions: [link(words.continue, url)] });
  else show({ title: [words.accepted_title], texts: [text, [words.accepted_close]] });
}

function showDeclined() {
  show({ title: [words.declined_title], texts: [[words.declined_text]] });
}

/** Others can open the link, too. People who did not accept must not read that they did. */
function showAlreadyAccepted() {
  const url = redirect();
  show({ title: [words.already_accepted_title], texts: [[words.not_you]], actions: url ? [link(words.continue, url)] : [] });
}

function showAlreadyDeclined() {
  show({ title: [words.already_declined_title], texts: [[words.not_you], [words.declined_text]] });
}

function showRevoked() {
  show({ title: [words.revoked_title], texts: [[words.revoked_text]] });
}

function showExpired() {
  show({ title: [words.expired_title], texts: [fill(words.expired_text, { expiry: date(invitation.expiry) })] });
}

function showUnknown() {
  show({ title: [words.unknown_title], texts: [[words.unknown_text]] });
}

/** The account's rule is about accepting only. */
function showNotAllowed() {
  show({ title: [words.not_allowed_title], texts: [[words.not_allowed_text]], actions: [button(words.decline, confirmDecline)] });
}

function showMissing() {
  show({ title: [words.missing_title], texts: [[words.missing_text]] });
}

function showFailed(action, response, body) {
  const reference = body?.requestId ?? response?.headers.get("x-request-id");
  const text = reference ? fill(words.failed_text, { reference }) : [words.failed_text_plain];
  showProblem(words.failed_title, text, action);
}

/** A temporary problem. The button is disabled for `wait` seconds. */
function showProblem(title, text, action, wait = 0) {
  const again = button(words.try_again, (pressed) => send(action, pressed), "primary");
  const when = element("span");
  show({ title: [title], texts: [text], actions: [again], after: wait > 0 ? [[when]] : [] });
  const end = Date.now() + wait * 1000;
  const tick = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    again.disabled = left > 0;
    when.replaceChildren(...(left > 0 ? fill(words.try_again_when, { time: inTime(left) }) : []));
    if (left > 0 && again.isConnected) setTimeout(tick, 1000);
  };
  tick();
}

// --- Calls ---------------------------------------------------------------------------------------------------------------

/** The state of an invitation, by the error code of a failed decision. */
const STATES = { "already-accepted": "accepted", "already-declined": "declined", "already-revoked": "revoked", expired: "expired" };

/**
 * Sends the token: `lookup`, `accept` or `decline`. All buttons are disabled in the meantime. `notice` is shown with the invitation.
 * Accepting sends the role that was shown, so that no other is accepted.
 */
async function send(action, pressed, notice) {
  for (const each of view.querySelectorAll("button")) each.disabled = true;
  pressed?.setAttribute("aria-busy", "true");
  status.textContent = pressed ? words.sending : words.loading;
  const current = ++latest;
  const shown = action === "accept" ? { roleID: invitation.roleID } : {};
  const [response, body] = await post(action, { token, ...shown });
  if (current !== latest) return;
  const before = invitation;
  try {
    handle(action, response, body, notice);
  } catch {
    // The response is not as expected: an unknown state, or a missing field.
    invitation = before;
    showFailed(action, response, body);
  }
}

/** The response and its body; an empty array if there is no response in time. */
async function post(action, body) {
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), TIMEOUT);
  try {
    // Relative, to keep a stage in the path. Sends neither cookies nor a referrer, and does not follow redirects.
    const response = await fetch(`invitations/${action}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      credentials: "omit",
      referrerPolicy: "no-referrer",
      redirect: "error",
      cache: "no-store",
      signal: timeout.signal,
    });
    return [response, await response.json().catch(() => ({}))];
  } catch {
    return [];
  } finally {
    clearTimeout(timer);
  }
}

function handle(action, response, body, notice) {
  if (!response) return showProblem(words.offline_title, [words.offline_text], action);
  if (response.ok && body.state) {
    invitation = body;
    setLanguage(...invitation.display.locales, ...navigator.languages);
    return showInvitation(action !== "lookup", notice);
  }
  // Any other 404 comes from a gateway or proxy and says nothing about the link.
  if (response.status === 404 && body.code === "not-found") return showUnknown();
  const wait = Number.parseInt(response.headers.get("retry-after") ?? "0", 10) || 0;
  if (response.status === 429 || response.status === 503) return showProblem(words.busy_title, [words.busy_text], action, wait);
  if (invitation && body.code === "sign-in-required") {
    // The account has changed its setting since the lookup.
    invitation = { ...invitation, binding: "email" };
    return showInvitation();
  }
  if (body.code === "role-changed") return send("lookup", undefined, words.role_changed);
  if (body.code === "domain-not-allowed") return showNotAllowed();
  if (invitation && STATES[body.code]) {
    invitation = { ...invitation, state: STATES[body.code] };
    return showInvitation();
  }
  showFailed(action, response, body);
}

// --- Start ---------------------------------------------------------------------------------------------------------------

/**
 * The token in a link's fragment, or a damaged one, which the API does not know. Email clients append characters to a link, such as a
 * dot, a bracket, "%20" or "&amp;gt;", so only the start counts. A token has a fixed length and ends with a letter or a digit.
 */
function tokenIn(fragment) {
  return fragment.match(/^(i1\.\d{12}\.[\dA-F]{32}\.[\w-]{43}|[\w.-]*[\dA-Za-z])/)?.[0];
}

/**
 * Moves the token from the address, where bystanders, screenshots and synchronised histories would see it, to the state of this
 * history entry. A reload or going back finds it there; other tabs, other pages and servers do not see it. Session storage would
 * survive a reload, too, but could not distinguish two links opened in the same tab.
 */
function start() {
  const fragment = location.hash.slice(1);
  if (fragment) history.replaceState({ token: tokenIn(fragment) }, "", location.pathname + location.search);
  token = history.state?.token;
  invitation = undefined;
  latest += 1;
  setLanguage(...navigator.languages);
  if (!token) return showMissing();
  view.replaceChildren();
  document.title = words.title;
  send("lookup");
}

// Opening another link in this tab, or going back to an earlier one, does not load a new document.
addEventListener("popstate", start);
// Neither does going back from another page, where the invitation may have been accepted.
addEventListener("pageshow", ({ persisted }) => persisted && start());
start();
