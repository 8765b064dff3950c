//! The texts of the panel and the console.

use std::{collections::BTreeMap, path::Path};

use serde::Serialize;
use shared::domain::settings::Locale;

use super::{LanguageTexts, Languages, files, language::Sections};

/// What the keys of the console's texts begin with. All others are the panel's.
const CONSOLE: &str = "console_";

/// The texts of the panel and the console, in all languages.
#[derive(Debug)]
pub struct PanelTexts(Languages);

/// The texts of one language, as scripts read them.
#[derive(Debug, Serialize)]
pub struct ScriptTexts<'a> {
    direction: &'static str,
    roles: BTreeMap<&'a str, &'a str>,
    texts: BTreeMap<&'a str, &'a str>,
}

impl PanelTexts {
    /// Loads the built-in texts and those of a folder.
    ///
    /// # Errors
    /// One sentence for each problem, naming the file.
    pub fn load(folder: Option<&Path>) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut note = |problem: String| problems.push(problem);
        let files = files::all(folder, &mut note);
        let languages = Languages::of(&Sections::english_with_panel(), &files, &mut note);
        if problems.is_empty() { Ok(Self(languages)) } else { Err(problems) }
    }

    /// The panel's texts by language.
    #[must_use]
    pub fn of_panel(&self) -> BTreeMap<&str, ScriptTexts<'_>> {
        let texts = self.0.locales().map(|locale| {
            let LanguageTexts { panel, roles, .. } = self.0.texts(locale);
            let roles = roles.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect();
            let texts = panel.iter().filter(|(key, _)| !key.starts_with(CONSOLE)).map(|(key, text)| (key.as_str(), text.as_str()));
            (locale.as_str(), ScriptTexts { direction: locale.direction(), roles, texts: texts.collect() })
        });
        texts.collect()
    }

    /// The console's texts by language, without the prefix of their keys, and the writing direction.
    #[must_use]
    pub fn of_console(&self) -> BTreeMap<&str, BTreeMap<&str, &str>> {
        let texts = self.0.locales().map(|locale| {
            let texts = self.0.texts(locale).panel.iter().filter_map(|(key, text)| Some((key.strip_prefix(CONSOLE)?, text.as_str())));
            (locale.as_str(), texts.chain([("direction", locale.direction())]).collect())
        });
        texts.collect()
    }

    /// One of the console's texts in all languages.
    pub(crate) fn console(&self, key: &str) -> impl Iterator<Item = (&Locale, &str)> {
        let key = format!("{CONSOLE}{key}");
        self.0.locales().filter_map(move |locale| Some((locale, self.0.texts(locale).panel.get(&key)?.as_str())))
    }
}
