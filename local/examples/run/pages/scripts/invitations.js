// Asks who signs in, and shows that person the panel.

import { follow } from "./follow.js";
import { choose, chosen, forget, report, tokens } from "./session.js";

const part = (id) => document.getElementById(id);

async function show(person) {
  part("choice").hidden = true;
  part("signed-in").hidden = false;
  part("person").textContent = `${person.name} (${person.role})`;
  try {
    await import("/invitations-panel.js");
  } catch {
    throw new Error("The panel cannot be loaded. `make panel` builds it.");
  }
  const panel = document.createElement("invitations-panel");
  panel.setAttribute("endpoint", "/proxy");
  panel.getToken = tokens(person);
  panel.addEventListener("invitations-ready", ({ detail: { caller } }) => {
    const mayInvite = caller.permissions.includes("invitations:create");
    part("steps").hidden = !mayInvite;
    part("viewer").hidden = mayInvite;
  });
  part("panel").replaceChildren(panel);

  // The panel refreshes itself within seconds. Here, every event is known at once.
  let newest;
  follow("/events.json", () => newest, ([{ id }]) => {
    newest = id;
    panel.refresh();
  });
}

for (const button of document.querySelectorAll("[data-person]")) {
  button.addEventListener("click", () => show(choose(button.dataset.person)).catch(report));
}
part("switch").addEventListener("click", () => {
  forget();
  location.reload();
});

const person = chosen();
if (person) show(person).catch(report);
else part("choice").hidden = false;
