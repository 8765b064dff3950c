//! The API tab: the contract in Swagger UI, which is served from here and loads nothing from elsewhere.

use std::{
    borrow::Cow,
    io::{Cursor, Read},
    sync::OnceLock,
};

use axum::{
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::json;
use serde_yaml_ng::{Mapping, Value};
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

use super::{JAVASCRIPT, Pages, with_policy};
use crate::output::{Problem, problem};

const CONTRACT: &str = include_str!("../../../../openapi.yaml");

pub(super) async fn page(State(pages): State<Pages>) -> Response {
    // Swagger UI sets styles in attributes.
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self' {}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        pages.issuer
    );
    with_policy(pages.render("api.html", &json!({ "session": pages.session() })), policy)
}

pub(super) async fn contract(State(pages): State<Pages>) -> Response {
    as_json(&pages.api).map_or_else(failed, |json| ([(CONTENT_TYPE, "application/json")], json).into_response())
}

pub(super) async fn own_style() -> Response {
    ([(CONTENT_TYPE, "text/css")], include_str!("api.css")).into_response()
}

pub(super) async fn style() -> Response {
    file(|ui| &ui.style, "text/css")
}

pub(super) async fn script() -> Response {
    file(|ui| &ui.script, JAVASCRIPT)
}

/// The contract, whose only server is the API at this URL. Optional parameters have no examples, because Swagger UI would send
/// them all.
fn as_json(api: &str) -> Result<String, Problem> {
    let failed = |e: &dyn std::fmt::Display| problem!("openapi.yaml: {e}");
    let mut contract: Mapping = serde_yaml_ng::from_str(CONTRACT).map_err(|e| failed(&e))?;
    let server = Mapping::from_iter([(Value::from("url"), Value::from(api))]);
    contract.insert("servers".into(), vec![Value::from(server)].into());
    contract.values_mut().for_each(clear_optional_parameters);
    // Not by way of serde_json's values, which would sort the paths.
    serde_json::to_string(&contract).map_err(|e| failed(&e))
}

fn clear_optional_parameters(value: &mut Value) {
    match value {
        Value::Mapping(mapping) => {
            if mapping.contains_key("in") && mapping.get("required") != Some(&Value::Bool(true)) {
                mapping.remove("example");
                mapping.remove("examples");
            }
            mapping.values_mut().for_each(clear_optional_parameters);
        }
        Value::Sequence(values) => values.iter_mut().for_each(clear_optional_parameters),
        _ => {}
    }
}

struct SwaggerUi {
    style: Vec<u8>,
    script: Vec<u8>,
}

fn file(pick: impl Fn(&SwaggerUi) -> &[u8], content_type: &'static str) -> Response {
    static UI: OnceLock<Result<SwaggerUi, Problem>> = OnceLock::new();
    let unpack = || Ok(SwaggerUi { style: unpacked("swagger-ui.css")?, script: unpacked("swagger-ui-bundle.js")? });
    match UI.get_or_init(unpack) {
        Ok(ui) => ([(CONTENT_TYPE, content_type)], pick(ui).to_vec()).into_response(),
        Err(problem) => failed(problem.clone()),
    }
}

/// A file of the package's archive, whose directories have the version in their names.
fn unpacked(name: &str) -> Result<Vec<u8>, Problem> {
    let failed = |e: &dyn std::fmt::Display| problem!("{name} cannot be unpacked: {e}");
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED)).map_err(|e| failed(&e))?;
    let path = archive.file_names().flatten().find(|path| path.ends_with(&format!("/dist/{name}"))).map(Cow::into_owned);
    let path = path.ok_or_else(|| failed(&"it is missing"))?;
    let mut content = Vec::new();
    archive.by_name(&path).map_err(|e| failed(&e))?.read_to_end(&mut content).map_err(|e| failed(&e))?;
    Ok(content)
}

fn failed(problem: Problem) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{problem}\n")).into_response()
}
