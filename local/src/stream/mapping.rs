//! The event source mapping of a function, as `template.yaml` describes it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_yaml_ng::Value as Yaml;

use super::{Start, StreamError};

/// The records that a function gets, the batch size and the retries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    start: Start,
    pub(super) batch_size: u16,
    /// The retries of a batch. None: until it succeeds.
    pub(super) retries: Option<u32>,
    /// Whether the function names the records that failed.
    pub(super) reports_failures: bool,
    /// A record must match one of them; without any, every record matches.
    filters: Vec<Filter>,
}

/// The simplest pattern of EventBridge: each field equals one of several texts.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Filter {
    Fields(BTreeMap<String, Filter>),
    OneOf(Vec<String>),
}

/// The properties of SAM's event `DynamoDB`, without those about timing and other destinations.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    starting_position: String,
    batch_size: Option<u16>,
    maximum_retry_attempts: Option<i64>,
    #[serde(default)]
    function_response_types: Vec<String>,
    filter_criteria: Option<Criteria>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Criteria {
    filters: Vec<Pattern>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Pattern {
    pattern: String,
}

impl Mapping {
    /// The mapping of the function whose binary is `function`, from the text of `template.yaml`.
    ///
    /// # Errors
    /// When the template has no such mapping, or an unsupported one.
    pub fn of(template: &str, function: &str) -> Result<Self, StreamError> {
        Self::read(template, function).map_err(|reason| StreamError(format!("template.yaml: the stream for {function}: {reason}")))
    }

    /// Where the first reading starts.
    #[must_use]
    pub fn start(&self) -> Start {
        self.start.clone()
    }

    fn read(template: &str, function: &str) -> Result<Self, String> {
        let template: Yaml = serde_yaml_ng::from_str(template).map_err(|e| e.to_string())?;
        let resources = template.get("Resources").and_then(Yaml::as_mapping).into_iter().flatten();
        let binary = |resource: &Yaml| resource.get("Metadata")?.get("BuildProperties")?.get("Binary")?.as_str().map(str::to_owned);
        let events: Vec<_> = resources
            .filter(|(_, resource)| binary(resource).is_some_and(|binary| binary == function))
            .filter_map(|(_, resource)| resource.get("Properties")?.get("Events")?.as_mapping())
            .flatten()
            .filter(|(_, event)| event.get("Type").and_then(Yaml::as_str) == Some("DynamoDB"))
            .filter_map(|(_, event)| event.get("Properties"))
            .collect();
        let [properties] = events[..] else {
            return Err(format!("it has {} events of the type DynamoDB, and not one", events.len()));
        };
        let properties: Properties = serde_yaml_ng::from_value(properties.clone()).map_err(|e| e.to_string())?;
        let patterns = properties.filter_criteria.map(|criteria| criteria.filters).unwrap_or_default();
        Ok(Self {
            start: match properties.starting_position.as_str() {
                "TRIM_HORIZON" => Start::TrimHorizon,
                "LATEST" => Start::Latest,
                other => return Err(format!("the starting position {other} is unknown")),
            },
            // The defaults are Lambda's.
            batch_size: properties.batch_size.unwrap_or(100).clamp(1, 1000),
            retries: properties.maximum_retry_attempts.and_then(|most| u32::try_from(most).ok()),
            reports_failures: properties.function_response_types.iter().any(|kind| kind == "ReportBatchItemFailures"),
            filters: patterns.iter().map(|p| Filter::parse(&p.pattern)).collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn matches(&self, record: &Value) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| filter.matches(record))
    }
}

impl Filter {
    fn parse(pattern: &str) -> Result<Self, String> {
        let value = serde_json::from_str(pattern).map_err(|e| format!("the pattern {pattern} is not JSON: {e}"))?;
        Self::read(&value).ok_or_else(|| format!("the pattern {pattern} uses more than equal texts"))
    }

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                let fields = fields.iter().map(|(name, value)| Some((name.clone(), Self::read(value)?)));
                Some(Self::Fields(fields.collect::<Option<_>>()?))
            }
            Value::Array(texts) if !texts.is_empty() => {
                let texts = texts.iter().map(|text| text.as_str().map(str::to_owned));
                Some(Self::OneOf(texts.collect::<Option<_>>()?))
            }
            _ => None,
        }
    }

    fn matches(&self, value: &Value) -> bool {
        match self {
            Self::Fields(fields) => fields.iter().all(|(name, filter)| value.get(name).is_some_and(|value| filter.matches(value))),
            Self::OneOf(texts) => value.as_str().is_some_and(|value| texts.iter().any(|text| text == value)),
        }
    }
}
