// The language, and what is said in it. WORDS, the words of all locales and the direction each is written in, is put in front of
// this.

let locale;
let words;

/** Takes the first of the locales that there are words for, else English; of a language without a region, the reader's own. */
function speak(...wishes) {
  const regional = (wish) => navigator.languages.find((own) => own.startsWith(`${wish}-`)) ?? wish;
  locale = wishes.map(regional).flatMap(canonical).find(served) ?? "en";
  words = WORDS[served(locale)];
  document.documentElement.lang = locale;
  document.documentElement.dir = words.direction;
}

/** Whose words are for a tag: those of `zh-Hant-TW`, of `zh-Hant` or of `zh`, whichever there are first. */
function served(tag) {
  const parts = tag.split("-");
  return parts.map((_, left) => parts.slice(0, parts.length - left).join("-")).find((shorter) => has(WORDS, shorter));
}

/** Whether an object has this of its own. `Object.hasOwn` is too young. */
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

/** A sentence as nodes. Each value stands in an element of its own, so that its direction stays in there. */
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
