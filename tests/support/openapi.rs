//! Checks responses against `openapi.yaml`.
//!
//! The document allows responses to gain properties and values, so that clients expect them. The service itself must send only those
//! that the document has: here, its responses are closed.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::{Call, Response, app::root_file};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| closed(document()));
static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// The document as published.
#[must_use]
pub fn document() -> Value {
    serde_yaml_ng::from_str(&root_file("openapi.yaml")).expect("openapi.yaml is YAML")
}

/// Without properties and values that the document does not have.
fn closed(mut value: Value) -> Value {
    match &mut value {
        Value::Object(object) => {
            if object.get("type").is_some_and(|it| it == "object") && object.contains_key("properties") {
                object.entry("additionalProperties").or_insert(false.into());
            }
            if let Some(known) = object.remove("x-extensible-enum") {
                object.insert("enum".to_owned(), known);
            }
            object.values_mut().for_each(|it| *it = closed(it.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|it| *it = closed(it.take())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    value
}

/// Checks that the document describes status, body and headers of this response to this call.
///
/// # Errors
/// What it does not describe.
///
/// # Panics
/// If the document itself is wrong.
pub fn check(call: &Call, response: &Response) -> Result<(), String> {
    let route = call.route();
    let (method, path) = route.split_once(' ').expect("a route has two words");
    let operation = &DOCUMENT["paths"][path][method.to_ascii_lowercase()];
    assert!(operation.is_object(), "openapi.yaml has no {route}");
    let mut pointer = format!("/paths/{}/{}/responses/{}", path.replace('/', "~1"), method.to_ascii_lowercase(), response.status);
    let mut described =
        DOCUMENT.pointer(&pointer).ok_or_else(|| format!("openapi.yaml describes no {} of {route}: {}", response.status, response.text))?;
    if let Some(reference) = described["$ref"].as_str() {
        pointer = reference.trim_start_matches('#').to_owned();
        described = DOCUMENT.pointer(&pointer).unwrap_or_else(|| panic!("openapi.yaml refers to {reference}, which is not there"));
    }
    for (name, header) in described["headers"].as_object().into_iter().flatten() {
        let header = header["$ref"].as_str().and_then(|reference| DOCUMENT.pointer(&reference[1..])).unwrap_or(header);
        let there = response.header(&name.to_ascii_lowercase()).is_some();
        if !there && header["required"] == true {
            return Err(format!("{route} {}: the header {name} is missing", response.status));
        }
    }
    if described["content"].is_null() {
        let empty = response.text.is_empty() && response.header("content-type").is_none();
        return if empty { Ok(()) } else { Err(format!("{route} {}: a body, but openapi.yaml describes none", response.status)) };
    }
    if !described["content"]["application/json"]["schema"].is_object() {
        return Err(format!("{route} {}: openapi.yaml describes no JSON", response.status));
    }
    let validator = validator(&format!("{pointer}/content/application~1json/schema"));
    validator
        .validate(&response.json())
        .map_err(|error| format!("{route} {}: {error} at {} in {}", response.status, error.instance_path(), response.text))
}

/// The validator of the schema at a JSON pointer.
fn validator(pointer: &str) -> Arc<Validator> {
    let mut validators = VALIDATORS.lock().expect("no test panics in here");
    let entry = validators.entry(pointer.to_owned()).or_insert_with(|| {
        let fragment = pointer.replace('{', "%7B").replace('}', "%7D");
        let mut schema = json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": format!("#{fragment}") });
        // Its references point into the whole document.
        schema["paths"] = DOCUMENT["paths"].clone();
        schema["components"] = DOCUMENT["components"].clone();
        let options = jsonschema::options().should_validate_formats(true);
        Arc::new(options.build(&schema).unwrap_or_else(|error| panic!("openapi.yaml, {pointer}: {error}")))
    });
    Arc::clone(entry)
}
