// Building blocks of the document. Everything is made by createElement and text nodes, never from markup.

/**
 * An element. Attributes that are undefined or false are left out; those that begin with "on" are listeners.
 * @param {string} name
 * @param {Record<string, any>} [attributes]
 * @param {...any} children nodes, strings, and lists of them
 * @returns {any}
 */
export function h(name, attributes = {}, ...children) {
  const created = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (key.startsWith("on")) created.addEventListener(key.slice(2), value);
    else created.setAttribute(key, value === true ? "" : value);
  }
  created.append(...children.flat());
  return created;
}

/** Untrusted text, isolated from the writing direction of the sentence around it. */
export const bdi = (text) => h("bdi", {}, String(text));

/** Replaces the content of an element unless it reads the same already, so that screen readers announce only changes. */
export function put(element, ...children) {
  const next = h("span", {}, ...children);
  if (element.textContent !== next.textContent) element.replaceChildren(...next.childNodes);
}

export function button(label, onclick, attributes = {}) {
  return h("button", { type: "button", onclick, ...attributes }, label);
}

/** A visible label and its control. Ids are unique within the shadow tree. */
let ids = 0;
export const id = () => `i${++ids}`;

export function field(label, control, ...after) {
  control.id ||= id();
  return h("div", { class: "field" }, h("label", { for: control.id }, label), control, ...after);
}

/** A list of choices: pairs of value and name. */
export function select(choices, value, attributes = {}) {
  const created = h("select", attributes, ...choices.map(([key, name]) => h("option", { value: key }, name)));
  if (value !== undefined) created.value = value;
  return created;
}

/**
 * Brings the children of a list into an order without moving `fixed`, which may have the focus: a node that is moved loses it.
 * @param {Element} list
 * @param {Element[]} nodes
 * @param {Element} [fixed]
 */
export function arrange(list, nodes, fixed) {
  const wanted = new Set(nodes);
  for (const child of [...list.children]) if (!wanted.has(child)) child.remove();
  if (!nodes.length) return;
  let at = nodes.indexOf(fixed);
  if (at < 0) {
    at = 0;
    if (list.firstElementChild !== nodes[0]) list.prepend(nodes[0]);
  }
  for (let i = at - 1; i >= 0; i--) if (nodes[i + 1].previousElementSibling !== nodes[i]) nodes[i + 1].before(nodes[i]);
  for (let i = at + 1; i < nodes.length; i++) if (nodes[i - 1].nextElementSibling !== nodes[i]) nodes[i - 1].after(nodes[i]);
}
