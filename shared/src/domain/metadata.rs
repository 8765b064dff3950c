//! What a host application attaches to an invitation. It means nothing to this service.

use std::{collections::BTreeMap, fmt, str::FromStr};

use super::{
    json::Json,
    settings::Redirect,
    text::{Malformed, excerpt},
};

/// The largest number of keys.
const MAX_KEYS: usize = 16;
/// The most bytes that the metadata as JSON and the redirect have together, so that rows stay small.
const MAX_BYTES: usize = 256;

/// Names and values, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata(BTreeMap<String, String>);

impl Metadata {
    /// The names and values.
    #[must_use]
    pub fn entries(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

/// Checks the size of what an invitation carries for its host application.
///
/// # Errors
/// If it is too large.
pub fn check_size(metadata: Option<&Metadata>, redirect: Option<&Redirect>) -> Result<(), Malformed> {
    let size = metadata.map_or(0, |metadata| metadata.to_string().len()) + redirect.map_or(0, |redirect| redirect.as_str().len());
    if size <= MAX_BYTES {
        return Ok(());
    }
    Err(Malformed(match metadata {
        Some(_) => format!("must have at most {MAX_BYTES} bytes as JSON, together with redirect; they have {size}"),
        None => format!("must have at most {MAX_BYTES} bytes; it has {size}"),
    }))
}

impl TryFrom<&Json> for Metadata {
    type Error = Malformed;

    /// A flat object of strings.
    fn try_from(json: &Json) -> Result<Self, Malformed> {
        let wrong = || Malformed(format!("must be an object of at most {MAX_KEYS} strings, such as {{\"team\": \"sales\"}}"));
        let Json::Object(members) = json else { return Err(wrong()) };
        if members.len() > MAX_KEYS {
            return Err(wrong());
        }
        let entry = |(name, value): &(String, Json)| {
            let value = value.as_text().ok_or_else(wrong)?;
            if name.is_empty() || name.chars().chain(value.chars()).any(char::is_control) {
                let reason = "a name must not be empty, and neither names nor values may contain control characters";
                return Err(Malformed(format!("'{}': {reason}", excerpt(name))));
            }
            Ok((name.clone(), value.to_owned()))
        };
        members.iter().map(entry).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Metadata {
    type Err = Malformed;

    /// The JSON of [`fmt::Display`].
    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::try_from(&Json::parse(text.as_bytes())?)
    }
}

/// As JSON without white space.
impl fmt::Display for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", serde_json::json!(self.0))
    }
}
