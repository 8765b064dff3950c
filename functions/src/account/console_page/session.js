// The session: signs in at an issuer by authorization code with PKCE (RFC 7636, RFC 9700) as a public client. ISSUERS, the issuers at
// which people can sign in, is defined before this script.
//
// Tokens exist only in variables of this script: a reload forgets them. Only what has to survive the redirect to the issuer, the proof
// that this page has sent the person there, is in the tab's session storage, and is removed as soon as the person is back.

/** Where issuers send people back to: this page, without a query. */
const HERE = location.origin + location.pathname;
const STORED = "invitations-console";
/**
 * Where an issuer sends people back to. If there are several, each has an address of its own: otherwise one could start a sign-in at
 * another, and would get the code that is sent back (RFC 9700, 4.4).
 */
function redirectURI({ name }) {
  return ISSUERS.length > 1 ? `${HERE}?${new URLSearchParams({ issuer: name })}` : HERE;
}

/** Milliseconds before its expiry from which a token is no longer sent. */
const MARGIN = 10_000;

/** `{issuer, token, refreshToken, expires}` of the person who has signed in, or undefined. */
let session;
/** The refresh in progress, so that requests at the same time share it. */
let refreshing;

/** A problem that is shown; `reason` is the issuer's word for it, if there is one. */
class SignInError extends Error {
  constructor(reason) {
    super(reason ?? "sign-in failed");
    this.reason = reason;
  }
}

/** Bytes in base64url. */
function encoded(bytes) {
  return btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** 256 random bits. */
function random() {
  return encoded(crypto.getRandomValues(new Uint8Array(32)));
}

/** Goes to the issuer. */
async function signIn(issuer) {
  const [state, nonce, verifier] = [random(), random(), random()];
  const challenge = encoded(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier)));
  sessionStorage.setItem(STORED, JSON.stringify({ name: issuer.name, state, nonce, verifier }));
  const url = new URL(issuer.authorizationEndpoint);
  const parameters = {
    ...issuer.parameters,
    response_type: "code",
    client_id: issuer.clientID,
    redirect_uri: redirectURI(issuer),
    scope: issuer.scope,
    state,
    nonce,
    code_challenge: challenge,
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  location.assign(url);
}

/**
 * Completes a sign-in if the issuer has just sent the person here. Only a response to a request of this tab counts: it has the same
 * state, and it is used once, because the address and the storage are cleared first. Returns whether there is a session.
 */
async function completeSignIn() {
  const response = new URLSearchParams(location.search);
  const stored = sessionStorage.getItem(STORED);
  sessionStorage.removeItem(STORED);
  if (location.search) history.replaceState(null, "", HERE);
  if (!response.has("state")) return false;
  // A page that is opened again from the history, or by another site.
  const request = stored && JSON.parse(stored);
  if (!request || request.state !== response.get("state")) return false;
  const issuer = ISSUERS.find(({ name }) => name === request.name);
  // The code of another issuer must not get to this one: the address tells them apart, and some say in `iss` who they are (RFC 9207).
  const name = issuer && new URL(redirectURI(issuer)).searchParams.get("issuer");
  if (!issuer || response.get("issuer") !== name || (response.has("iss") && response.get("iss") !== issuer.issuer)) throw new SignInError();
  if (response.has("error")) throw new SignInError(response.get("error_description") ?? response.get("error"));
  const code = { code: response.get("code") ?? "", code_verifier: request.verifier };
  await requestToken(issuer, { grant_type: "authorization_code", redirect_uri: redirectURI(issuer), ...code }, request.nonce);
  return true;
}

/** Requests tokens, and starts or renews the session with them. */
async function requestToken(issuer, parameters, nonce) {
  const before = session;
  const response = await fetch(issuer.tokenEndpoint, {
    method: "POST",
    headers: { accept: "application/json" },
    body: new URLSearchParams({ ...parameters, client_id: issuer.clientID }),
    credentials: "omit",
    referrerPolicy: "no-referrer",
    redirect: "error",
    cache: "no-store",
  }).catch(() => undefined);
  const tokens = await response?.json().catch(() => undefined);
  if (!response?.ok) throw new SignInError(tokens?.error_description ?? tokens?.error);
  const token = issuer.token === "id" ? tokens?.id_token : tokens?.access_token;
  // The ID token comes from the issuer itself, and says whether it answers this request. The API verifies the token that it gets.
  const claims = tokens?.id_token && claimsOf(tokens.id_token);
  if (typeof token !== "string" || (nonce && claims && claims.nonce !== nonce)) throw new SignInError();
  const seconds = issuer.token === "id" && claims?.exp ? claims.exp - Date.now() / 1000 : tokens.expires_in;
  const expires = Number.isFinite(seconds) ? Date.now() + seconds * 1000 : Infinity;
  // A person who has signed out in the meantime stays signed out.
  if (session !== before) throw new SignInError();
  session = { issuer, token, refreshToken: tokens.refresh_token ?? session?.refreshToken, expires };
}

/** The claims of a token, unverified. */
function claimsOf(token) {
  try {
    const bytes = Uint8Array.from(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new SignInError();
  }
}

/** The token for a request. Without one, the session is over, and `whenOver` is called. */
async function getToken(whenOver) {
  if (session && Date.now() >= session.expires - MARGIN && session.refreshToken) {
    const { issuer, refreshToken } = session;
    refreshing ??= requestToken(issuer, { grant_type: "refresh_token", refresh_token: refreshToken })
      .catch(forget)
      .finally(() => (refreshing = undefined));
    await refreshing;
  }
  if (session && Date.now() < session.expires - MARGIN) return session.token;
  forget();
  whenOver();
  throw new Error("the session is over");
}

function forget() {
  session = undefined;
}

/** Forgets the tokens, and goes to the issuer to end its session, too, if it has an address for that. Returns whether it goes there. */
function signOut() {
  const { issuer } = session ?? {};
  forget();
  if (!issuer?.endSessionEndpoint) return false;
  const url = new URL(issuer.endSessionEndpoint);
  // Cognito has a name of its own for the address to come back to.
  for (const name of ["post_logout_redirect_uri", "logout_uri"]) url.searchParams.set(name, HERE);
  url.searchParams.set("client_id", issuer.clientID);
  location.assign(url);
  return true;
}
