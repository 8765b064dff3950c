//! The body of `PutEvents`, and EventBridge's rules for it.

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::Event;

/// An unknown field is an error: ignoring it would hide a mistake.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PutEvents {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Entry {
    /// Seconds since 1970.
    time: Option<f64>,
    source: Option<String>,
    #[serde(default)]
    resources: Vec<String>,
    detail_type: Option<String>,
    detail: Option<String>,
    event_bus_name: Option<String>,
}

/// EventBridge's limit for one call.
const MAX_ENTRIES: usize = 10;
/// The largest call: every target of a rule accepts 256 KB.
const MAX_BYTES: usize = 256 * 1024;

/// Why one entry is rejected: a code and a message.
type Rejection = (&'static str, String);

/// Reads the entries. Each is valid or invalid by itself; the error is about the whole call.
pub(super) fn read(body: &[u8], now: SystemTime) -> Result<Vec<Result<Event, Rejection>>, String> {
    let call: PutEvents = serde_json::from_slice(body).map_err(|e| format!("The request is invalid: {e}."))?;
    if call.entries.is_empty() || call.entries.len() > MAX_ENTRIES {
        return Err(format!("A call must have 1 to {MAX_ENTRIES} entries."));
    }
    if call.entries.iter().map(Entry::size).sum::<usize>() > MAX_BYTES {
        return Err(format!("The entries exceed {MAX_BYTES} bytes in total."));
    }
    Ok(call.entries.into_iter().map(|entry| entry.read(now)).collect())
}

impl Entry {
    /// As EventBridge counts it.
    fn size(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let time = if self.time.is_some() { 14 } else { 0 };
        time + text(&self.source) + text(&self.detail_type) + text(&self.detail) + self.resources.iter().map(String::len).sum::<usize>()
    }

    fn read(self, now: SystemTime) -> Result<Event, Rejection> {
        let required = |value: Option<String>, name: &str| match value {
            Some(value) if !value.is_empty() => Ok(value),
            _ => Err(("InvalidArgument", format!("Parameter {name} is not valid. Reason: {name} is a required argument."))),
        };
        let source = required(self.source, "Source")?;
        let detail_type = required(self.detail_type, "DetailType")?;
        let detail = required(self.detail, "Detail")?;
        if source.starts_with("aws.") {
            return Err(("NotAuthorizedForSourceException", "Not authorized for the source.".into()));
        }
        let detail = match serde_json::from_str(&detail) {
            Ok(detail @ Value::Object(_)) => detail,
            _ => return Err(("MalformedDetail", "Detail is malformed.".into())),
        };
        let since_1970 = self.time.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        Ok(Event {
            id: Uuid::now_v7().to_string(),
            bus: self.event_bus_name.unwrap_or_else(|| "default".into()),
            source,
            detail_type,
            detail,
            resources: self.resources,
            time: since_1970.map_or(now, |since| SystemTime::UNIX_EPOCH + since),
        })
    }
}
