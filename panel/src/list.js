// The list: filters, rows, and what is said about them.

import { arrange, bdi, button, field, h, id, put, select } from "./dom.js";

const STATES = ["invited", "accepted", "declined", "revoked", "expired"];
const WAIT = 300; // milliseconds without typing until a search starts
const ACTIONS = ["resend", "reopen", "change", "new_link", "revoke"];

/** What a list is ordered by, and its two directions, the default first. The API decides by the first of these filters. */
function orders({ emailPrefix, state }) {
  if (emailPrefix) return [["asc", "order_a"], ["desc", "order_z"]];
  if (state === "invited") return [["asc", "order_soonest"], ["desc", "order_farthest"]];
  if (state) return [["desc", "order_latest"], ["asc", "order_earliest"]];
  return [["desc", "order_newest"], ["asc", "order_oldest"]];
}

export class ListView {
  constructor(panel) {
    this.panel = panel;
    this.rows = new Map();
    const { t } = panel;
    this.list = h("ul", { role: "list", "aria-label": panel.language.text("title") });
    const columns = ["email", "role", "state", "expiry", "invited_by"].map((key) => h("span", {}, t(key)));
    this.head = h("div", { class: "head", "aria-hidden": "true" }, columns);
    this.empty = h("p", { class: "empty" });
    this.error = h("p", { class: "error", role: "alert" });
    this.again = button(t("try_again"), () => panel.store.load(), { hidden: true });
    this.stale = h("p", { class: "hint", role: "status" });
    this.count = h("p", { class: "hint", role: "status" });
    this.moreButton = button(t("more"), () => this.#more(), { hidden: true });
    this.nodes = [this.#filters(), this.stale, this.head, this.list, this.empty, this.error, this.again, h("footer", {}, this.count, this.moreButton)];
  }

  // --- Filters ---------------------------------------------------------------------------------------------------------

  #filters() {
    const { t, language } = this.panel;
    const hint = h("p", { class: "hint", id: id(), hidden: true }, t("search_hint"));
    this.search = h("input", { type: "search", autocomplete: "off", spellcheck: "false", "aria-describedby": hint.id, oninput: () => this.#typed() });
    this.hint = hint;
    const changed = () => this.#load();
    const all = ["", language.text("all")];
    this.state = select([all, ...STATES.map((state) => [state, language.named("state_", state)])], "", { onchange: changed });
    this.role = select([all], "", { onchange: changed });
    this.order = select([], "", { onchange: () => this.#load(true) });
    this.#orders({});
    return h(
      "div",
      { class: "filters", role: "search" },
      field(t("search"), this.search, hint),
      field(t("filter_state"), this.state),
      field(t("filter_role"), this.role),
      field(t("order"), this.order),
    );
  }

  #orders(filters) {
    this.order.replaceChildren(...orders(filters).map(([value, key]) => h("option", { value }, this.panel.t(key))));
  }

  /** All roles that are known: those that the caller may grant, those with a name, and those in the list. */
  #roles(items) {
    const { language, caller } = this.panel;
    const known = new Set([...caller.grantableRoles, ...Object.keys(language.roles), ...items.map(({ roleID }) => roleID)]);
    const have = new Set([...this.role.options].map(({ value }) => value));
    for (const role of known) if (!have.has(role)) this.role.append(h("option", { value: role }, language.role(role)));
  }

  #typed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#load(), WAIT);
  }

  #load(ordered = false) {
    const typed = this.search.value.trim();
    this.hint.hidden = typed.length === 0 || typed.length > 2;
    const filters = { emailPrefix: typed.length > 2 ? typed : "", state: this.state.value, roleID: this.role.value };
    if (!ordered) this.#orders(filters);
    const next = { ...filters, order: this.order.value === orders(filters)[0][0] ? "" : this.order.value };
    if (JSON.stringify(next) !== JSON.stringify({ emailPrefix: "", state: "", roleID: "", order: "", ...this.panel.store.filters })) this.panel.store.load(next);
  }

  /** Loads more, and moves the focus to the first new row if the button has gone. */
  async #more() {
    const before = this.list.children.length;
    await this.panel.store.more();
    if (this.moreButton.hidden) this.list.children[before]?.querySelector(".name").focus();
  }

  // --- Rows ------------------------------------------------------------------------------------------------------------

  /** Shows what the store has. Rows stay what they are, so that focus and scroll position do. */
  update() {
    const { store, t, root } = this.panel;
    const items = store.shown;
    this.#roles(items);
    const focused = root.activeElement;
    const rows = items.map((invitation) => {
      const row = this.rows.get(invitation.id) ?? new Row(this.panel);
      this.rows.set(invitation.id, row);
      row.update(invitation);
      return row.element;
    });
    const focusedRow = focused?.closest(".row");
    const next = focusedRow && this.#neighbour(focusedRow, rows);
    arrange(this.list, rows, focusedRow);
    if (focusedRow && root.activeElement !== focused) (next?.querySelector(".name") ?? this.panel.heading).focus();
    const kept = new Set(items.map(({ id }) => id));
    for (const id of this.rows.keys()) if (!kept.has(id)) this.rows.delete(id);

    this.head.hidden = !items.length;
    this.list.setAttribute("aria-busy", String(store.loading));
    const filtered = Object.values(store.filters).some(Boolean);
    const nothing = store.next ? "no_match_yet" : filtered ? "no_match" : "empty";
    put(this.empty, ...(items.length || store.error ? [] : store.loading ? t("loading") : t(nothing)));
    put(this.error, ...(store.error ? this.panel.sentence(store.error) : []));
    this.again.hidden = !store.error;
    this.moreButton.hidden = !store.next || !!store.error;
    put(this.count, ...(items.length ? t("count", { count: items.length }) : []));
    put(this.stale, ...(store.stale ? t("stale", { time: this.panel.language.dateText(new Date(store.stale).toISOString()) }) : []));
    this.#tick();
  }

