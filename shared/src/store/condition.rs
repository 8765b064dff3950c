//! Conditions of writes.

use std::{borrow::Cow, collections::HashMap};

use aws_sdk_dynamodb::types::AttributeValue;

use super::row::Row;

/// A condition: its expression and the values of its placeholders.
pub(super) struct Condition {
    pub(super) expression: Cow<'static, str>,
    pub(super) values: Row,
}

impl Condition {
    /// Only `#exp` and `#ttl` need a placeholder; no other attribute is a reserved word.
    pub(super) fn new<const N: usize>(expression: &'static str, values: [(&str, AttributeValue); N]) -> Self {
        Self { expression: expression.into(), values: values.map(|(name, value)| (name.to_owned(), value)).into() }
    }

    /// The condition with a value for the update expression that it belongs to.
    pub(super) fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    /// The condition with another one added.
    pub(super) fn and(mut self, expression: &str, name: &str, value: AttributeValue) -> Self {
        self.expression = format!("{} AND {expression}", self.expression).into();
        self.values.insert(name.to_owned(), value);
        self
    }
}

/// The names of an expression: every `#name` stands for the attribute `name`.
pub(super) fn names(expression: &str) -> Option<HashMap<String, String>> {
    let names: HashMap<String, String> = expression
        .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '#' | ':' | '_')))
        .filter_map(|word| word.strip_prefix('#').map(|name| (word.to_owned(), name.to_owned())))
        .collect();
    (!names.is_empty()).then_some(names)
}
