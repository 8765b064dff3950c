//! Valid, unusual and malformed events: no crash, no 5xx, and nothing of the Host header in a response (T10, T23).

use serde_json::{Value, json};
use support::{Call, Response, TestApp};

use crate::helpers::{COOLDOWN, assert_error, assert_response, error, resend, table, text, with};

const ROUTES: [&str; 4] = ["POST /invitations", "GET /invitations", "GET /invitations/{id}", "POST /invitations/{id}"];
const NO_EVENT: &str = "the event is not an HTTP request in API Gateway's payload format 2.0";

/// An app with one invitation that can be resent, and a successful request for each route.
async fn app_with_calls() -> (TestApp, [Call; 4]) {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    app.advance(COOLDOWN);
    let path = format!("/invitations/{id}");
    let calls = [Call::create("new@example.com", "read-only"), Call::get("/invitations"), Call::get(&path), resend(&id)];
    let calls = calls.map(|call| call.key(&app.full));
    (app, calls)
}

/// Asserts an error that was raised before the request id was known.
#[track_caller]
fn refuses_the_event(response: &Response) {
    assert_response(response, 400, &with(&error("invalid-event", None, NO_EVENT), json!({ "requestId": "invocation-1" })), &[]);
}

#[tokio::test]
async fn an_event_that_is_not_an_http_request_is_a_400_on_every_route() {
    let (app, calls) = app_with_calls().await;
    let before = table(&app).await;
    let deep = format!("{{\"headers\":{}", "[".repeat(100_000));
    let event = calls[0].event();
    let broken = [
        with(&event, json!({ "requestContext": null })),
        with(&event, json!({ "requestContext": {} })),
        with(&event, json!({ "requestContext": { "http": { "method": 1 } } })),
        with(&event, json!({ "headers": [] })),
        with(&event, json!({ "headers": { "authorization": 1 } })),
        with(&event, json!({ "headers": { "authorization": ["a", "b"] } })),
        with(&event, json!({ "isBase64Encoded": "yes" })),
        with(&event, json!({ "body": {} })),
        with(&event, json!({ "rawQueryString": {} })),
        with(&event, json!({ "pathParameters": [] })),
        // Payload format 1.0, a queue message, a schedule.
        json!({ "httpMethod": "GET", "path": "/invitations", "headers": {}, "requestContext": { "httpMethod": "GET" } }),
        json!({ "Records": [{ "messageId": "1", "body": "{}", "eventSource": "aws:sqs" }] }),
        json!({ "source": "aws.events", "detail": {} }),
    ];
    let broken: Vec<String> = broken.iter().map(Value::to_string).collect();
    let more = ["", "null", "[]", "{}", "1", "\"x\"", "{\"requestContext\":", &deep, "{\"rawQueryString\":\"\\ud800\"}"];
    for route in ROUTES {
        for event in broken.iter().map(String::as_str).chain(more) {
            refuses_the_event(&app.send_event(route, event).await);
        }
    }
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn a_body_with_invalid_base64_is_rejected_on_every_route() {
    let (app, calls) = app_with_calls().await;
    let before = table(&app).await;
    let message = "isBase64Encoded is true, but the body is not valid base64";
    for body in ["{\"email\":\"a@example.com\"}", "====", "YQ", "YQ=", "Y!==", "YQ==\n", "_-8=", "é"] {
        for call in &calls {
            let response = app.send(call.clone().base64_text(body)).await;
            assert_error(&response, 400, "invalid-event", None, message);
        }
    }
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn no_host_header_changes_or_appears_in_a_response() {
    let (app, calls) = app_with_calls().await;
    let call = &calls[2];
    let expected = app.send(call.clone()).await.expect(200);
    let hostile = [
        "evil.test",
        "evil.test:99999999",
        "evil.test/../..",
        "http://evil.test",
        "evil.test\r\nSet-Cookie: a=b",
        "evil.test\u{0}",
        "[::evil.test",
        "",
        " evil.test ",
        "evil.test, evil.test",
        "\u{202e}evil.test",
        "evil.test?x=<script>",
        "%65vil.test",
        "user:pass@evil.test",
        "évil.test",
        "*",
    ];
    for value in hostile {
        for name in [
            "host",
            "Host",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-forwarded-for",
            "x-forwarded-port",
            "forwarded",
            "referer",
            "origin",
        ] {
            assert_eq!(app.send(call.clone().header(name, value)).await, expected, "{name}: {value}");
        }
        let mut event = call.event();
        for (field, more) in [("domainName", value), ("domainPrefix", value)] {
            event["requestContext"][field] = more.into();
        }
        event["rawPath"] = format!("//{value}/invitations").into();
        event["requestContext"]["http"]["path"] = value.into();
        event["requestContext"]["http"]["sourceIp"] = value.into();
        assert_eq!(app.send_event(&call.route(), &event.to_string()).await, expected, "{value}");
    }
    let created = app.send(calls[0].clone().header("host", "evil.test").header("x-forwarded-host", "evil.test")).await.expect(201);
    assert!(!format!("{created:?}").contains("evil"), "{created:?}");
    assert_eq!(created.header("location"), Some(format!("/invitations/{}", created.str("id")).as_str()));
}

#[tokio::test]
async fn stage_prefixes_and_missing_optional_fields_make_no_difference() {
    let (app, calls) = app_with_calls().await;
    let expected = app.send(calls[2].clone()).await.expect(200);
    let event = calls[2].event();
    let mut staged = event.clone();
    staged["rawPath"] = format!("/prod{}", calls[2].path).into();
    staged["requestContext"]["stage"] = "prod".into();
    staged["requestContext"]["http"]["path"] = staged["rawPath"].clone();
    let mut lean =
        with(&event, json!({ "rawPath": null, "rawQueryString": null, "isBase64Encoded": null, "version": null, "routeKey": null }));
    lean["body"] = Value::Null;
    let with_more = with(
        &event,
        json!({ "cookies": ["a=b"], "stageVariables": { "x": "y" }, "unheardOf": [[[1]]], "queryStringParameters": { "limit": "x" } }),
    );
    for event in [staged, lean, with_more] {
        assert_eq!(app.send_event("GET /invitations/{id}", &event.to_string()).await, expected);
    }
    let no_id = with(&event, json!({ "pathParameters": null }));
    let response = app.send_event("GET /invitations/{id}", &no_id.to_string()).await;
    assert_error(&response, 400, "invalid-id", Some("id"), "id: '' is not an invitation id: it must have exactly 32 hex digits");
}

#[tokio::test]
async fn a_request_id_that_is_no_header_value_is_replaced_by_the_invocation_id() {
    let (app, calls) = app_with_calls().await;
    for (id, expected) in [
        ("JKJaXmPLvHcESHA=", "JKJaXmPLvHcESHA="),
        ("a\r\nset-cookie: b", "invocation-1"),
        ("", "invocation-1"),
        ("a b", "invocation-1"),
        ("é", "invocation-1"),
        (&"a".repeat(129), "invocation-1"),
    ] {
        let mut event = calls[1].event();
        event["requestContext"]["requestId"] = id.into();
        let response = app.send_event("GET /invitations", &event.to_string()).await.expect(200);
        assert_eq!(response.header("x-request-id"), Some(expected));
        event["rawQueryString"] = "limit=x".into();
        let refused = app.send_event("GET /invitations", &event.to_string()).await.expect(400);
        assert_eq!((refused.header("x-request-id"), refused.str("requestId").as_str()), (Some(expected), expected));
    }
}

#[tokio::test]
async fn a_method_other_than_the_routes_own_is_a_405_and_changes_nothing() {
    let (app, calls) = app_with_calls().await;
    let before = table(&app).await;
    for call in &calls {
        let (own, route) = (call.method.clone(), call.route());
        for method in ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "post", "get", "", "POST\r\nX: y"] {
            if method == own {
                continue;
            }
            let mut event = call.event();
            event["requestContext"]["http"]["method"] = method.into();
            let response = app.send_event(&route, &event.to_string()).await;
            assert_response(
                &response,
                405,
                &error("method-not-allowed", None, &format!("this route accepts only {own}")),
                &[("allow", &own)],
            );
        }
    }
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn repeated_reads_change_nothing() {
    // T1: what scanners and prefetchers do.
    let (app, calls) = app_with_calls().await;
    let before = table(&app).await;
    for _ in 0..3 {
        for call in &calls[1..3] {
            app.send(call.clone().header("idempotency-key", "k").header("purpose", "prefetch").text("{\"state\":\"revoked\"}"))
                .await
                .expect(200);
        }
    }
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn v1_is_the_only_version_on_every_route() {
    let (app, calls) = app_with_calls().await;
    let before = table(&app).await;
    for call in &calls {
        for wrong in ["v2", "V1", "1", "v1.0", "latest", "", "v1, v1", "v\u{0}1"] {
            let shown = wrong.replace('\u{0}', "\u{fffd}");
            let response = app.send(call.clone().header("api-version", wrong)).await;
            let message = format!("Api-Version: '{shown}' is not supported; the only version is v1");
            assert_error(&response, 400, "invalid-api-version", Some("Api-Version"), &message);
        }
    }
    assert_eq!(table(&app).await, before);
    for (call, status) in calls.into_iter().zip([201, 200, 200, 200]) {
        app.send(call.header("API-Version", " v1 ")).await.expect(status);
    }
}

#[tokio::test]
async fn no_response_contains_the_secret_of_a_link_or_key() {
    // T2: the secret's key, the nonce, the hash, and the API key with its hash.
    let (app, calls) = app_with_calls().await;
    let id = calls[2].id().expect("an id").to_owned();
    let mut answers = Vec::new();
    let mut secrets = vec!["0123456789abcdef0123456789abcdef".to_owned(), app.full.clone()];
    let mut collect = async |call: Call| {
        let response = app.send(call.key(&app.full)).await;
        answers.push(format!("{:?} {}", response.headers, response.text));
        for row in table(&app).await.into_values() {
            let values = ["nonce", "th", "hash"].map(|name| row[name].as_str().map(str::to_owned));
            secrets.extend(values.into_iter().flatten());
        }
    };
    for call in calls {
        collect(call).await;
    }
    for call in [
        resend(&id),
        Call::create("user.one@example.com", "full-access"),
        Call::set_state(&id, "invited").header("idempotency-key", "a"),
        Call::set_state(&id, "invited").header("idempotency-key", "a"),
        Call::set_state(&id, "revoked"),
        resend(&id),
        Call::get("/invitations?state=revoked"),
        Call::get("/invitations?email=user.one@example.com"),
    ] {
        collect(call).await;
    }
    answers.push(app.manage_keys(&json!({ "action": "list", "account": support::ACCOUNT })).await.to_string());
    secrets.push(app.full.split('_').nth(4).expect("a secret").to_owned());
    assert!(answers.len() > 10 && secrets.len() > 10);
    for secret in &secrets {
        assert!(answers.iter().all(|answer| !answer.contains(secret.as_str())), "{secret}");
    }
}