  /** The row that stays closest to one that goes. */
  #neighbour(row, rows) {
    for (let at = row; at; at = at.nextElementSibling) if (rows.includes(at)) return at;
    for (let at = row; at; at = at.previousElementSibling) if (rows.includes(at)) return at;
  }

  /** Counts cooldowns down. */
  #tick() {
    clearTimeout(this.ticking);
    if (this.panel.signal.aborted) return;
    const waiting = [...this.rows.values()].filter((row) => row.count());
    if (waiting.length) this.ticking = setTimeout(() => this.#tick(), 1000);
  }
}

class Row {
  constructor(panel) {
    this.panel = panel;
    const { t } = panel;
    const cell = (key, name) => (this[name] = h("span", { class: "value" })) && h("div", { class: `cell ${name}` }, h("span", { class: "label" }, t(key)), " ", this[name]);
    this.name = button("", () => panel.details(this.invitation), { class: "name", "aria-haspopup": "dialog" });
    this.actions = Object.fromEntries(ACTIONS.map((action) => [action, this.#button(action)]));
    this.wait = h("span", { class: "wait", "aria-hidden": "true" });
    this.why = h("span", { class: "hidden", id: id() });
    this.actions.resend.append(this.wait);
    this.saving = h("span", { class: "saving" });
    this.error = h("p", { class: "error", role: "alert" });
    this.element = h(
      "li",
      { class: "row" },
      h("div", { class: "cell who" }, this.name),
      cell("role", "role"),
      cell("state", "state"),
      cell("expiry", "expiry"),
      cell("invited_by", "by"),
      h("div", { class: "actions" }, this.saving, ...Object.values(this.actions), this.why),
      this.error,
    );
  }

  #button(action) {
    const className = action === "revoke" ? "small danger" : "small";
    return button(this.panel.t(action), () => this.#act(action), { class: className });
  }

  #act(action) {
    const busy = this.panel.store.patches.has(this.invitation.id);
    if (busy || (action === "resend" && this.panel.store.cooldown(this.invitation))) return;
    this.panel.act(action, this.invitation);
  }

  update(invitation) {
    const { panel } = this;
    const { language, store, t } = panel;
    this.invitation = invitation;
    const { email, state } = invitation;
    put(this.name, bdi(email));
    put(this.role, bdi(language.role(invitation.roleID)));
    this.element.dataset.state = state;
    put(this.state, h("span", { class: "chip" }, language.named("state_", state)), " ", h("span", { class: "hint" }, this.#since(invitation)));
    // A closed invitation does not expire any more, and an expired one says so with its state.
    const open = state === "invited";
    put(this.expiry, ...(open ? [language.date(invitation.expiry)] : []));
    this.expiry.parentElement.hidden = !open;
    put(this.by, ...panel.who(invitation.invitedBy));

    const busy = store.patches.has(invitation.id);
    const allowed = panel.allowed(invitation);
    const focused = panel.root.activeElement;
    for (const [action, element] of Object.entries(this.actions)) {
      element.hidden = !allowed.includes(action);
      element.setAttribute("aria-label", language.text("action_for", { action: language.text(action), email }));
      if (focused === element && element.hidden) this.name.focus();
    }
    this.element.setAttribute("aria-busy", String(busy));
    put(this.saving, ...(busy ? t("saving") : []));
    const error = store.errors.get(invitation.id);
    put(this.error, ...(error ? panel.sentence(error) : []));
  }

  /** How the email fares while the invitation is open, and since when it is closed. */
  #since(invitation) {
    const { language, t } = this.panel;
    const time = invitation[invitation.state === "expired" ? "expiry" : `${invitation.state}At`];
    if (time) return [language.date(time)];
    if (invitation.state !== "invited") return [];
    if (invitation.sent === false) return t("delivery_link");
    const { delivery } = invitation;
    return delivery ? [bdi(language.named("delivery_", delivery.state)), ...(delivery.reason ? [" (", bdi(delivery.reason), ")"] : [])] : t("delivery_pending");
  }

  /** Shows the rest of the cooldown. Whether there is any. */
  count() {
    const { language, store, t } = this.panel;
    const left = this.actions.resend.hidden ? 0 : store.cooldown(this.invitation);
    const { resend } = this.actions;
    put(this.wait, left ? ` ${language.duration(left, "narrow")}` : "");
    if ((resend.getAttribute("aria-disabled") === "true") !== left > 0) {
      if (left) {
        resend.setAttribute("aria-disabled", "true");
        resend.setAttribute("aria-describedby", this.why.id);
        put(this.why, ...t("wait", { time: language.duration(left) }));
      } else {
        resend.removeAttribute("aria-disabled");
        resend.removeAttribute("aria-describedby");
        put(this.why);
      }
    }
    return left > 0;
  }
}
