//! What IAM decides on: an action on a resource, with a context.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// A condition key of the policies. Any other one is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Key {
    /// The API of which the action is a part, such as `TransactWriteItems`.
    #[serde(rename = "dynamodb:EnclosingOperation")]
    EnclosingOperation,
    /// The partition keys.
    #[serde(rename = "dynamodb:LeadingKeys")]
    LeadingKeys,
    /// What a query returns.
    #[serde(rename = "dynamodb:Select")]
    Select,
    /// The sources of events.
    #[serde(rename = "events:source")]
    Source,
    /// The sender's address, without a name.
    #[serde(rename = "ses:FromAddress")]
    FromAddress,
}

impl Key {
    pub(super) const ALL: [Self; 5] = [Self::EnclosingOperation, Self::LeadingKeys, Self::Select, Self::Source, Self::FromAddress];

    /// Its name in a policy.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EnclosingOperation => "dynamodb:EnclosingOperation",
            Self::LeadingKeys => "dynamodb:LeadingKeys",
            Self::Select => "dynamodb:Select",
            Self::Source => "events:source",
            Self::FromAddress => "ses:FromAddress",
        }
    }

    /// Whether a request may have several values, by the Service Authorization Reference: `ArrayOfString` instead of `String`.
    #[must_use]
    pub fn is_multivalued(self) -> bool {
        matches!(self, Self::LeadingKeys | Self::Source)
    }
}

/// One action on one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Request {
    /// Such as `dynamodb:GetItem`.
    pub action: String,
    /// Its ARN.
    pub resource: String,
    /// The values of the condition keys. A key without a value is not there.
    pub context: BTreeMap<Key, BTreeSet<String>>,
}

impl Request {
    /// A request without a context.
    #[must_use]
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), context: BTreeMap::new() }
    }

    /// The same request with values of a key. Without values it has no such key.
    #[must_use]
    pub fn with<T: Into<String>>(mut self, key: Key, values: impl IntoIterator<Item = T>) -> Self {
        let values: BTreeSet<String> = values.into_iter().map(Into::into).collect();
        if values.is_empty() {
            self.context.remove(&key);
        } else {
            self.context.insert(key, values);
        }
        self
    }

    /// The same request with another name for something, such as a table or an account.
    #[must_use]
    pub fn renamed(&self, from: &str, to: &str) -> Self {
        let renamed = |values: &BTreeSet<String>| values.iter().map(|value| value.replace(from, to)).collect();
        Self {
            action: self.action.clone(),
            resource: self.resource.replace(from, to),
            context: self.context.iter().map(|(key, values)| (*key, renamed(values))).collect(),
        }
    }

    /// The values of a key.
    pub fn values(&self, key: Key) -> impl Iterator<Item = &str> {
        self.context.get(&key).into_iter().flatten().map(String::as_str)
    }

    /// The kinds of its partitions, for logs, which must not contain more of a key: `A#`, or `1`.
    pub(super) fn partition_kinds(&self) -> BTreeSet<&str> {
        let kind = |key| str::split_inclusive(key, '#').next().filter(|kind| kind.ends_with('#')).unwrap_or("other");
        self.values(Key::LeadingKeys).map(kind).collect()
    }
}
