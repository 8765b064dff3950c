// The language of the panel: its texts, plural forms, names of roles, dates and durations.

import { bdi, h } from "./dom.js";
import english from "./en.json";

const DIRECTION = "ltr";
const has = (object, key) => Object.prototype.hasOwnProperty.call(object, key);

function canonical(tag) {
  try {
    return Intl.getCanonicalLocales(tag);
  } catch {
    return [];
  }
}

/** The sentences of one language. What it lacks is in English. */
export class Language {
  /**
   * @param {Record<string, {direction?: string, roles?: object, texts?: object}>} [all] the texts by language
   * @param {string[]} preferred language tags, the best first; each is shortened until it matches
   */
  constructor(all = {}, preferred = []) {
    const available = { en: {}, ...all };
    const match = (tag) => {
      const parts = tag.split("-");
      return parts.map((_, left) => parts.slice(0, parts.length - left).join("-")).find((shorter) => has(available, shorter));
    };
    // A language without a region gets the reader's region, for dates.
    const regional = (tag) => navigator.languages.find((own) => own.startsWith(`${tag}-`)) ?? tag;
    this.tag = preferred.map(regional).flatMap(canonical).find(match) ?? "en";
    const { direction = DIRECTION, roles = {}, texts = {} } = available[match(this.tag)] ?? {};
    Object.assign(this, { direction: direction === "rtl" ? "rtl" : DIRECTION, roles, texts: { ...english, ...texts } });
    this.tags = Object.keys(available).filter((tag) => canonical(tag).length);
    this.plural = new Intl.PluralRules(this.tag);
  }

  /** A sentence as nodes, its values isolated. */
  nodes(key, values = {}) {
    const parts = this.#sentence(key, values).split(/\{(\w+)\}/);
    return parts.map((part, index) => (index % 2 ? bdi(values[part] ?? "") : part));
  }

  /** A sentence as a string, for attributes. */
  text(key, values = {}) {
    return this.#sentence(key, values).replace(/\{(\w+)\}/g, (_, name) => `${values[name] ?? ""}`);
  }

  /** With a count, the plural form of the language. */
  #sentence(key, values) {
    if (has(this.texts, key)) return String(this.texts[key]);
    const form = `${key}_${this.plural.select(values.count ?? 0)}`;
    return String(this.texts[has(this.texts, form) ? form : `${key}_other`] ?? key);
  }

  /** The name of a value such as a state, or the value itself if there is none. */
  named(prefix, value) {
    return has(this.texts, prefix + value) ? String(this.texts[prefix + value]) : value;
  }

  role(roleID) {
    return has(this.roles, roleID) ? String(this.roles[roleID]) : roleID;
  }

  number(value) {
    return new Intl.NumberFormat(this.tag).format(value);
  }

  language(tag) {
    return new Intl.DisplayNames([this.tag], { type: "language" }).of(tag) ?? tag;
  }

  /** A time as an element. */
  date(iso) {
    return h("time", { datetime: iso }, this.dateText(iso));
  }

  dateText(iso) {
    const time = new Date(iso);
    if (Number.isNaN(time.getTime())) return String(iso);
    return new Intl.DateTimeFormat(this.tag, { dateStyle: "medium", timeStyle: "short" }).format(time);
  }

  /** "42 seconds", "5 minutes", "7 days" */
  duration(seconds, style = "long") {
    const [unit, size] = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]].find(([, size]) => seconds >= 2 * size) ?? ["second", 1];
    return this.unit(Math.ceil(seconds / size), unit, style);
  }

  unit(value, unit, unitDisplay = "narrow") {
    return new Intl.NumberFormat(this.tag, { style: "unit", unit, unitDisplay }).format(value);
  }
}
