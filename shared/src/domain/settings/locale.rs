//! Language tags: `en`, `de-AT`, `zh-Hant-TW`.

use std::{borrow::Borrow, fmt, str::FromStr};

use icu_locale_core::LanguageIdentifier;

use crate::domain::text::{Malformed, excerpt};

/// The languages and scripts that are written from right to left.
const RIGHT_TO_LEFT: [&str; 21] = [
    "ar", "arc", "ckb", "dv", "fa", "he", "khw", "ks", "nqo", "ps", "sd", "syr", "ug", "ur", "yi", "Adlm", "Arab", "Hebr", "Nkoo", "Syrc",
    "Thaa",
];

/// A BCP 47 tag of language, script, region and one variant, in canonical case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Locale(Box<str>);

impl Locale {
    /// The tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tags to look up for texts in this language, best first: `zh-Hant-TW`, `zh-Hant`, `zh` (RFC 4647, 3.4).
    pub fn lookup(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(self.as_str()), |tag| tag.rsplit_once('-').map(|(shorter, _)| shorter))
    }

    /// `ltr` or `rtl` for HTML's `dir`: from the script if the tag contains one, else from the language.
    #[must_use]
    pub fn direction(&self) -> &'static str {
        let mut subtags = self.0.split('-');
        let language = subtags.next();
        let script = subtags.next().filter(|subtag| subtag.len() == 4 && subtag.starts_with(|c: char| c.is_ascii_uppercase()));
        if script.or(language).is_some_and(|subtag| RIGHT_TO_LEFT.contains(&subtag)) { "rtl" } else { "ltr" }
    }
}

/// Equality and order are those of the tag.
impl Borrow<str> for Locale {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Locale {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed(format!("'{}' is not a language tag such as en, de-AT or zh-Hant-TW", excerpt(text)));
        let (language, script, region, variant) =
            LanguageIdentifier::try_from_utf8_with_single_variant(text.as_bytes()).map_err(|_| malformed())?;
        if language.is_unknown() {
            return Err(malformed());
        }
        let mut tag = language.to_string();
        for subtag in [script.map(|it| it.to_string()), region.map(|it| it.to_string()), variant.map(|it| it.to_string())].iter().flatten()
        {
            tag.push('-');
            tag.push_str(subtag);
        }
        Ok(Self(tag.into()))
    }
}
