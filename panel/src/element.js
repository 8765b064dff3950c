// The custom element: its attributes and properties. `Panel` does the rest.

import { Panel } from "./panel.js";
import { style } from "./style.js";

export class InvitationsPanel extends HTMLElement {
  static observedAttributes = ["endpoint", "locale"];
  #getToken;
  #texts;
  #panel;
  #due = false;

  constructor() {
    super();
    style(this.attachShadow({ mode: "open" }));
  }

  connectedCallback() {
    // Properties that were set before the element was defined.
    for (const name of ["getToken", "texts"]) {
      if (!Object.hasOwn(this, name)) continue;
      const value = this[name];
      delete this[name];
      this[name] = value;
    }
    this.#restart();
  }

  disconnectedCallback() {
    this.#restart();
  }

  attributeChangedCallback() {
    this.#restart();
  }

  /** @type {(() => Promise<string>) | undefined} */
  get getToken() {
    return this.#getToken;
  }

  set getToken(value) {
    this.#getToken = value;
    this.#restart();
  }

  /** @type {object | undefined} */
  get texts() {
    return this.#texts;
  }

  set texts(value) {
    this.#texts = value;
    this.#restart();
  }

  /** Reads the list again. */
  refresh() {
    this.#panel?.store?.soon(true);
  }

  /** Once, however many of them change together. A move within the document is no change. */
  #restart() {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      const endpoint = this.getAttribute("endpoint");
      const options = { endpoint, getToken: this.#getToken, texts: this.#texts, locale: this.getAttribute("locale") ?? undefined };
      const ready = this.isConnected && endpoint !== null && typeof this.#getToken === "function";
      if (ready && this.#panel && Object.keys(options).every((name) => options[name] === this.#panel.options[name])) return;
      this.#panel?.stop();
      this.#panel = ready ? new Panel(this, this.shadowRoot, options) : undefined;
    });
  }
}
