// The language of the page and its texts. WORDS, the texts and the writing direction of every locale, is defined before this script.

let locale;
let words;

/** Selects the first of these locales that has texts, else English. A language without a region gets the reader's region. */
function setLanguage(...preferred) {
  const regional = (tag) => navigator.languages.find((own) => own.startsWith(`${tag}-`)) ?? tag;
  locale = preferred.map(regional).flatMap(canonical).find(available) ?? "en";
  words = WORDS[available(locale)];
  document.documentElement.lang = locale;
  document.documentElement.dir = words.direction;
}

/** The available locale for a tag: for `zh-Hant-TW` the first of `zh-Hant-TW`, `zh-Hant` and `zh`. */
function available(tag) {
  const parts = tag.split("-");
  return parts.map((_, left) => parts.slice(0, parts.length - left).join("-")).find((shorter) => has(WORDS, shorter));
}

/** Whether an object has its own property of this name. `Object.hasOwn` is too new for some supported browsers. */
function has(object, name) {
  return Object.prototype.hasOwnProperty.call(object, name);
}

function canonical(tag) {
  try {
    return Intl.getCanonicalLocales(tag);
  } catch {
    return [];
  }
}

/** A sentence as nodes. Each value is in its own element, so that its writing direction does not affect the sentence. */
function fill(sentence, values = {}) {
  return sentence.split(/\{(\w+)\}/).map((part, index) => {
    if (index % 2 === 0) return part;
    return element("bdi", {}, values[part] ?? "");
  });
}

function date(iso) {
  const shown = { year: "numeric", month: "long", day: "numeric", hour: "numeric", minute: "2-digit", timeZoneName: "short" };
  return element("time", { dateTime: iso }, new Intl.DateTimeFormat(locale, shown).format(new Date(iso)));
}

/** "in 5 seconds", "in 3 minutes" */
function inTime(seconds) {
  const relative = new Intl.RelativeTimeFormat(locale);
  return seconds > 90 ? relative.format(Math.ceil(seconds / 60), "minute") : relative.format(seconds, "second");
}
