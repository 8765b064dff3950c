//! The texts of emails and the page, and the email templates.
//!
//! English is built in. A folder can add languages and replace texts:
//!
//! - `{locale}.json` is `{"email": …, "page": …, "panel": …, "roles": …}` with the keys of `texts/en.json`, `accept_page/en.json`, and
//!   `panel/src/en.json` with `console_page/en.json`, and role names by role id. Missing texts stay English.
//! - `email.html` and `email.txt` replace the built-in templates, for reminders, too, unless `reminder.html` and `reminder.txt` do.
//! - `logo.png` (or `.jpg`, `.gif`, `.webp`) is the page's logo for accounts without their own.

mod files;
mod fill;
mod language;
mod languages;
mod page;
mod panel;
mod templates;
#[cfg(test)]
mod tests;

use std::path::Path;

pub(crate) use fill::fill;
pub use language::{EmailTexts, LanguageTexts};
pub use languages::Languages;
pub use page::PageTexts;
pub use panel::PanelTexts;
pub(crate) use templates::{EmailTemplates, EmailVariables};

/// All texts and templates. Expensive to load, so create one per process.
///
/// The page uses [`PageTexts`] instead, so that its function does not link the template engine.
#[derive(Debug)]
pub struct Texts {
    /// The texts of all languages.
    pub languages: Languages,
    pub(crate) templates: EmailTemplates,
}

impl Texts {
    /// Loads the built-in texts and those of a folder.
    ///
    /// # Errors
    /// One sentence for each problem, naming the file.
    pub fn load(folder: Option<&Path>) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut note = |problem: String| problems.push(problem);
        let files = files::all(folder, &mut note);
        let languages = Languages::of(&language::Sections::english(), &files, &mut note);
        let templates = EmailTemplates::new(&files, &mut note);
        if problems.is_empty() { Ok(Self { languages, templates }) } else { Err(problems) }
    }
}
