//! Checks responses against `openapi.yaml`: a response that it does not describe fails the test.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::{Call, Response, app::root_file};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_yaml_ng::from_str(&root_file("openapi.yaml")).expect("openapi.yaml is YAML"));
static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// Fails the test unless the document describes status, body and headers of this response to this call.
pub(crate) fn check(call: &Call, response: &Response) {
    let route = call.route();
    let (method, path) = route.split_once(' ').expect("a route has two words");
    let operation = &DOCUMENT["paths"][path][method.to_ascii_lowercase()];
    assert!(operation.is_object(), "openapi.yaml has no {route}");
    let mut pointer = format!("/paths/{}/{}/responses/{}", path.replace('/', "~1"), method.to_ascii_lowercase(), response.status);
    let mut described =
        DOCUMENT.pointer(&pointer).unwrap_or_else(|| panic!("openapi.yaml describes no {} of {route}: {}", response.status, response.text));
    if let Some(reference) = described["$ref"].as_str() {
        pointer = reference.trim_start_matches('#').to_owned();
        described = DOCUMENT.pointer(&pointer).unwrap_or_else(|| panic!("openapi.yaml refers to {reference}, which is not there"));
    }
    for (name, header) in described["headers"].as_object().into_iter().flatten() {
        let header = header["$ref"].as_str().and_then(|reference| DOCUMENT.pointer(&reference[1..])).unwrap_or(header);
        let there = response.header(&name.to_ascii_lowercase()).is_some();
        assert!(there || header["required"] != true, "{route} {}: the header {name} is missing", response.status);
    }
    if described["content"].is_null() {
        assert_eq!((response.text.as_str(), response.header("content-type")), ("", None), "{route} {} has no content", response.status);
        return;
    }
    assert!(
        described["content"]["application/json"]["schema"].is_object(),
        "openapi.yaml describes no body of {route} {}",
        response.status
    );
    let validator = validator(&format!("{pointer}/content/application~1json/schema"));
    if let Err(error) = validator.validate(&response.json()) {
        panic!("{route} {}: {error} at {} in {}", response.status, error.instance_path(), response.text);
    }
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
