// Shows new emails and events as they come. Without scripts, the pages reload themselves.

import { follow } from "./follow.js";

for (const list of document.querySelectorAll("[data-live]")) {
  follow(list.dataset.live, () => list.firstElementChild?.dataset.id, () => update(list));
}

// Rows that stay are not touched, so that they keep the focus and the selection.
async function update(list) {
  const page = new DOMParser().parseFromString(await (await fetch(location.pathname)).text(), "text/html");
  const rows = [...page.querySelector(`[data-live="${list.dataset.live}"]`).children];
  const ids = (nodes) => new Set([...nodes].map((row) => row.dataset.id));
  const [here, there] = [ids(list.children), ids(rows)];
  list.prepend(...rows.filter((row) => !here.has(row.dataset.id)));
  for (const row of [...list.children]) {
    if (!there.has(row.dataset.id) && !row.contains(document.activeElement)) row.remove();
  }
}
