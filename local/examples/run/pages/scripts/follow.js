// Follows a list of emails or events while the page is visible.

const PAUSE = 500; // milliseconds

/** Calls `changed` when the list at `url` has something newer than the ID that `newest` returns. */
export async function follow(url, newest, changed) {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    if (document.hidden) continue;
    try {
      const response = await fetch(`${url}?after=${encodeURIComponent(newest() ?? "")}`);
      const rows = response.ok ? await response.json() : [];
      if (rows.length > 0) await changed(rows);
    } catch {
      // `make run` has ended, or starts again.
    }
  }
}
