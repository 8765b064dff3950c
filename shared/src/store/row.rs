//! Building and parsing rows.
//!
//! A row that cannot be parsed is an error that names the row and the attribute. It is never skipped.

use std::{collections::HashMap, fmt::Display, str::FromStr};

use aws_sdk_dynamodb::types::AttributeValue;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{StoreError, keys};
use crate::domain::Timestamp;

/// Attribute names and values.
pub type Row = HashMap<String, AttributeValue>;

/// A string attribute.
pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number attribute.
pub(super) fn number(value: impl Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A point in time as an attribute: milliseconds since 1970.
pub(super) fn time(value: Timestamp) -> AttributeValue {
    number(value.as_millis())
}

/// Bytes as an attribute: base64url.
pub(super) fn bytes(value: &[u8]) -> AttributeValue {
    AttributeValue::S(URL_SAFE_NO_PAD.encode(value))
}

/// A boolean attribute.
pub(super) fn flag(value: bool) -> AttributeValue {
    AttributeValue::Bool(value)
}

/// The attributes of a row that is being parsed.
///
/// A list, because searching two dozen short names is faster than hashing one.
pub(super) struct Attributes {
    row: Vec<(String, AttributeValue)>,
    key: String,
}

impl Attributes {
    pub(super) fn of(row: Row) -> Self {
        Self { key: sort_key(&row), row: row.into_iter().collect() }
    }

    fn position(&self, attribute: &str) -> Option<usize> {
        self.row.iter().position(|(name, _)| name == attribute)
    }

    fn get(&self, attribute: &str) -> Option<&AttributeValue> {
        self.position(attribute).map(|index| &self.row[index].1)
    }

    fn take(&mut self, attribute: &str) -> Option<AttributeValue> {
        self.position(attribute).map(|index| self.row.swap_remove(index).1)
    }

    /// The error for a missing or malformed attribute.
    pub(super) fn corrupt(&self, attribute: &str) -> StoreError {
        corrupt(self.key.clone(), attribute)
    }

    pub(super) fn text(&mut self, attribute: &str) -> Result<String, StoreError> {
        match self.take(attribute) {
            Some(AttributeValue::S(text)) => Ok(text),
            _ => Err(self.corrupt(attribute)),
        }
    }

    pub(super) fn optional_text(&mut self, attribute: &str) -> Result<Option<String>, StoreError> {
        if self.is_set(attribute) { self.text(attribute).map(Some) } else { Ok(None) }
    }

    /// Whether the attribute exists.
    pub(super) fn is_set(&self, attribute: &str) -> bool {
        self.position(attribute).is_some()
    }

    /// A string attribute, parsed by `parse`.
    pub(super) fn read<T>(&mut self, attribute: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, StoreError> {
        let text = self.text(attribute)?;
        parse(&text).ok_or_else(|| self.corrupt(attribute))
    }

    pub(super) fn parsed<T: FromStr>(&mut self, attribute: &str) -> Result<T, StoreError> {
        self.read(attribute, |text| text.parse().ok())
    }

    /// A number that may be missing; then `missing`.
    pub(super) fn number_or<T: FromStr>(&mut self, attribute: &str, missing: T) -> Result<T, StoreError> {
        if self.is_set(attribute) { self.number(attribute) } else { Ok(missing) }
    }

    pub(super) fn optional_number<T: FromStr>(&mut self, attribute: &str) -> Result<Option<T>, StoreError> {
        if self.is_set(attribute) { self.number(attribute).map(Some) } else { Ok(None) }
    }

    pub(super) fn optional<T: FromStr>(&mut self, attribute: &str) -> Result<Option<T>, StoreError> {
        if self.is_set(attribute) { self.parsed(attribute).map(Some) } else { Ok(None) }
    }

    pub(super) fn bytes<const N: usize>(&mut self, attribute: &str) -> Result<[u8; N], StoreError> {
        self.read(attribute, decoded)
    }

    pub(super) fn number<T: FromStr>(&mut self, attribute: &str) -> Result<T, StoreError> {
        let number = self.get(attribute).and_then(|value| value.as_n().ok()?.parse().ok());
        number.ok_or_else(|| self.corrupt(attribute))
    }

    pub(super) fn time(&mut self, attribute: &str) -> Result<Timestamp, StoreError> {
        let millis = self.number(attribute)?;
        Timestamp::from_millis(millis).ok_or_else(|| self.corrupt(attribute))
    }

    pub(super) fn optional_time(&mut self, attribute: &str) -> Result<Option<Timestamp>, StoreError> {
        if self.is_set(attribute) { self.time(attribute).map(Some) } else { Ok(None) }
    }

    pub(super) fn flag(&mut self, attribute: &str) -> Result<bool, StoreError> {
        self.get(attribute).and_then(|value| value.as_bool().ok().copied()).ok_or_else(|| self.corrupt(attribute))
    }

    /// A set of strings.
    pub(super) fn texts(&mut self, attribute: &str) -> Result<Vec<String>, StoreError> {
        match self.take(attribute) {
            Some(AttributeValue::Ss(texts)) => Ok(texts),
            _ => Err(self.corrupt(attribute)),
        }
    }
}

/// A bytes attribute of a row that is not parsed.
pub(super) fn bytes_in<const N: usize>(row: &Row, attribute: &str) -> Result<[u8; N], StoreError> {
    let text = row.get(attribute).and_then(|value| value.as_s().ok());
    text.and_then(|text| decoded(text)).ok_or_else(|| corrupt(sort_key(row), attribute))
}

fn decoded<const N: usize>(text: &str) -> Option<[u8; N]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

fn corrupt(key: String, attribute: &str) -> StoreError {
    StoreError::Corrupt { key, problem: format!("{attribute} is missing or does not have the form it should") }
}

/// The row's sort key, safe for logging: a lock's key contains an address.
fn sort_key(row: &Row) -> String {
    match row.get(keys::SK).and_then(|value| value.as_s().ok()) {
        Some(sk) if sk.starts_with("P#") => "P#…".to_owned(),
        Some(sk) => sk.clone(),
        None => "without a sort key".to_owned(),
    }
}
