// The person who is signed in at the development issuer. The browser remembers the choice; tokens stay in memory.

const { issuer, people } = JSON.parse(document.body.dataset.session);
const CHOICE = "person";
const RENEW_EARLY = 60; // seconds

export const first = people[0];
export const chosen = () => people.find(({ email }) => email === localStorage.getItem(CHOICE));

export function choose(email) {
  localStorage.setItem(CHOICE, email);
  return chosen();
}

export const forget = () => localStorage.removeItem(CHOICE);

/** A function that yields a valid token of the person. */
export function tokens({ email, name, role, account }) {
  let token;
  let until = 0;
  return async () => {
    if (Date.now() > until) {
      const response = await fetch(`${issuer}/token`, { method: "POST", body: new URLSearchParams({ email, name, role, account }) });
      if (!response.ok) throw new Error(`The development issuer answers with the status ${response.status}.`);
      const { access_token, expires_in } = await response.json();
      [token, until] = [access_token, Date.now() + (expires_in - RENEW_EARLY) * 1000];
    }
    return token;
  };
}

export function report(error) {
  const problem = document.getElementById("problem");
  problem.textContent = error.message;
  problem.hidden = false;
}
