// Many invitations: paste or drop, check, look at the result of every row, send.

import { people } from "./csv.js";
import { Dialog } from "./dialog.js";
import { roleControl } from "./dialogs.js";
import { bdi, button, field, h, id, put } from "./dom.js";
import { chunks } from "./store.js";

const MOST = 5_000; // rows
const LARGEST = 1_000_000; // bytes of a file

export function bulk(panel) {
  new Bulk(panel);
}

class Bulk {
  constructor(panel) {
    this.panel = panel;
    this.dialog = new Dialog(panel, panel.t("bulk_title"), "wide");
    this.text = h("textarea", { rows: "8", spellcheck: "false", autocomplete: "off", dir: "ltr", autofocus: true });
    this.role = roleControl(panel, undefined, "");
    this.#ask();
    this.dialog.onclose = () => {
      this.closed = true;
      clearInterval(this.ticking);
    };
    this.dialog.open();
  }

  // --- Input -----------------------------------------------------------------------------------------------------------

  #ask() {
    const { t } = this.panel;
    const { dialog } = this;
    clearInterval(this.ticking);
    const file = h("input", { type: "file", accept: ".csv,.txt,text/csv,text/plain", onchange: () => this.#read(file.files[0]) });
    const hint = h("p", { class: "hint", id: id() }, t("bulk_hint"));
    this.text.setAttribute("aria-describedby", hint.id);
    const zone = h("div", { class: "drop" }, field(t("bulk_text"), this.text, hint), field(t("bulk_file"), file));
    zone.addEventListener("dragover", (event) => event.preventDefault());
    zone.addEventListener("drop", (event) => {
      if (!event.dataTransfer.files.length) return;
      event.preventDefault();
      this.#read(event.dataTransfer.files[0]);
    });
    dialog.body.replaceChildren(zone, field(t("bulk_role"), this.role));
    dialog.fail();
    dialog.actions(t("bulk_check"));
    dialog.interruptible = false;
    dialog.onsubmit = () => this.#check();
  }

  async #read(file) {
    if (!file) return;
    this.dialog.fail();
    try {
      if (file.size > LARGEST) throw new Error("too large");
      const bytes = await file.arrayBuffer();
      if (new Uint8Array(bytes).includes(0)) throw new Error("not a text");
      this.text.value = decode(bytes);
      this.text.focus();
    } catch {
      this.dialog.fail({ key: "bulk_unreadable" });
      put(this.dialog.error, ...this.panel.t("bulk_unreadable", { size: this.panel.language.unit(LARGEST / 1e6, "megabyte", "short") }));
    }
  }

  // --- Check -----------------------------------------------------------------------------------------------------------

