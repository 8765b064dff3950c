// Put in front of this are the script of the words, and LOGO, the picture of accounts that have none, or null.
//
// One way: an answer of the API makes a view, and `show` writes the view. Nothing is read back from the page. Whatever comes
// from outside is written as text, never as markup. It runs in browsers from 2021 on (iOS 15, Chrome 90, Firefox 90): nothing
// that is younger is called.

const TIMEOUT = 35_000; // milliseconds; API Gateway gives up before

/** What the API knows by the token: the answer of the last call. */
let invitation;
let token;
/** Counts the calls, and the links that were opened. Only the answer to what was begun last is shown. */
let begun = 0;

// --- The document --------------------------------------------------------------------------------------------------------

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

const view = document.getElementById("view");
const status = document.getElementById("status");

/** Writes a view and tells it: who cannot see the page hears its heading. */
function show({ title, texts = [], facts = [], actions = [], after = [] }) {
  const { name, logo, colour } = invitation?.display ?? {};
  const picture = logo ?? LOGO;
  paint(colour);
  const heading = element("h1", { tabIndex: -1 }, ...title);
  view.replaceChildren(
    // That of all accounts does not stand for this one's name.
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

/** The account's colour is for surfaces only, with black or white on it, whichever stands out more. */
function paint(colour) {
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
  // Where 1.05 / (luminance + 0.05) and (luminance + 0.05) / 0.05 are the same: both are 4.58 there.
  style.setProperty("--on-accent", luminance > 0.179 ? "#000000" : "#ffffff");
}

function button(label, act, className = "") {
  const made = element("button", { type: "button", className }, label);
  made.addEventListener("click", () => act(made));
  return made;
}

/** A way out of here. The place it leads to comes from the account's settings. */
function link(label, url) {
  return element("a", { className: "primary", href: url.href, rel: "noreferrer noopener" }, label);
}

/** What the role is called, else its id. */
function roleName() {
  const id = invitation.roleID;
  return has(words.roles, id) ? words.roles[id] : id;
}

/** Where the account wants people to go on, if that is a place to send a person to. */
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

/** The invitation as it is, whatever state that is. `own` when it came to that by what was pressed here. */
function showInvitation(own = false) {
  const accepted = own ? showAccepted : showAlreadyAccepted;
  const declined = own ? showDeclined : showAlreadyDeclined;
  ({ invited: showInvited, accepted, declined, revoked: showRevoked, expired: showExpired })[invitation.state]();
}

function showInvited() {
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
  const decline = button(words.decline, confirmDecline);
  const after = [[words.ignore]];
  if (invitation.binding !== "email") {
    const accept = button(words.accept, (pressed) => send("accept", pressed), "primary");
    return show({ title, facts, actions: [accept, decline], after });
  }
  // The host application accepts for the person, once it knows who it is.
  const url = redirect();
  if (!url) return show({ title, texts: [[words.sign_in_nowhere]], facts, actions: [decline], after });
  url.hash = token;
  show({ title, texts: [[words.sign_in_why]], facts, actions: [link(words.sign_in, url), decline], after });
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

/** A link can be opened by others. Who did not accept must not read that he did. */
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

function showMissing() {
  show({ title: [words.missing_title], texts: [[words.missing_text]] });
}

function showFailed(action, response, body) {
  const reference = body?.requestId ?? response?.headers.get("x-request-id");
  const text = reference ? fill(words.failed_text, { reference }) : [words.failed_text_plain];
  showProblem(words.failed_title, text, action);
}

/** What may be better the next time. The button waits for as long as the service asked for. */
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

/** Where an invitation is that can no longer be accepted or declined. */
const STATES = { "already-accepted": "accepted", "already-declined": "declined", "already-revoked": "revoked", expired: "expired" };

/** Sends the token: `lookup`, `accept` or `decline`. No button can be pressed in the meantime. */
async function send(action, pressed) {
  for (const each of view.querySelectorAll("button")) each.disabled = true;
  pressed?.setAttribute("aria-busy", "true");
  status.textContent = pressed ? words.sending : words.loading;
  const mine = ++begun;
  const [response, body] = await post(action, { token });
  if (mine !== begun) return;
  const before = invitation;
  try {
    take(action, response, body);
  } catch {
    // The answer is not what this page was made for: a state that it does not know, something that is missing.
    invitation = before;
    showFailed(action, response, body);
  }
}

/** The response and its body; nothing when there is none, or none in time. */
async function post(action, body) {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), TIMEOUT);
  try {
    // Relative, so that a stage in front of the path stays. No cookie goes along, no referrer, and nothing follows a redirect.
    const response = await fetch(`invitations/${action}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      credentials: "omit",
      referrerPolicy: "no-referrer",
      redirect: "error",
      cache: "no-store",
      signal: patience.signal,
    });
    return [response, await response.json().catch(() => ({}))];
  } catch {
    return [];
  } finally {
    clearTimeout(timer);
  }
}

function take(action, response, body) {
  if (!response) return showProblem(words.offline_title, [words.offline_text], action);
  if (response.ok && body.state) {
    invitation = body;
    speak(...invitation.display.locales, ...navigator.languages);
    return showInvitation(action !== "lookup");
  }
  // Another 404 is that of something in front of the service, and says nothing about the link.
  if (response.status === 404 && body.code === "not-found") return showUnknown();
  const wait = Number.parseInt(response.headers.get("retry-after") ?? "0", 10) || 0;
  if (response.status === 429 || response.status === 503) return showProblem(words.busy_title, [words.busy_text], action, wait);
  if (invitation && body.code === "sign-in-required") {
    // The account wants it so since the lookup.
    invitation = { ...invitation, binding: "email" };
    return showInvitation();
  }
  if (invitation && STATES[body.code]) {
    invitation = { ...invitation, state: STATES[body.code] };
    return showInvitation();
  }
  showFailed(action, response, body);
}

// --- Start ---------------------------------------------------------------------------------------------------------------

/**
 * The token in a link's fragment. Mail clients take along what stands behind a link: a dot, a bracket, a blank, some of them
 * percent-encoded. A token ends with a letter or a digit, and no percent sign is in it.
 */
function tokenIn(fragment) {
  return fragment.replace(/%[0-9a-f]{2}/gi, " ").match(/^.*[0-9a-z]/is)?.[0];
}

/**
 * Takes the token out of the address, where shoulders, screenshots and synchronised histories would see it, and keeps it in
 * the state of this entry of the tab's history. A reload and a way back find it there; another tab, another page and a server
 * do not. Session storage would do the same for a reload, but could not tell two links that were opened in one tab.
 */
function start() {
  const fragment = location.hash.slice(1);
  if (fragment) history.replaceState({ token: tokenIn(fragment) }, "", location.pathname + location.search);
  token = history.state?.token;
  invitation = undefined;
  begun += 1;
  speak(...navigator.languages);
  if (!token) return showMissing();
  view.replaceChildren();
  document.title = words.title;
  send("lookup");
}

// Another link that is opened in this tab, and the way back to an earlier one, come without a new document.
addEventListener("popstate", start);
// So does the way back from another page, and there the invitation may have been accepted.
addEventListener("pageshow", ({ persisted }) => persisted && start());
start();
