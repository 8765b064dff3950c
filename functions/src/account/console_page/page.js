// The views of the console. The scripts for texts and for the session precede this one. Untrusted data is written as text, never as
// markup.

const view = document.getElementById("view");
const status = document.getElementById("status");

function element(name, properties, ...children) {
  const created = Object.assign(document.createElement(name), properties);
  created.append(...children);
  return created;
}

function button(label, onClick, className = "") {
  const created = element("button", { type: "button", className }, ...[label].flat());
  created.addEventListener("click", () => onClick(created));
  return created;
}

/** Writes a view and focuses its heading, so that screen readers announce it. */
function show({ title, texts = [], actions = [] }) {
  document.body.classList.remove("signed-in");
  const heading = element("h1", { tabIndex: -1 }, title);
  view.replaceChildren(
    heading,
    ...texts.map((text) => element("p", {}, ...[text].flat())),
    ...(actions.length ? [element("div", { className: "actions" }, ...actions)] : []),
  );
  status.textContent = "";
  document.title = title;
  heading.focus();
}

/** Shows why nobody is signed in, and offers to sign in at each issuer. */
function offer(title, ...texts) {
  if (ISSUERS.length === 0) return show({ title: words.unconfigured_title, texts: [words.unconfigured_text] });
  const actions = ISSUERS.map((issuer) => {
    const label = ISSUERS.length === 1 ? words.sign_in : fill(words.sign_in_with, { issuer: issuer.name });
    return button(label, (pressed) => leave(issuer, pressed), "primary");
  });
  show({ title, texts, actions });
}

/** Goes to the issuer to sign in. */
function leave(issuer, pressed) {
  for (const each of view.querySelectorAll("button")) each.disabled = true;
  pressed.setAttribute("aria-busy", "true");
  status.textContent = words.loading;
  signIn(issuer).catch(showFailed);
}

function showFailed(error) {
  const reason = error instanceof SignInError && error.reason;
  offer(words.failed_title, words.failed_text, ...(reason ? [fill(words.failed_reason, { reason })] : []));
}

/** The panel's script, which may fail to load, runs after this one and before this event. */
const loaded = new Promise((resolve) => addEventListener("DOMContentLoaded", resolve));

async function showPanel() {
  await loaded;
  if (!customElements.get("invitations-panel")) {
    forget();
    const again = button(words.reload, () => location.reload(), "primary");
    return show({ title: words.broken_title, texts: [words.broken_text], actions: [again] });
  }
  const panel = document.createElement("invitations-panel");
  // Relative, to keep a stage in the path.
  panel.setAttribute("endpoint", new URL(".", HERE).href.replace(/\/$/, ""));
  panel.getToken = () => getToken(() => offer(words.ended_title, words.ended_text));
  const out = button(words.sign_out, () => signOut() || offer(words.signed_out_title, words.signed_out_text));
  document.body.classList.add("signed-in");
  view.replaceChildren(element("header", {}, out), panel);
  status.textContent = "";
  document.title = words.title;
}

async function start() {
  setLanguage(...navigator.languages);
  document.title = words.title;
  view.replaceChildren();
  status.textContent = words.loading;
  try {
    if (await completeSignIn()) await showPanel();
    else offer(words.title, words.welcome);
  } catch (error) {
    showFailed(error);
  }
}

start();
// Going back to this page from the issuer may show it as it was left.
addEventListener("pageshow", ({ persisted }) => persisted && !session && start());
