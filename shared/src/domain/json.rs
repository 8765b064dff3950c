//! JSON in which no object has the same name twice, at any depth. Two parsers could read different values from an object that does.

use std::{collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

use super::text::{Malformed, excerpt};

/// A JSON value. Objects keep the order of their members.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A string.
    Text(String),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Parses a text that is one JSON value.
    ///
    /// # Errors
    /// If it is not, or if an object has a name twice. The message does not repeat values.
    pub fn parse(text: &[u8]) -> Result<Self, Malformed> {
        serde_json::from_slice(text).map_err(|error| Malformed(error.to_string()))
    }

    /// The member of an object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(member, _)| member == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The value as a string.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element()? {
            values.push(value);
        }
        Ok(Json::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        // A set, because a document can contain thousands of names.
        let mut names = HashSet::new();
        while let Some((name, value)) = map.next_entry::<String, Json>()? {
            if !names.insert(name.clone()) {
                return Err(A::Error::custom(format_args!("the field '{}' appears twice", excerpt(&name))));
            }
            members.push((name, value));
        }
        Ok(Json::Object(members))
    }
}

/// A JSON pointer (RFC 6901): `/realm_access/roles`. In names, `~1` stands for `/` and `~0` for `~`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer(Vec<String>);

impl Pointer {
    /// The value that it points to. `null` counts as absent.
    #[must_use]
    pub fn find<'a>(&self, value: &'a Json) -> Option<&'a Json> {
        let found = self.0.iter().try_fold(value, |value, name| match value {
            Json::Array(values) => values.get(index(name)?),
            _ => value.get(name),
        });
        found.filter(|value| **value != Json::Null)
    }
}

/// The index that a name spells: digits without leading zeros.
fn index(name: &str) -> Option<usize> {
    let plain = name == "0" || !name.starts_with(['0', '+']);
    name.parse().ok().filter(|_| plain)
}

impl std::str::FromStr for Pointer {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong = || Malformed(format!("'{}' is not a JSON pointer, such as /email", excerpt(text)));
        let names = text.strip_prefix('/').ok_or_else(wrong)?.split('/');
        let unescape = |name: &str| {
            let valid = name.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
            valid.then(|| name.replace("~1", "/").replace("~0", "~"))
        };
        names.map(|name| unescape(name).filter(|name| !name.is_empty()).ok_or_else(wrong)).collect::<Result<_, _>>().map(Self)
    }
}
