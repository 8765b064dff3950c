//! The words of mails and page, and the templates of mails.
//!
//! English is built in. A folder adds languages or replaces texts: `{locale}.json` like `texts/en.json`, with English for
//! whatever a file leaves out, and `mail.html` and `mail.txt` instead of the templates that are built in.

mod fill;
mod templates;
mod words;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use shared::domain::settings::Locale;

pub(crate) use fill::fill;
pub(crate) use templates::{Sheet, Templates};
use words::Sections;
pub use words::{MailWords, Words};

/// The language that is always there.
const ENGLISH: &str = "en";

/// All words and templates. Cheap to share, not to make: one per process.
#[derive(Debug)]
pub struct Texts {
    words: BTreeMap<Locale, Words>,
    pub(crate) templates: Templates,
}

impl Texts {
    /// What is built in, and what a folder has instead or besides.
    ///
    /// # Errors
    /// A sentence for each problem, naming the file.
    pub fn load(folder: Option<&Path>) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut note = |problem: String| problems.push(problem);
        let files = folder.map(|folder| files(folder, &mut note)).unwrap_or_default();

        let english = Sections::english();
        let mut words = BTreeMap::new();
        words.extend(english.clone().complete("en.json", &mut note).map(|words| (english_locale(), words)));
        let mut seen: BTreeMap<Locale, PathBuf> = BTreeMap::new();
        for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "json")) {
            let shown = file.display();
            let locale: Locale = match file.file_stem().unwrap_or_default().to_string_lossy().parse() {
                Ok(locale) => locale,
                Err(problem) => {
                    note(format!("{shown}: {problem}"));
                    continue;
                }
            };
            if let Some(other) = seen.insert(locale.clone(), file.clone()) {
                note(format!("{shown}: has the same language as {}", other.display()));
            }
            let Some(own) = read(file, &mut note).and_then(|json| Sections::parse(&json, &shown.to_string(), &mut note)) else { continue };
            let all = own.over(&english, &shown.to_string(), &mut note);
            words.extend(all.complete(&shown.to_string(), &mut note).map(|words| (locale, words)));
        }

        let [html, text] = ["mail.html", "mail.txt"].map(|name| {
            let file = files.iter().find(|file| file.ends_with(name))?;
            Some((file.clone(), read(file, &mut note)?))
        });
        let templates = Templates::new(html, text, &mut note);
        if problems.is_empty() { Ok(Self { words, templates }) } else { Err(problems) }
    }

    /// The words in the first of the wished languages that is there, with ever less of its tag: `de-AT`, then `de`. English if
    /// none is.
    #[must_use]
    pub fn best(&self, wished: &[Option<&Locale>]) -> (&Locale, &Words) {
        let tags = wished.iter().flatten().flat_map(|locale| locale.lookup());
        let found = tags.chain([ENGLISH]).find_map(|tag| self.words.get_key_value(tag));
        found.expect("English is always there")
    }

    /// The languages that are there.
    pub fn locales(&self) -> impl Iterator<Item = &Locale> {
        self.words.keys()
    }

    /// The page's words in a language: all of them, in English where they are not translated.
    #[must_use]
    pub fn page(&self, locale: &Locale) -> &BTreeMap<String, String> {
        &self.best(&[Some(locale)]).1.page
    }
}

fn english_locale() -> Locale {
    ENGLISH.parse().expect("a language tag")
}

/// The files of a folder, in order.
fn files(folder: &Path, note: &mut impl FnMut(String)) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>());
    let mut files = entries.unwrap_or_else(|error| {
        note(format!("{}: {error}", folder.display()));
        Vec::new()
    });
    files.sort();
    files
}

fn read(file: &Path, note: &mut impl FnMut(String)) -> Option<String> {
    fs::read_to_string(file).map_err(|error| note(format!("{}: {error}", file.display()))).ok()
}
