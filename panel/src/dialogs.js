// The dialogs about one invitation.

import { newKey } from "./api.js";
import { Dialog, confirm } from "./dialog.js";
import { bdi, button, field, h, id, put, select } from "./dom.js";

const HOUR = 3_600_000;

/** A control for an expiry in the person's time zone. */
function expiryControl(panel, iso) {
  const local = (time) => new Date(time - new Date(time).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  const { minExpirySeconds, maxExpirySeconds = 30 * 86400 } = panel.caller.limits;
  return h("input", {
    type: "datetime-local",
    name: "expiry",
    value: iso && local(Date.parse(iso)),
    min: local(Date.now() + (minExpirySeconds ? minExpirySeconds * 1000 : HOUR)),
    max: local(Date.now() + maxExpirySeconds * 1000),
  });
}

/** The time of such a control, if it has one. */
const expiryOf = (control) => (control.value ? new Date(control.value).toISOString().replace(/\.\d+/, "") : undefined);

/** The roles that the caller may grant. Which one is new for a person is a decision, so none is chosen before the first time. */
export function roleControl(panel, roleID = panel.lastRole, name = "roleID") {
  const { caller, language, t } = panel;
  const roles = caller.grantableRoles.map((role) => [role, language.role(role)]);
  if (roles.length > 1 && !roleID) roles.unshift(["", t("choose")]);
  const control = select(roles, roleID, { name, required: !!name });
  control.addEventListener("change", () => (panel.lastRole = control.value || undefined));
  return control;
}

export function invite(panel) {
  const { t, language, caller } = panel;
  const dialog = new Dialog(panel, t("invite_title")).actions(t("invite_send"));
  const email = h("input", { type: "email", name: "email", autocomplete: "off", required: true, autofocus: true });
  const role = roleControl(panel);
  const expiry = expiryControl(panel);
  const hint = caller.limits.defaultExpirySeconds && t("expiry_hint", { time: language.duration(caller.limits.defaultExpirySeconds) });
  const about = h("p", { class: "hint", id: id() }, hint ?? "");
  if (hint) expiry.setAttribute("aria-describedby", about.id);
  const tags = language.tags.map((tag) => [tag, language.language(tag)]);
  const locale = select([["", language.text("language_default")], ...tags], "", { name: "locale" });
  const without = h("input", { type: "checkbox", name: "send", id: id() });
  dialog.body.append(
    field(t("email"), email),
    field(t("role"), role),
    field(t("expiry_optional"), expiry, about),
    ...(tags.length > 1 ? [field(t("language"), locale)] : []),
    ...(panel.can("link") ? [h("div", { class: "check" }, without, h("label", { for: without.id }, t("without_email")))] : []),
  );
  // The key belongs to what was sent: something else needs another.
  let key;
  let before;
  dialog.onsubmit = async () => {
    const body = {
      email: email.value,
      roleID: role.value || undefined,
      expiry: expiryOf(expiry),
      locale: locale.value || undefined,
      send: without.checked ? false : undefined,
    };
    if (JSON.stringify(body) !== before) key = newKey();
    before = JSON.stringify(body);
    const created = await panel.store.create(body, key);
    dialog.close();
    panel.done("invited", "created", created);
    if (created.link) showLink(panel, created);
  };
  dialog.open();
}

export function change(panel, shown) {
  const { t } = panel;
  const dialog = new Dialog(panel, t("change_title")).actions(t("save"));
  const role = roleControl(panel, shown.roleID);
  const expiry = expiryControl(panel, shown.expiry);
  // What the person has not touched is not sent, whatever it has become meanwhile.
  const [roleBefore, before] = [role.value, expiry.value];
  dialog.body.append(h("p", {}, t("change_hint", { email: shown.email })), field(t("role"), role), field(t("expiry"), expiry));
  dialog.onsubmit = async () => {
    const body = {
      ...(role.value !== roleBefore && { roleID: role.value }),
      ...(expiry.value && expiry.value !== before && { expiry: expiryOf(expiry) }),
    };
    if (!Object.keys(body).length) return dialog.close();
    const changed = await changeShown(panel.store, shown, body).catch(async (error) => {
      if (error.code === "changed") shown = (await panel.store.describe(shown.id)).invitation;
      throw error;
    });
    dialog.close();
    panel.done("changed", "changed", changed);
  };
  dialog.open();
}

/** Changes an invitation if it is still as it was shown: not one that somebody else has changed. Delivery reports do not matter. */
async function changeShown(store, shown, body) {
  for (let attempt = 1; ; attempt++) {
    const { invitation, etag } = await store.describe(shown.id);
    const same = ["state", "roleID", "expiry"].every((name) => invitation[name] === shown[name]);
    try {
      // A tag that no invitation has lets the API say that it has changed.
      return await store.change(shown, body, { body, match: same ? etag : '"changed"' });
    } catch (error) {
      if (error.code !== "changed" || !same || attempt === 3) throw error;
    }
  }
}

export function revoke(panel, invitation) {
  const text = panel.t("revoke_text", { email: invitation.email });
  confirm(panel, { title: "revoke_title", text, yes: "revoke", className: "danger" }, (dialog) => {
    dialog.close();
    panel.write(invitation, { state: "revoked" }, { body: { state: "revoked" } }, "revoked");
  });
}

/** Sends again. After a bounce only if the person insists. */
export function resend(panel, invitation) {
  const send = (query) => panel.write(invitation, { lastSent: new Date().toISOString(), delivery: undefined, sent: undefined }, { query }, "resent");
  if (!["bounced", "complained"].includes(invitation.delivery?.state)) return send();
  const text = panel.t("force_text", { email: invitation.email });
  confirm(panel, { title: "force_title", text, yes: "force_send" }, (dialog) => {
    dialog.close();
    send({ force: "true" });
  });
}

export function newLink(panel, invitation) {
  const text = panel.t("link_text", { email: invitation.email });
  const key = newKey();
  confirm(panel, { title: "link_title", text, yes: "link_make" }, async (dialog) => {
    const made = await panel.store.change(invitation, {}, { query: { send: "false" }, key });
    dialog.close();
    panel.done("resent", "resent", made, false);
    showLink(panel, made);
  });
}

/** Shows a link once. It is kept nowhere else. */
function showLink(panel, { email, link }) {
  const { t } = panel;
  const dialog = new Dialog(panel, t("link_ready", { email })).actions(undefined, t("close"));
  const input = h("input", { readonly: true, value: link, dir: "ltr", onfocus: () => input.select() });
  const copied = h("p", { role: "status", class: "hint" });
  const copy = button(t("copy"), async () => {
    input.select();
    // There is no clipboard in a context that is not secure, or that lacks the permission.
    const write = async () => navigator.clipboard.writeText(link);
    put(copied, ...t(await write().then(() => "copied", () => "copy_failed")));
  }, { class: "primary", autofocus: true });
  dialog.body.append(h("p", {}, t("link_once")), field(t("link_label"), input), copied);
  dialog.footer.append(copy);
  dialog.open();
}

export function details(panel, invitation) {
  const { t, language } = panel;
  const date = (iso) => iso && language.date(iso);
  const text = (value) => value && bdi(value);
  // In the words of the list, and the principal itself.
  const who = (urn) => {
    const words = h("span", {}, panel.who(urn));
    return urn && [words, ...(words.textContent === urn ? [] : [h("p", { class: "hint" }, bdi(urn))])];
  };
  const { delivery, state } = invitation;
  const facts = [
    [t("role"), text(language.role(invitation.roleID))],
    [t("state"), language.named("state_", state)],
    [t("delivery"), delivery && [language.named("delivery_", delivery.state), ", ", date(delivery.time), ...(delivery.reason ? [", ", bdi(delivery.reason)] : [])]],
    [t(state === "expired" ? "state_expired" : "expiry"), ["invited", "expired"].includes(state) && date(invitation.expiry)],
    [t("created"), date(invitation.created)],
    [t("last_sent"), date(invitation.lastSent)],
    [t("last_modified"), date(invitation.lastModified)],
    [t("reminded"), date(invitation.reminded)],
    [t("accepted_at"), date(invitation.acceptedAt)],
    [t("accepted_by"), who(invitation.acceptedBy)],
    [t("declined_at"), date(invitation.declinedAt)],
    [t("revoked_at"), date(invitation.revokedAt)],
    [t("invited_by"), who(invitation.invitedBy)],
    [t("redirect"), text(invitation.redirect)],
    [t("id"), text(invitation.id)],
    // What the host application has attached, under its own names.
    ...Object.entries(invitation.metadata ?? {}).map(([name, value]) => [bdi(name), bdi(value)]),
  ];
  const dialog = new Dialog(panel, bdi(invitation.email)).actions(undefined, t("close"));
  const pairs = facts.filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)));
  dialog.body.append(h("dl", {}, pairs));
  dialog.open();
}
