//! Entity tags: names of what a response shows (RFC 9110, 8.8.3), and the lists of them in preconditions (13.1).

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::text::Malformed;

/// An entity tag, without its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityTag(String);

impl EntityTag {
    /// The tag of a response body: 128 bits of its SHA-256. It is strong, because another body has another tag.
    #[must_use]
    pub fn of(body: &str) -> Self {
        Self(URL_SAFE_NO_PAD.encode(&Sha256::digest(body)[..16]))
    }
}

impl fmt::Display for EntityTag {
    /// With its quotes, as in the header `ETag`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

/// The value of `If-Match` or `If-None-Match`: `*`, or at least one entity tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityTags(Listed);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Listed {
    Any,
    These { strong: Vec<EntityTag>, weak: Vec<EntityTag> },
}

impl EntityTags {
    /// Whether they include `tag` by the strong comparison of `If-Match`: a weak tag is never equal.
    #[must_use]
    pub fn include_strongly(&self, tag: &EntityTag) -> bool {
        match &self.0 {
            Listed::Any => true,
            Listed::These { strong, .. } => strong.contains(tag),
        }
    }

    /// Whether they include `tag` by the weak comparison of `If-None-Match`: it does not matter whether a tag is weak.
    #[must_use]
    pub fn include_weakly(&self, tag: &EntityTag) -> bool {
        match &self.0 {
            Listed::Any => true,
            Listed::These { strong, weak } => strong.contains(tag) || weak.contains(tag),
        }
    }
}

impl FromStr for EntityTags {
    type Err = Malformed;

    /// Several header lines arrive joined by commas. Elements of the list may be empty (RFC 9110, 5.6.1), but not all of them.
    fn from_str(header: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed("must be * or a list of entity tags, each in double quotes".to_owned());
        let mut rest = header.trim_matches(BLANK);
        if rest == "*" {
            return Ok(Self(Listed::Any));
        }
        let (mut strong, mut weak) = (Vec::new(), Vec::new());
        loop {
            if !rest.is_empty() && !rest.starts_with(',') {
                let (list, quoted) = match rest.strip_prefix("W/") {
                    Some(quoted) => (&mut weak, quoted),
                    None => (&mut strong, rest),
                };
                let (tag, after) = split_tag(quoted).ok_or_else(malformed)?;
                list.push(tag);
                rest = after.trim_start_matches(BLANK);
            }
            match rest.strip_prefix(',') {
                Some(after) => rest = after.trim_start_matches(BLANK),
                None if rest.is_empty() && !(strong.is_empty() && weak.is_empty()) => return Ok(Self(Listed::These { strong, weak })),
                None => return Err(malformed()),
            }
        }
    }
}

/// The blanks between elements of a header.
const BLANK: [char; 2] = [' ', '\t'];

/// The tag that the text begins with, and the rest. A backslash has no special meaning.
fn split_tag(quoted: &str) -> Option<(EntityTag, &str)> {
    let (tag, rest) = quoted.strip_prefix('"')?.split_once('"')?;
    let valid = tag.chars().all(|c| matches!(c, '!'..='~' | '\u{80}'..));
    valid.then(|| (EntityTag(tag.to_owned()), rest))
}
