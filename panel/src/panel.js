// One life of the panel: a caller, a language, a list. Another endpoint, token function or language starts another.

import { Api, newKey } from "./api.js";
import { bulk } from "./bulk.js";
import * as dialogs from "./dialogs.js";
import { bdi, button, h, put } from "./dom.js";
import { ListView } from "./list.js";
import { Store } from "./store.js";
import { theme } from "./style.js";
import { Language } from "./texts.js";

const LOGO = /^data:image\/(png|jpeg|gif|webp);base64,[\w+/=]+$/;

export class Panel {
  /**
   * @param {HTMLElement} host the element
   * @param {ShadowRoot} root
   * @param {{endpoint: string, getToken: () => Promise<string>, texts?: object, locale?: string}} options
   */
  constructor(host, root, options) {
    const { endpoint, getToken, texts, locale } = options;
    Object.assign(this, { host, root, options, own: texts, locale });
    this.t = (key, values) => this.language.nodes(key, values);
    this.controller = new AbortController();
    this.signal = this.controller.signal;
    this.api = new Api(endpoint, getToken, this.signal, () => this.#unauthorized());
    this.keys = new Map();
    this.#speak();
    this.view = h("div", { class: "view" });
    this.status = h("p", { class: "hidden", role: "status" });
    this.root.replaceChildren(this.view, this.status);
    this.start();
  }

  stop() {
    this.controller.abort();
    for (const dialog of this.view.querySelectorAll("dialog")) dialog.close();
  }

  #speak(all = this.own, account = []) {
    this.language = new Language(all, this.locale ? [this.locale] : [...account, ...navigator.languages]);
  }

  // --- Start -----------------------------------------------------------------------------------------------------------

  async start() {
    put(this.status, this.t("loading"));
    this.view.replaceChildren(h("p", { class: "hint" }, this.t("loading")));
    try {
      const [texts, { body }] = await Promise.all([this.own ?? this.api.texts(), this.api.call("GET", "invitations/caller")]);
      if (this.signal.aborted) return;
      this.#setUp(texts, body);
    } catch (error) {
      if (this.signal.aborted) return;
      this.view.replaceChildren(h("p", { class: "error", role: "alert" }, this.sentence(error)), button(this.t("try_again"), () => this.start()));
    }
  }

  #setUp(texts, { permissions = [], grantableRoles = [], settings = {}, limits = {}, ...caller }) {
    this.caller = { permissions, grantableRoles, settings, limits, ...caller };
    this.#speak(texts, settings.locales ?? (settings.locale ? [settings.locale] : []));
    this.view.lang = this.language.tag;
    this.view.dir = this.language.direction;
    theme(this.root, settings.colour);
    this.store = new Store(this.api, limits, this.can("read"), () => this.list.update());
    this.list = new ListView(this);
    put(this.status);
    this.view.replaceChildren(this.#header(), ...(this.can("read") ? this.list.nodes : [h("p", { class: "hint" }, this.t("not_allowed"))]));
    this.host.dispatchEvent(new CustomEvent("invitations-ready", { bubbles: true, composed: true, detail: { caller: this.caller } }));
    document.addEventListener("visibilitychange", () => document.hidden || this.store.soon(true), { signal: this.signal });
    if (this.can("read")) this.store.load();
  }

  #header() {
    const { name, logo } = this.caller.settings;
    const picture = LOGO.test(logo ?? "") ? [h("img", { src: logo, alt: "" })] : [];
    this.heading = h("h2", { tabindex: "-1" }, this.t("title"));
    const title = h("div", { class: "title" }, this.heading, ...(name ? [h("p", { class: "hint" }, h("bdi", {}, name))] : []));
    const creates = this.can("create") && this.caller.grantableRoles.length;
    const actions = creates
      ? [button(this.t("invite_many"), () => bulk(this)), button(this.t("invite"), () => dialogs.invite(this), { class: "primary" })]
      : [];
    return h("header", {}, ...picture, title, h("div", { class: "buttons" }, ...actions));
  }

  // --- What the caller may do ------------------------------------------------------------------------------------------

  can(permission) {
    return this.caller.permissions.includes(`invitations:${permission}`);
  }

  /** What the caller may do with an invitation: names of actions. */
  allowed({ state, roleID }) {
    if (!this.can("modify")) return [];
    const grants = this.caller.grantableRoles.includes(roleID);
    if (state === "invited") return [...(grants ? ["resend", "change", ...(this.can("link") ? ["new_link"] : [])] : []), "revoke"];
    if (state === "expired") return [...(grants ? ["reopen"] : []), "revoke"];
    return [];
  }

  act(action, invitation) {
    if (action === "reopen") return this.write(invitation, { state: "invited" }, { body: { state: "invited" } }, "reopened");
    const dialog = { resend: dialogs.resend, change: dialogs.change, new_link: dialogs.newLink, revoke: dialogs.revoke }[action];
    dialog(this, invitation);
  }

  details(invitation) {
    dialogs.details(this, invitation);
  }

  /** Changes an invitation from its row, and shows there why it was refused. */
  async write(invitation, patch, options, action) {
    // After an unknown outcome, the same request has the same key again.
    const request = JSON.stringify([invitation.id, invitation.lastSent, options]);
    const key = this.keys.get(request) ?? newKey();
    this.keys.set(request, key);
    try {
      const changed = await this.store.change(invitation, patch, { ...options, key });
      this.done(action, action, changed);
      this.keys.delete(request);
    } catch (error) {
      if (this.signal.aborted) return;
      if (error.status && error.status < 500) this.keys.delete(request);
      this.store.errors.set(invitation.id, error);
      this.list.update();
    }
  }

  /** Announces a change to people and to the host application. */
  done(sentence, action, { link, ...invitation }, aloud = true) {
    if (aloud) put(this.status, this.t(sentence, { email: invitation.email }));
    this.host.dispatchEvent(new CustomEvent("invitations-changed", { bubbles: true, composed: true, detail: { action, invitation } }));
  }

  // --- People ----------------------------------------------------------------------------------------------------------

  /** Who a principal is, in words. */
  who(urn = "") {
    if (urn && urn === this.caller.principal) return this.t("you");
    const [, kind, rest] = urn.match(/:(apikey|user)\/(.*)$/) ?? [];
    if (kind === "apikey") return this.t("api_key", { id: rest });
    if (!kind) return [bdi(urn)];
    try {
      return [bdi(decodeURIComponent(rest.slice(rest.indexOf(":") + 1)))];
    } catch {
      return [bdi(rest)];
    }
  }

  // --- Errors ----------------------------------------------------------------------------------------------------------

  /** An error in its own words, as nodes. */
  sentence(error) {
    const { key, message, reference, retryAfter, status } = error;
    if (!key && !message) return this.t("unexpected", { reference: "0" });
    const said = key ? this.t(key, { reference }) : [h("bdi", {}, message)];
    // The API's sentences about limits have the time, those about outages have not.
    const later = retryAfter && (key || status === 503);
    return later ? [...said, " ", ...this.t("try_later", { time: this.language.duration(retryAfter) })] : said;
  }

  #unauthorized() {
    if (this.store) this.store.signedOut = true;
    this.host.dispatchEvent(new CustomEvent("invitations-unauthorized", { bubbles: true, composed: true }));
  }

  /** Where the focus goes if its element has gone. */
  focusNear(element) {
    const row = element?.closest(".row");
    (row?.isConnected ? row.querySelector(".name") : this.heading)?.focus();
  }
}
