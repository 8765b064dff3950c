//! The words of one language.

use std::collections::BTreeMap;

use serde::{
    Deserialize,
    de::value::{Error, MapDeserializer},
};
use shared::domain::RoleId;

use super::fill::places;

/// The texts in English, which say what texts there are and what can be filled in. Those of the page lie beside its script.
const EMAIL: &str = include_str!("en.json");
const PAGE: &str = include_str!("../invitee/accept_page/en.json");

/// Texts by their names.
type Section = BTreeMap<String, String>;

/// What a file of words says.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sections {
    #[serde(default)]
    pub(super) email: Section,
    #[serde(default)]
    pub(super) page: Section,
    /// In English there are none: which roles there are, a stack's configuration says.
    #[serde(default)]
    pub(super) roles: BTreeMap<RoleId, String>,
}

/// All words of one language.
#[derive(Debug, Clone)]
pub struct Words {
    /// Those of mails.
    pub email: EmailWords,
    /// Those of the page, by their names.
    pub page: BTreeMap<String, String>,
    /// What roles are called. Those that have no name here are shown as their ids.
    pub roles: BTreeMap<RoleId, String>,
}

/// The words of mails. `{…}` in them is filled in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailWords {
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
    pub(crate) from: String,
    pub(crate) from_account: String,
    pub(crate) date: String,
    pub(crate) months: Months,
}

/// The names of the months, from January on.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Months([String; 12]);

impl Months {
    /// The name of a month, counted from 1.
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
    /// What is built in.
    pub(super) fn english() -> Self {
        let section = |json| serde_json::from_str(json).expect("the built-in file is an object of strings; a test reads it");
        Self { email: section(EMAIL), page: section(PAGE), roles: BTreeMap::new() }
    }

    /// From a file's text.
    pub(super) fn parse(json: &str, file: &str, note: &mut impl FnMut(String)) -> Option<Self> {
        serde_json::from_str(json).map_err(|error| note(format!("{file}: {error}"))).ok()
    }

    /// The words, when nothing is wrong with them.
    pub(super) fn complete(self, file: &str, note: &mut impl FnMut(String)) -> Option<Words> {
        let email = EmailWords::deserialize(MapDeserializer::<_, Error>::new(self.email.into_iter()));
        let email = email.map_err(|error| note(format!("{file}: {error}"))).ok();
        Some(Words { email: email?, page: self.page, roles: self.roles })
    }

    /// What this says, and what `english` says where this says nothing. This can only say what English says, too, and fill in
    /// what English fills in.
    pub(super) fn over(self, english: &Self, file: &str, note: &mut impl FnMut(String)) -> Self {
        let mut over = |name: &str, own: Section, english: &Section| {
            let mut all = english.clone();
            for (key, text) in own {
                match english.get(&key) {
                    None => note(format!("{file}: unknown text '{name}.{key}'")),
                    Some(original) => {
                        problems(&text, original).for_each(|problem| note(format!("{file}: {name}.{key} {problem}")));
                        all.insert(key, text);
                    }
                }
            }
            all
        };
        let (email, page) = (over("email", self.email, &english.email), over("page", self.page, &english.page));
        for (role, name) in &self.roles {
            let empty = name.trim().is_empty().then(|| "is empty".to_owned());
            problems(name, "").chain(empty).for_each(|problem| note(format!("{file}: roles.{role} {problem}")));
        }
        Self { email, page, roles: self.roles }
    }
}

/// What is wrong with a text that stands for another.
fn problems(text: &str, original: &str) -> impl Iterator<Item = String> {
    let unknown = places(text).filter(|place| !places(original).any(|known| known == *place));
    let unknown = unknown.map(|place| format!("contains {{{place}}}, which is not a placeholder of this text"));
    let control = text.chars().any(char::is_control).then(|| "contains a line break or another control character".to_owned());
    unknown.collect::<Vec<_>>().into_iter().chain(control)
}
