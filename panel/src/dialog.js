// Modal dialogs: native ones, which keep the focus inside and close with Escape.

import { bdi, button, h, id, put } from "./dom.js";

export class Dialog {
  /**
   * @param {import("./panel.js").Panel} panel
   * @param {Node[]|string} title
   * @param {string} [className]
   */
  constructor(panel, title, className = "") {
    this.panel = panel;
    /** What the submit button does. An error keeps the dialog open. */
    this.onsubmit = undefined;
    this.onclose = undefined;
    /** Whether it can be closed while it is busy. */
    this.interruptible = false;
    const heading = h("h3", { id: id() }, title);
    this.body = h("div", { class: "body" });
    this.error = h("p", { class: "error", role: "alert" });
    this.footer = h("div", { class: "footer" });
    this.form = h("form", { novalidate: true, onsubmit: (event) => this.#submit(event) }, heading, this.body, this.error, this.footer);
    this.element = h("dialog", { "aria-labelledby": heading.id, class: className }, this.form);
    this.element.addEventListener("cancel", (event) => this.busy && !this.interruptible && event.preventDefault());
    this.element.addEventListener("close", () => this.#closed());
    this.heading = heading;
  }

  /** Opens it. The focus returns to where it was. */
  open() {
    this.opener = this.panel.root.activeElement;
    this.panel.view.append(this.element);
    this.element.showModal();
    return this;
  }

  close() {
    this.element.close();
  }

  #closed() {
    this.element.remove();
    this.onclose?.();
    const { opener } = this;
    if (opener?.isConnected && opener.checkVisibility?.() !== false && !opener.disabled) opener.focus();
    else this.panel.focusNear(opener);
  }

  /** Buttons: the one that submits, and one that closes. */
  actions(submit, closing = this.panel.t("cancel"), className = "primary") {
    this.submit = submit && h("button", { type: "submit", class: className }, submit);
    this.closing = button(closing, () => this.close());
    this.footer.replaceChildren(...(submit ? [this.closing, this.submit] : [this.closing]));
    return this;
  }

  async #submit(event) {
    event.preventDefault();
    if (this.busy || !this.onsubmit) return;
    this.fail();
    // The browser asks for what is missing. What else is wrong is for the API to say.
    const missing = [...this.form.elements].find((control) => control.validity.valueMissing);
    if (missing) return missing.reportValidity();
    await this.run(this.onsubmit);
  }

  /** Does something, during which the dialog stays open. An error is shown in it. */
  async run(action) {
    this.busy = true;
    this.submit?.setAttribute("aria-busy", "true");
    this.fail();
    try {
      await action();
    } catch (error) {
      if (this.panel.signal.aborted) return;
      this.fail(error);
    } finally {
      this.busy = false;
      this.submit?.removeAttribute("aria-busy");
    }
  }

  /** Shows an error: the reasons at the controls that it names, and if there are others, its own words. */
  fail(error) {
    for (const control of this.form.querySelectorAll("[aria-invalid]")) {
      this.form.querySelector(`#${control.getAttribute("aria-errormessage")}`).remove();
      control.removeAttribute("aria-invalid");
      control.removeAttribute("aria-errormessage");
    }
    put(this.error);
    if (!error) return;
    const fields = Object.entries(error.fields ?? {}).map(([name, reason]) => [this.form.elements.namedItem(name), reason]);
    const blamed = fields.filter(([control]) => control?.setAttribute);
    for (const [control, reason] of blamed) {
      const said = h("p", { class: "error", role: "alert", id: id() }, bdi(reason));
      control.parentElement.append(said);
      control.setAttribute("aria-invalid", "true");
      control.setAttribute("aria-errormessage", said.id);
    }
    if (!blamed.length || blamed.length < fields.length) put(this.error, ...this.panel.sentence(error));
    (blamed[0]?.[0] ?? this.submit)?.focus();
  }
}

/** Asks before something is done. */
export function confirm(panel, { title, text, yes, className }, action) {
  const dialog = new Dialog(panel, panel.t(title)).actions(panel.t(yes), panel.t("cancel"), className);
  dialog.body.append(h("p", {}, text));
  dialog.onsubmit = () => action(dialog);
  return dialog.open();
}
