//! Defects of the service: returned like every other error, with details in the log only (T23).

use functions::{
    account::describe_invitation::ROUTE,
    app::App,
    http::{edge::respond, event::Request, output::Reply},
    operator::{invocation, manage_api_keys::handle as manage_api_keys},
};
use serde_json::{Value, json};
use shared::config::ConfigError;
use support::{Call, Response, TestApp, root_file};

const INTERNAL_ERROR: &str = "Something has gone terribly wrong. Sorry! Tell us the requestId and we will find out why.";

fn event() -> String {
    Call::get("/invitations/01A205E6D4297253BD96E74FFADF0839").event().to_string()
}

fn internal_error(request_id: &str) -> Value {
    json!({ "code": "internal-error", "message": INTERNAL_ERROR, "fields": {}, "requestId": request_id })
}

#[tokio::test]
async fn a_panic_is_answered_with_the_constant_500() {
    let app = TestApp::start().await;
    let handle = async |_: &App, _: &Request| -> Result<Reply, _> { panic!("the secret is 42") };
    let response = Response::from(respond(ROUTE, Ok(app.state()), &event(), "invocation-1", &handle).await);
    assert_eq!((response.status, response.json()), (500, internal_error("request-1")));
    assert_eq!((response.header("x-request-id"), response.header("cache-control")), (Some("request-1"), Some("no-store")));
}

#[tokio::test]
async fn an_invalid_configuration_is_answered_with_the_constant_500() {
    let problem = ConfigError(vec!["TABLE_NAME must be set".to_owned()]);
    let handle = async |_: &App, _: &Request| -> Result<Reply, _> { unreachable!("there is no state to handle anything with") };
    let response = Response::from(respond(ROUTE, Err(&problem), &event(), "invocation-1", &handle).await);
    assert_eq!((response.status, response.json()), (500, internal_error("request-1")));
    let event = r#"{"action":"list","account":"012345678912"}"#;
    let keys = invocation::respond(Err(&problem), event, "invocation-1", &manage_api_keys).await;
    assert_eq!(serde_json::from_str::<Value>(&keys).unwrap(), internal_error("invocation-1"));
}

#[test]
fn release_builds_unwind_so_that_panics_can_be_answered() {
    // cargo-lambda builds with "abort" unless the profile says otherwise.
    let manifest = root_file("Cargo.toml");
    let (_, release) = manifest.split_once("[profile.release]").expect("there is a release profile");
    let release = release.split("\n[").next().unwrap_or_default();
    assert!(release.lines().any(|line| line.trim() == "panic = \"unwind\""), "{release}");
}
