//! Requests to IAM of `PutEvents`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Location;
use crate::iam::request::{Key, Request};

/// A request for each bus, with the sources of all its events.
pub(super) fn requests(location: &Location, input: &Value) -> Vec<Request> {
    let mut sources: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for entry in input["Entries"].as_array().into_iter().flatten() {
        let bus = entry["EventBusName"].as_str().unwrap_or("default");
        let bus = if bus.starts_with("arn:") { bus.to_owned() } else { location.arn("events", &format!("event-bus/{bus}")) };
        sources.entry(bus).or_default().extend(entry["Source"].as_str());
    }
    sources.into_iter().map(|(bus, sources)| Request::new("events:PutEvents", bus).with(Key::Source, sources)).collect()
}
