//! The texts of one language.

use std::collections::BTreeMap;

use serde::{
    Deserialize,
    de::value::{Error, MapDeserializer},
};
use shared::domain::RoleId;

use super::fill::placeholders;

/// The English texts, which define all keys and their placeholders. The page's texts are next to its script.
const EMAIL: &str = include_str!("en.json");
const PAGE: &str = include_str!("../invitee/accept_page/en.json");
const PANEL: &str = include_str!("../../../panel/src/en.json");
const CONSOLE: &str = include_str!("../account/console_page/en.json");

/// Plural forms that other languages have besides those of English, `_one` and `_other`.
const PLURALS: [&str; 4] = ["_zero", "_two", "_few", "_many"];

/// Texts by key.
type Section = BTreeMap<String, String>;

/// The content of a language's file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sections {
    #[serde(default)]
    pub(super) email: Section,
    #[serde(default)]
    pub(super) page: Section,
    /// `None` in the English of functions that do not show the panel, which neither keep nor check its texts.
    #[serde(default)]
    pub(super) panel: Option<Section>,
    /// Empty in the built-in English, because roles are configured per stack.
    #[serde(default)]
    pub(super) roles: BTreeMap<RoleId, String>,
}

/// All texts of one language.
#[derive(Debug, Clone)]
pub struct LanguageTexts {
    /// The texts of emails.
    pub email: EmailTexts,
    /// The texts of the page, by key.
    pub page: BTreeMap<String, String>,
    /// The texts of the panel and the console, by key; empty for other functions.
    pub panel: BTreeMap<String, String>,
    /// The names of roles. Roles without a name are shown by id.
    pub roles: BTreeMap<RoleId, String>,
}

/// The texts of emails, with placeholders such as `{account}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailTexts {
    pub(crate) subject: String,
    pub(crate) subject_account: String,
    pub(crate) intro: String,
    pub(crate) intro_account: String,
    pub(crate) intro_inviter: String,
    pub(crate) intro_inviter_account: String,
    pub(crate) expiry: String,
    pub(crate) button: String,
    pub(crate) fallback: String,
    pub(crate) link: String,
    pub(crate) secret: String,
    pub(crate) ignore: String,
    pub(crate) reminder_subject: String,
    pub(crate) reminder_intro: String,
    pub(crate) reminder_expiry: String,
    pub(crate) from: String,
    pub(crate) from_account: String,
    pub(crate) date: String,
    pub(crate) months: Months,
}

/// The names of the months, starting with January.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Months([String; 12]);

impl Months {
    /// The name of a month; January is 1.
    pub(crate) fn name(&self, month: u32) -> &str {
        let index = usize::try_from(month).ok().and_then(|month| month.checked_sub(1));
        index.and_then(|index| self.0.get(index)).map_or("", String::as_str)
    }
}

impl TryFrom<String> for Months {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
        names.try_into().map(Self).map_err(|_| "email.months must be twelve names separated by commas".to_owned())
    }
}

impl Sections {
    /// The built-in texts.
    pub(super) fn english() -> Self {
        Self { email: built_in(EMAIL), page: built_in(PAGE), panel: None, roles: BTreeMap::new() }
    }

    /// The built-in texts, with those of the panel and the console.
    pub(super) fn english_with_panel() -> Self {
        let panel: Section = built_in(PANEL).into_iter().chain(built_in(CONSOLE)).collect();
        Self { panel: Some(panel), ..Self::english() }
    }

    /// Parses a file.
    pub(super) fn parse(json: &str, file: &str, note: &mut impl FnMut(String)) -> Option<Self> {
        serde_json::from_str(json).map_err(|error| note(format!("{file}: {error}"))).ok()
    }

    /// Converts the sections, if they have no problems.
    pub(super) fn complete(self, file: &str, note: &mut impl FnMut(String)) -> Option<LanguageTexts> {
        let email = EmailTexts::deserialize(MapDeserializer::<_, Error>::new(self.email.into_iter()));
        let email = email.map_err(|error| note(format!("{file}: {error}"))).ok();
        Some(LanguageTexts { email: email?, page: self.page, panel: self.panel.unwrap_or_default(), roles: self.roles })
    }

    /// Adds the English texts where this language has none. Reports keys that English does not have and placeholders that the English
    /// text does not have.
    pub(super) fn or_english(self, english: &Self, file: &str, note: &mut impl FnMut(String)) -> Self {
        let mut merge = |name: &str, own: Section, english: &Section| {
            let mut all = english.clone();
            for (key, text) in own {
                match original(english, &key) {
                    None => note(format!("{file}: unknown text '{name}.{key}'")),
                    Some(original) => {
                        problems(&text, original).for_each(|problem| note(format!("{file}: {name}.{key} {problem}")));
                        all.insert(key, text);
                    }
                }
            }
            all
        };
        let panel = english.panel.as_ref().map(|english| merge("panel", self.panel.unwrap_or_default(), english));
        let (email, page) = (merge("email", self.email, &english.email), merge("page", self.page, &english.page));
        for (role, name) in &self.roles {
            let empty = name.trim().is_empty().then(|| "is empty".to_owned());
            problems(name, "").chain(empty).for_each(|problem| note(format!("{file}: roles.{role} {problem}")));
        }
        Self { email, page, panel, roles: self.roles }
    }
}

/// The texts of a built-in file.
fn built_in(json: &str) -> Section {
    serde_json::from_str(json).expect("the built-in file is an object of strings, which a test checks")
}

/// The English text that one with this key replaces, or of which it is another plural form.
fn original<'a>(english: &'a Section, key: &str) -> Option<&'a String> {
    let other = || PLURALS.iter().find_map(|form| english.get(&format!("{}_other", key.strip_suffix(form)?)));
    english.get(key).or_else(other)
}

/// The problems of a text that replaces `original`.
fn problems(text: &str, original: &str) -> impl Iterator<Item = String> {
    let unknown = placeholders(text).filter(|name| !placeholders(original).any(|known| known == *name));
    let unknown = unknown.map(|name| format!("contains {{{name}}}, which is not a placeholder of this text"));
    let control = text.chars().any(char::is_control).then(|| "contains a line break or another control character".to_owned());
    unknown.collect::<Vec<_>>().into_iter().chain(control)
}
