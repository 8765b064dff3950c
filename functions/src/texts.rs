//! The words of mails and page, and the templates of mails.
//!
//! English is built in. A folder adds languages or replaces texts: `{locale}.json` is `{"email": …, "page": …, "roles": …}` with
//! the texts of `texts/en.json` and `accept_page/en.json`, English for whatever it leaves out, and what roles are called by their
//! ids; `email.html` and `email.txt` take the place of the templates that are built in. A `logo.png`, or one of another kind, is the
//! page's for those who have not set any.

mod files;
mod fill;
mod languages;
mod page;
mod templates;
#[cfg(test)]
mod tests;
mod words;

use std::path::Path;

pub(crate) use fill::fill;
pub use languages::Languages;
pub use page::PageTexts;
pub(crate) use templates::{EmailVariables, Templates};
pub use words::{EmailWords, Words};

/// All words and templates. Cheap to share, not to make: one per process.
///
/// The page takes [`PageTexts`] instead, so that its function links no template engine.
#[derive(Debug)]
pub struct Texts {
    /// The words.
    pub languages: Languages,
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
        let files = files::all(folder, &mut note);
        let languages = Languages::of(&files, &mut note);
        let [html, text] = ["email.html", "email.txt"].map(|name| {
            let file = files.iter().find(|file| file.ends_with(name))?;
            Some((file.clone(), files::read(file, &mut note)?))
        });
        let templates = Templates::new(html, text, &mut note);
        if problems.is_empty() { Ok(Self { languages, templates }) } else { Err(problems) }
    }
}