  async #check() {
    const { panel, dialog } = this;
    const { language } = panel;
    const roles = panel.caller.grantableRoles;
    // A role can be written by its name. What is the ID of one is that one, even if another has it as its name.
    const ids = new Map([...roles.map((role) => [language.role(role).toLowerCase(), role]), ...roles.map((role) => [role, role])]);
    const { rows: found, unknown } = people(this.text.value);
    const refuse = (key, values) => put(dialog.error, ...panel.t(key, values));
    if (unknown.length) return refuse("bulk_unknown", { columns: unknown.join(", ") });
    if (!found.length) return refuse("bulk_empty");
    if (found.length > MOST) return refuse("bulk_too_many", { count: language.number(MOST) });
    const first = new Map();
    this.rows = found.map((row, index) => {
      const address = row.email.trim().toLowerCase();
      const duplicate = first.get(address);
      if (duplicate === undefined) first.set(address, index + 1);
      const roleID = row.roleID ? (ids.get(row.roleID.toLowerCase()) ?? row.roleID) : this.role.value;
      return { body: { ...row, roleID: roleID || undefined }, duplicate };
    });
    this.#review();
    await this.#run(true);
  }

  #review() {
    const { t, language } = this.panel;
    const { dialog } = this;
    this.summary = h("p", { role: "status" });
    this.progress = h("progress", { "aria-label": language.text("bulk_result") });
    const head = ["bulk_row", "email", "role", "bulk_result"].map((key) => h("th", { scope: "col" }, t(key)));
    const lines = this.rows.map((row, index) => {
      row.cell = h("td");
      row.reasons = { email: h("p", { class: "error" }), roleID: h("p", { class: "error" }) };
      if (row.duplicate) put(row.cell, ...t("bulk_duplicate", { row: language.number(row.duplicate) }));
      row.line = h(
        "tr",
        { class: row.duplicate ? "bad" : undefined },
        h("td", {}, language.number(index + 1)),
        h("td", {}, bdi(row.body.email), row.reasons.email),
        h("td", {}, bdi(language.role(row.body.roleID ?? "")), row.reasons.roleID),
        row.cell,
      );
      return row.line;
    });
    const table = h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, lines));
    const scroll = h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": language.text("bulk_result") }, table);
    dialog.body.replaceChildren(this.summary, this.progress, scroll);
    this.checked = false;
    this.sending = undefined;
    // Ends it after the present chunk.
    dialog.actions();
    this.scroll = scroll;
    scroll.focus();
  }

  // --- Requests --------------------------------------------------------------------------------------------------------

  /** Checks all rows, or sends those that are due. After an error, the rest of the same chunks is sent again, with their keys. */
  async #run(dryRun) {
    const { panel } = this;
    const { t, language } = panel;
    if (dryRun || !this.sending?.length) {
      const rows = this.rows.filter((row) => !row.duplicate && (dryRun || (row.ready && !row.created && row.until <= Date.now())));
      const queue = chunks(rows.map((row) => row.body)).map((chunk) => ({ ...chunk, of: rows.splice(0, chunk.rows.length) }));
      if (dryRun) this.checking = queue;
      else this.sending = queue;
    }
    const queue = dryRun ? this.checking : this.sending;
    const count = queue.reduce((sum, chunk) => sum + chunk.rows.length, 0);
    let done = 0;
    const show = () => {
      this.progress.value = done;
      put(this.summary, ...t(dryRun ? "bulk_checking" : "bulk_sending", { done: language.number(done), count: language.number(count) }));
    };
    clearInterval(this.ticking);
    this.progress.hidden = false;
    this.progress.max = count;
    this.dialog.interruptible = true;
    show();
    try {
      while (queue.length && !this.closed) {
        const [chunk] = queue;
        const results = await panel.store.bulk(chunk, dryRun);
        results.forEach((result, index) => this.#result(chunk.of[index], result, dryRun));
        queue.shift();
        done += chunk.rows.length;
        show();
      }
      this.checked ||= dryRun;
    } finally {
      this.progress.hidden = true;
      if (!dryRun) panel.store.soon(true);
      if (!this.closed) this.#summary();
    }
  }

  #result(row, { status, invitation, error }, dryRun) {
    const { panel } = this;
    row.ready = status === 201 || status === 429;
    row.created = status === 201 && !dryRun;
    row.until = status === 429 ? Date.now() + (error?.retryAfter ?? 1) * 1000 : 0;
    row.line.className = row.created ? "created" : status === 201 ? "" : "bad";
    // Reasons about the address and the role are shown below these, the others with the name of their column.
    const fields = Object.entries(error?.fields ?? {});
    for (const [name, reason] of Object.entries(row.reasons)) put(reason, ...fields.filter(([field]) => field === name).map(([, text]) => bdi(text)));
    const others = fields.filter(([name]) => !Object.hasOwn(row.reasons, name)).map(([name, reason]) => bdi(`${name}: ${reason} `));
    if (status === 201) put(row.cell, ...panel.t(dryRun ? "bulk_ready" : "bulk_invited"));
    else put(row.cell, ...(others.length ? others : fields.length ? panel.t("bulk_refused") : panel.sentence(error ?? {})));
    if (invitation) panel.done("invited", "created", invitation, false);
  }

  /** What has happened, and what can be done next. */
  #summary() {
    const { panel, dialog } = this;
    const { t, language } = panel;
    const count = (key, number) => (number ? [h("span", {}, t(key, { count: number })), " "] : []);
    const created = this.rows.filter((row) => row.created).length;
    const open = this.rows.filter((row) => row.ready && !row.created);
    const bad = this.rows.filter((row) => row.duplicate || row.ready === false).length;
    const update = () => {
      const later = open.filter((row) => row.until > Date.now());
      const wait = Math.max(0, ...later.map((row) => Math.ceil((row.until - Date.now()) / 1000)));
      const now = open.length - later.length;
      const waits = later.length ? [h("span", {}, t("bulk_later", { count: later.length, time: language.duration(wait) })), " "] : [];
      put(this.summary, ...count("bulk_done", created), ...count("bulk_good", now), ...waits, ...count("bulk_bad", bad));
      if (this.checked && dialog.submit) {
        dialog.submit.disabled = !now;
        put(dialog.submit, ...t("bulk_send", { count: now || later.length }));
      }
      if (!later.length) clearInterval(this.ticking);
    };
    clearInterval(this.ticking);
    this.ticking = setInterval(update, 1000);
    if (!this.checked) dialog.actions(t("try_again"));
    else if (open.length) dialog.actions(" ");
    else dialog.actions(undefined, t("close"));
    if (!created) dialog.footer.prepend(button(t("back"), () => this.#ask()));
    dialog.onsubmit = () => this.#run(!this.checked);
    update();
    (dialog.submit?.disabled === false ? dialog.submit : this.scroll).focus();
  }
}

/** UTF-8, or what Excel writes in Western countries. */
function decode(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}
