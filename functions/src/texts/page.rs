//! The page's texts and logo, without the template engine.

use std::path::{Path, PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use shared::domain::settings::Logo;

use super::{Languages, files, language::Sections};

/// The names of logo files and their image types.
const LOGOS: [(&str, &str); 4] = [("logo.png", "png"), ("logo.jpg", "jpeg"), ("logo.gif", "gif"), ("logo.webp", "webp")];

/// The texts and the logo of the page.
#[derive(Debug)]
pub struct PageTexts {
    /// The texts of all languages.
    pub languages: Languages,
    /// The logo for accounts without their own.
    pub logo: Option<Logo>,
}

impl PageTexts {
    /// Loads the built-in texts and those of a folder.
    ///
    /// # Errors
    /// One sentence for each problem, naming the file.
    pub fn load(folder: Option<&Path>) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut note = |problem: String| problems.push(problem);
        let files = files::all(folder, &mut note);
        let languages = Languages::of(&Sections::english(), &files, &mut note);
        let logo = logo(&files, &mut note);
        if problems.is_empty() { Ok(Self { languages, logo }) } else { Err(problems) }
    }
}

/// The only logo in the folder, if it contains one.
fn logo(files: &[PathBuf], note: &mut impl FnMut(String)) -> Option<Logo> {
    let mut found = files.iter().filter_map(|file| Some((file, LOGOS.iter().find(|(name, _)| file.ends_with(name))?.1)));
    let (file, kind) = found.next()?;
    for (other, _) in found {
        note(format!("{}: is a second logo besides {}", other.display(), file.display()));
    }
    let url = format!("data:image/{kind};base64,{}", STANDARD.encode(files::bytes(file, note)?));
    url.parse().map_err(|problem| note(format!("{}: {problem}", file.display()))).ok()
}
