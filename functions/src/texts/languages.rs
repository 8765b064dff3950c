//! The texts of all languages.

use std::{collections::BTreeMap, mem, path::PathBuf};

use shared::domain::settings::Locale;

use super::{
    files,
    language::{LanguageTexts, Sections},
};

/// The language that is always available.
const ENGLISH: &str = "en";

/// The texts of every available language.
#[derive(Debug)]
pub struct Languages(BTreeMap<Locale, LanguageTexts>);

impl Languages {
    /// The built-in texts, `english`, and those of these files.
    pub(super) fn of(english: &Sections, files: &[PathBuf], note: &mut impl FnMut(String)) -> Self {
        let mut texts = BTreeMap::new();
        texts.extend(english.clone().complete("en.json", note).map(|english| (english_locale(), english)));
        let mut seen: BTreeMap<Locale, &PathBuf> = BTreeMap::new();
        for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "json")) {
            let shown = file.display();
            let locale: Locale = match file.file_stem().unwrap_or_default().to_string_lossy().parse() {
                Ok(locale) => locale,
                Err(problem) => {
                    note(format!("{shown}: {problem}"));
                    continue;
                }
            };
            if let Some(other) = seen.insert(locale.clone(), file) {
                note(format!("{shown}: is for the same language as {}", other.display()));
            }
            let Some(own) = files::read(file, note).and_then(|json| Sections::parse(&json, &shown.to_string(), note)) else { continue };
            let all = own.or_english(english, &shown.to_string(), note);
            texts.extend(all.complete(&shown.to_string(), note).map(|complete| (locale, complete)));
        }
        // The built-in English has no role names, but an `en.json` can have some, which other languages inherit.
        let english = texts.get(ENGLISH).map(|english| english.roles.clone()).unwrap_or_default();
        for LanguageTexts { roles, .. } in texts.values_mut() {
            *roles = english.clone().into_iter().chain(mem::take(roles)).collect();
        }
        Self(texts)
    }

    /// The texts in the first available of the preferred languages, or in English. Each tag is shortened until it matches: `de-AT`, then
    /// `de`.
    #[must_use]
    pub fn best(&self, preferred: &[Option<&Locale>]) -> (&Locale, &LanguageTexts) {
        let tags = preferred.iter().flatten().flat_map(|locale| locale.lookup());
        let found = tags.chain([ENGLISH]).find_map(|tag| self.0.get_key_value(tag));
        found.expect("English is always available")
    }

    /// The available languages.
    pub fn locales(&self) -> impl Iterator<Item = &Locale> {
        self.0.keys()
    }

    /// All texts in a language; untranslated ones are in English.
    #[must_use]
    pub fn texts(&self, locale: &Locale) -> &LanguageTexts {
        self.best(&[Some(locale)]).1
    }
}

fn english_locale() -> Locale {
    ENGLISH.parse().expect("a language tag")
}
