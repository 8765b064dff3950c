//! The conditions of statements.

use serde_json::Value;

use super::{
    pattern::Pattern,
    policy::texts,
    request::{Key, Request},
};

/// A condition of a statement: one key of one operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    key: Key,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    /// `Null`: whether the request has no value.
    Absent(bool),
    Compare(Quantifier, Comparison, Vec<Pattern>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    /// For keys that have one value.
    Single,
    /// Also true without a value.
    ForAllValues,
    ForAnyValue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equals,
    EqualsIgnoreCase,
    Like,
}

impl Condition {
    /// The conditions of an element `Condition`. The error says what is not supported.
    pub(super) fn parse_all(condition: &Value) -> Result<Vec<Self>, String> {
        let mut conditions = Vec::new();
        for (operator, keys) in condition.as_object().ok_or("Condition must be an object")? {
            for (key, values) in keys.as_object().ok_or_else(|| format!("{operator} must be an object"))? {
                conditions.push(Self::parse(operator, key, values)?);
            }
        }
        Ok(conditions)
    }

    fn parse(operator: &str, name: &str, values: &Value) -> Result<Self, String> {
        let key =
            Key::ALL.into_iter().find(|key| key.name() == name).ok_or_else(|| format!("the condition key {name} is not supported"))?;
        let values = texts(values).map_err(|reason| format!("{operator} of {name}: {reason}"))?;
        if operator == "Null" {
            return match values[..] {
                ["true"] => Ok(Self { key, test: Test::Absent(true) }),
                ["false"] => Ok(Self { key, test: Test::Absent(false) }),
                _ => Err(format!("Null of {name} must be true or false")),
            };
        }
        let (quantifier, comparison) = match operator.split_once(':') {
            Some(("ForAllValues", comparison)) => (Quantifier::ForAllValues, comparison),
            Some(("ForAnyValue", comparison)) => (Quantifier::ForAnyValue, comparison),
            _ => (Quantifier::Single, operator),
        };
        let comparison = match comparison {
            "StringEquals" => Comparison::Equals,
            "StringEqualsIgnoreCase" => Comparison::EqualsIgnoreCase,
            "StringLike" => Comparison::Like,
            _ => return Err(format!("the condition operator {operator} is not supported")),
        };
        Ok(Self { key, test: Test::Compare(quantifier, comparison, values.into_iter().map(Pattern::new).collect()) })
    }

    pub(super) fn holds(&self, request: &Request) -> bool {
        let values = request.context.get(&self.key);
        match &self.test {
            Test::Absent(absent) => values.is_none() == *absent,
            Test::Compare(quantifier, comparison, patterns) => {
                let good = |value: &String| patterns.iter().any(|pattern| comparison.holds(pattern, value));
                match (quantifier, values) {
                    // A key with many values matches no operator for one, however many the request has.
                    (Quantifier::Single, Some(values)) => !self.key.is_multivalued() && values.iter().all(good),
                    (Quantifier::ForAllValues, Some(values)) => values.iter().all(good),
                    (Quantifier::ForAnyValue, Some(values)) => values.iter().any(good),
                    (Quantifier::Single | Quantifier::ForAnyValue, None) => false,
                    (Quantifier::ForAllValues, None) => true,
                }
            }
        }
    }
}

impl Comparison {
    fn holds(self, pattern: &Pattern, value: &str) -> bool {
        match self {
            Self::Equals => pattern.as_str() == value,
            Self::EqualsIgnoreCase => pattern.as_str().to_lowercase() == value.to_lowercase(),
            Self::Like => pattern.matches(value),
        }
    }
}
