//! Hostile bodies and queries: a 4xx that says what to change, and no write (T8, T23).

use serde_json::{Value, json};
use support::{Call, Response, TestApp};

use crate::helpers::{COOLDOWN, assert_error, assert_response, error, error_of_fields, table, text, with};

const LIMIT: usize = 64 * 1024;

fn post(app: &TestApp) -> Call {
    Call::post("/invitations").key(&app.full)
}

/// Asserts that the body was refused as JSON, with a short message.
#[track_caller]
fn is_no_object(response: &Response, body: &str) {
    let message = response.str("message");
    assert!(message.starts_with("the body must be one JSON object: ") && message.len() < 300, "{body}: {message}");
    assert_error(response, 400, "invalid-json", None, &message);
}

#[tokio::test]
async fn a_body_that_is_not_one_json_object_is_rejected_on_both_routes() {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    app.advance(COOLDOWN);
    let before = table(&app).await;
    let deep = format!("{}1{}", "[".repeat(30_000), "]".repeat(30_000));
    let deep_field = format!("{{\"email\":{deep}}}");
    let deep_objects = "{\"a\":".repeat(10_000);
    for body in [
        "x",
        "[]",
        "null",
        "true",
        "1",
        "-",
        "\"email\"",
        "{",
        "}",
        "{}{}",
        "{} x",
        "[{}]",
        "{\"email\"}",
        "{\"email\":}",
        "{email:1}",
        "{'email':'a@example.com'}",
        "{\"email\":\"a@example.com\",}",
        "{\"email\":NaN}",
        "{\"email\":\"a@example.com\"",
        "\u{feff}{}",
        "{\"state\":\"revoked\"",
        "{\"state\":\"revoked\"}{\"state\":\"revoked\"}",
        "{\"email\":\"\\ud800@example.com\"}",
        "\u{0}",
        "{\"email\":\"a\nb@example.com\"}",
        "{\"\\uD800\":1}",
        "{\"a\":1e99999}",
        "<invitation/>",
        "email=a%40example.com",
        &deep,
        &deep_field,
        &deep_objects,
    ] {
        for call in [post(&app), Call::post(&format!("/invitations/{id}")).key(&app.full)] {
            is_no_object(&app.send(call.text(body)).await, body);
        }
    }
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn a_duplicate_field_is_rejected_even_when_it_is_escaped() {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    let before = table(&app).await;
    for (path, name, body) in [
        ("/invitations", "email", r#"{"email":"a@example.com","roleID":"read-only","email":"b@example.com"}"#),
        ("/invitations", "roleID", r#"{"email":"a@example.com","roleID":"read-only","role\u0049D":"full-access"}"#),
        ("/invitations", "x", r#"{"x":1,"x":1}"#),
        (&*format!("/invitations/{id}"), "state", r#"{"state":"invited","state":"revoked"}"#),
    ] {
        let response = app.send(Call::post(path).key(&app.full).text(body)).await;
        assert!(response.str("message").contains(&format!("the field '{name}' appears twice")), "{}", response.text);
        is_no_object(&response, body);
    }
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn a_field_of_the_wrong_type_is_named() {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    let before = table(&app).await;
    let good = json!({ "email": "a@example.com", "roleID": "read-only" });
    for wrong in [json!(null), json!(1), json!(true), json!(["a@example.com"]), json!({ "a": 1 }), json!(1.5e300)] {
        for field in ["email", "roleID", "expiry"] {
            let mut body = good.clone();
            body[field] = wrong.clone();
            let response = app.send(post(&app).json(&body)).await;
            assert_error(&response, 400, "invalid-field", Some(field), &format!("{field}: must be a string"));
        }
        let response = app.send(Call::post(&format!("/invitations/{id}")).json(&json!({ "state": wrong })).key(&app.full)).await;
        assert_error(&response, 400, "invalid-field", Some("state"), "state: must be a string");
    }
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn missing_and_unknown_fields_are_named() {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    let before = table(&app).await;
    let create = "unknown field; accepted: email, roleID, expiry, locale, send, metadata, redirect";
    let modify = "unknown field; accepted: state, roleID, expiry";
    let path = format!("/invitations/{id}");
    let long = "n".repeat(1000);
    let good = json!({ "email": "a@example.com", "roleID": "x" });
    for (path, body, code, field, message) in [
        ("/invitations", json!({ "roleID": "read-only" }), "missing-field", "email", "is required"),
        ("/invitations", json!({ "email": "a@example.com" }), "missing-field", "roleID", "is required"),
        ("/invitations", json!({ "email": "a@example.com", "roleID": "x", "roleId": "x" }), "unknown-field", "roleId", create),
        ("/invitations", json!({ "email": "a@example.com", "roleID": "x", "state": "invited" }), "unknown-field", "state", create),
        ("/invitations", with(&good, json!({ "__proto__": {} })), "unknown-field", "__proto__", create),
        ("/invitations", with(&good, json!({ "": 1 })), "unknown-field", "", create),
        ("/invitations", with(&good, json!({ "a\nb": 1 })), "unknown-field", "a\u{fffd}b", create),
        ("/invitations", with(&good, json!({ &long: 1 })), "unknown-field", &format!("{}…", &long[..64]), create),
        (&path, json!({ "state": "revoked", "states": "revoked" }), "unknown-field", "states", modify),
        (&path, json!({ "state": "revoked", "email": "a@example.com" }), "unknown-field", "email", modify),
    ] {
        let response = app.send(Call::post(path).json(&body).key(&app.full)).await;
        assert_error(&response, 400, code, Some(field), &format!("{field}: {message}"));
    }
    // All of them, up to five.
    let unknown = ["a", "b", "c", "d", "e"].map(|name| (name, create));
    for (body, count, others) in [
        (r#"{"a":1,"email":"a@example.com","roleID":"x","b":1}"#, 2, "; also unknown: b"),
        (r#"{"a":1,"b":1,"email":"a@example.com","roleID":"x","c":1}"#, 3, "; also unknown: b, c"),
        (r#"{"a":1,"b":1,"c":1,"d":1,"e":1,"email":"a@example.com","roleID":"x"}"#, 5, "; also unknown: b, c, d, e"),
        (r#"{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"email":"a@example.com","roleID":"x"}"#, 5, "; also unknown: b, c, d, e, …"),
    ] {
        let message = format!("a: unknown field{others}; accepted: email, roleID, expiry, locale, send, metadata, redirect");
        let expected = error_of_fields("unknown-field", &unknown[..count], &message);
        assert_response(&app.send(post(&app).text(body)).await, 400, &expected, &[]);
    }
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn create_without_a_body_names_the_required_fields() {
    let app = TestApp::start().await;
    for call in [post(&app), post(&app).text(""), post(&app).text(" \n"), post(&app).bytes(b"")] {
        assert_error(&app.send(call).await, 400, "invalid-json", None, "the body must be a JSON object with email and roleID");
    }
}

#[tokio::test]
async fn a_body_of_64_kib_is_accepted_and_one_byte_more_is_rejected() {
    let app = TestApp::start().await;
    let padded = |email: &str, length: usize| {
        let body = json!({ "email": email, "roleID": "full-access" }).to_string();
        body.clone() + &" ".repeat(length - body.len())
    };
    app.send(post(&app).text(&padded("plain@example.com", LIMIT))).await.expect(201);
    app.send(post(&app).bytes(padded("base64@example.com", LIMIT).as_bytes())).await.expect(201);
    app.send(post(&app).text(&padded("ü@bücher.example", LIMIT))).await.expect_error(400, "invalid-email");
    let before = table(&app).await;
    let too_large = "the body must not be larger than 64 KiB";
    for length in [LIMIT + 1, LIMIT + 2, LIMIT + 3, 2 * LIMIT, 6_000_000] {
        let body = padded("more@example.com", length);
        for call in [post(&app).text(&body), post(&app).bytes(body.as_bytes())] {
            assert_error(&app.send(call).await, 400, "body-too-large", None, too_large);
        }
    }
    let list = Call::get("/invitations").key(&app.full).text(&padded("more@example.com", LIMIT + 1));
    assert_error(&app.send(list).await, 400, "body-too-large", None, too_large);
    let multibyte = "ü".repeat(LIMIT / 2) + "x";
    assert_error(&app.send(post(&app).text(&multibyte)).await, 400, "body-too-large", None, too_large);
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn a_body_that_is_not_utf_8_is_rejected() {
    let app = TestApp::start().await;
    let before = table(&app).await;
    for body in
        [&b"\xff"[..], b"{\"email\":\"\xff@example.com\",\"roleID\":\"x\"}", b"{\"email\":\"a@\xed\xa0\x80.com\"}", b"\xff\xfe{\0}\0"]
    {
        assert_error(&app.send(post(&app).bytes(body)).await, 400, "invalid-json", None, "the body is not valid UTF-8");
    }
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn another_content_type_is_rejected_and_a_missing_one_means_json() {
    let app = TestApp::start().await;
    let body = json!({ "email": "a@example.com", "roleID": "read-only" }).to_string();
    let before = table(&app).await;
    for wrong in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp", "json", ""] {
        let response = app.send(post(&app).text(&body).header("content-type", wrong)).await;
        let message = format!("Content-Type: '{wrong}' is not JSON; send application/json");
        assert_error(&response, 400, "invalid-content-type", Some("Content-Type"), &message);
    }
    let two = post(&app).text(&body).header("content-type", "application/json").header("Content-Type", "text/plain");
    app.send(two).await.expect_error(400, "invalid-content-type");
    assert_eq!(table(&app).await, before);
    for (n, right) in ["application/json", "APPLICATION/JSON ; charset=UTF-8", "application/vnd.api+json"].into_iter().enumerate() {
        let body = json!({ "email": format!("{n}@example.com"), "roleID": "read-only" }).to_string();
        app.send(post(&app).text(&body).header("content-type", right)).await.expect(201);
    }
    app.send(post(&app).text(&body)).await.expect(201);
}

#[tokio::test]
async fn queries_are_parsed_strictly_on_every_route() {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    app.advance(COOLDOWN);
    let before = table(&app).await;
    let long = "n".repeat(10_000);
    let accepted = "limit, cursor, next, state, email, emailPrefix, roleID, order";
    for (path, method, known) in [
        ("/invitations".to_owned(), "GET", accepted),
        ("/invitations".to_owned(), "POST", "none"),
        (format!("/invitations/{id}"), "GET", "none"),
        (format!("/invitations/{id}"), "POST", "force, send"),
    ] {
        let no_parameter = |name: &str, others: &str| {
            let message = format!("{name}: unknown query parameter{others}; accepted: {known}");
            let reason = format!("unknown query parameter; accepted: {known}");
            let others = others.trim_start_matches("; also unknown: ").split(", ").filter(|other| !other.is_empty());
            let fields: Vec<_> = [name].into_iter().chain(others).map(|name| (name, &*reason)).collect();
            error_of_fields("unknown-parameter", &fields, &message)
        };
        let not_encoded = |shown: &str| error("invalid-query", None, &format!("'{shown}' in the query is not percent-encoded UTF-8"));
        let cases: Vec<(&str, Value)> = vec![
            ("foo=1", no_parameter("foo", "")),
            ("Limit=1", no_parameter("Limit", "")),
            ("limit[]=1", no_parameter("limit[]", "")),
            ("=1", no_parameter("", "")),
            ("a=1&b&c=", no_parameter("a", "; also unknown: b, c")),
            ("a%0D%0Aset-cookie:%20x=1", no_parameter("a\u{fffd}\u{fffd}set-cookie: x", "")),
            ("\u{0}\n\u{7f}=1", no_parameter("\u{fffd}\u{fffd}\u{fffd}", "")),
            (&long, no_parameter(&format!("{}…", &long[..64]), "")),
            ("%", not_encoded("%")),
            ("limit=%", not_encoded("%")),
            ("limit=%4", not_encoded("%4")),
            ("limit=%zz", not_encoded("%zz")),
            ("limit=%FF", not_encoded("%FF")),
            ("%C3=1", not_encoded("%C3")),
        ];
        for (query, expected) in cases {
            let call = Call::new(method, &format!("{path}?{query}")).key(&app.full);
            assert_response(&app.send(call).await, 400, &expected, &[]);
        }
    }
    for query in ["limit=1&limit=1", "limit=1&%6Cimit=2", "limit=1&state=invited&limit=2"] {
        let response = app.send(Call::get(&format!("/invitations?{query}")).key(&app.full)).await;
        assert_error(&response, 400, "invalid-query", Some("limit"), "limit: appears twice");
    }
    assert_eq!(table(&app).await, before);
    app.send(Call::get("/invitations?&&limit=%31&").key(&app.full)).await.expect(200);
}

#[tokio::test]
async fn no_error_repeats_more_than_an_excerpt_of_the_request() {
    let app = TestApp::start().await;
    let huge = "x".repeat(60_000);
    let calls = [
        Call::create(&huge, "read-only"),
        Call::create("a@example.com", &huge),
        Call::post("/invitations").json(&json!({ "email": "a@example.com", "roleID": "x", "expiry": &huge })),
        Call::post("/invitations").json(&json!({ &huge: 1 })),
        Call::set_state(&"0".repeat(32), &huge),
        Call::post("/invitations").text("{}").header("content-type", &huge),
        Call::get("/invitations").header("api-version", &huge),
        Call::create("a@example.com", "read-only").header("idempotency-key", &huge),
        Call::get(&format!("/invitations?{huge}")),
        Call::get(&format!("/invitations?state={huge}")),
        Call::get(&format!("/invitations?emailPrefix={huge}")),
        Call::get(&format!("/invitations?order={huge}")),
        Call::get(&format!("/invitations/{huge}")),
    ];
    for call in calls {
        let response = app.send(call.key(&app.full)).await.expect(400);
        assert!(response.text.len() < 500, "{}", response.text);
    }
}

#[tokio::test]
async fn an_error_does_not_repeat_a_body_of_one_long_string() {
    let app = TestApp::start().await;
    let body = format!("\"{}\"", "A".repeat(60_000));
    let response = app.send(Call::post("/invitations").text(&body).key(&app.full)).await.expect_error(400, "invalid-json");
    assert!(response.text.len() < 300, "{}", response.text.len());
}

#[tokio::test]
async fn every_error_that_repeats_an_invisible_character_names_it() {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    app.advance(COOLDOWN);
    let before = table(&app).await;
    let create = |field: &str, value: &str| {
        let mut body = json!({ "email": "user.two@example.com", "roleID": "read-only" });
        body[field] = value.into();
        post(&app).json(&body)
    };
    let modify = |query: &str| Call::post(&format!("/invitations/{id}{query}")).key(&app.full);
    let list = |query: &str| Call::get(&format!("/invitations?{query}")).key(&app.full);
    for (call, code) in [
        (create("email", "user\u{200b}two@example.com"), "invalid-email"),
        (create("email", "user.two@exam\u{200b}ple.com"), "invalid-email"),
        (create("roleID", "read\u{200b}-only"), "invalid-role-id"),
        (create("roleID", "read-only\u{200b}"), "invalid-role-id"),
        (create("expiry", "2030-06-21T09:01:12Z\u{200b}"), "invalid-expiry"),
        (create("locale", "de\u{200b}-AT"), "invalid-locale"),
        (create("role\u{200b}ID", "read-only"), "unknown-field"),
        (post(&app).text("{\"\u{200b}\":1,\"\u{200b}\":2}"), "invalid-json"),
        (modify("").json(&json!({ "state": "revoked\u{200b}" })), "invalid-state"),
        (modify("?force=true%E2%80%8B"), "invalid-force"),
        (list("state=invited%E2%80%8B"), "invalid-state"),
        (list("email=user%E2%80%8B@example.com"), "invalid-email"),
        (list("emailPrefix=user%E2%80%8B"), "invalid-email-prefix"),
        (list("order=asc%E2%80%8B"), "invalid-order"),
        (list("roleID=read-only%E2%80%8B"), "invalid-role-id"),
        (list("limit%E2%80%8B=1"), "unknown-parameter"),
        (Call::get(&format!("/invitations/{}%E2%80%8B", &id[..31])).key(&app.full), "invalid-id"),
    ] {
        let response = app.send(call).await.expect_error(400, code);
        let message = response.str("message");
        assert!(message.contains("[U+200B]") && !response.text.contains('\u{200b}'), "{message}");
    }
    // At the ends of an address it is trimmed, like blanks.
    let created = app.send(Call::create("\u{feff}User.Two@example.com\u{200b}", "read-only").key(&app.full)).await.expect(201);
    assert_eq!(created.str("email"), "User.Two@example.com");
    assert!(table(&app).await.len() > before.len());
}
