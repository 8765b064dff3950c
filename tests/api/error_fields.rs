//! `fields` of an error: one response names all invalid fields, in the order of the documentation.

use serde_json::{Value, json};
use support::{ACCOUNT, Call, TestApp, Workers};

use crate::helpers::{assert_response, error_of_fields, resend, table, text, with};

const EMAIL: &str = "'user.one' is not an e-mail address";
const ROLE: &str = "'Full Access' is not a role id: it must have 1 to 64 characters from a-z, 0-9 and -";
const EXPIRY: &str = "'soon' is not an RFC 3339 time such as 2030-06-21T09:01:12Z";
const LOCALE: &str = "'en_US' is not a language tag such as en, de-AT or zh-Hant-TW";
const UNKNOWN: &str = "unknown field; accepted: email, roleID, expiry, locale, send, metadata, redirect";

/// The message that names all fields with their reasons.
fn message(fields: &[(&str, &str)]) -> String {
    fields.iter().map(|(field, reason)| format!("{field}: {reason}")).collect::<Vec<_>>().join("; ")
}

fn all(code: &str, fields: &[(&str, &str)]) -> Value {
    error_of_fields(code, fields, &message(fields))
}

/// The names in `fields`, in the order of the response.
fn names(text: &str) -> Vec<String> {
    let (_, fields) = text.split_once("\"fields\":{").expect("there are fields");
    let (fields, _) = fields.split_once('}').expect("they end");
    fields.split("\",\"").map(|part| part.trim_start_matches('"').split("\":").next().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_create_names_all_invalid_fields_whatever_their_order_in_the_body() {
    let app = TestApp::start().await;
    let before = table(&app).await;
    let expected = all("invalid-email", &[("email", EMAIL), ("roleID", ROLE), ("expiry", EXPIRY), ("locale", LOCALE), ("role", UNKNOWN)]);
    for body in [
        r#"{"email":"user.one","roleID":"Full Access","expiry":"soon","locale":"en_US","role":1}"#,
        r#"{"role":1,"locale":"en_US","expiry":"soon","roleID":"Full Access","email":"user.one"}"#,
    ] {
        let response = app.send(Call::post("/invitations").text(body).key(&app.full)).await;
        assert_response(&response, 400, &expected, &[]);
        assert_eq!(names(&response.text), ["email", "roleID", "expiry", "locale", "role"], "{}", response.text);
    }
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn missing_wrongly_typed_and_unknown_fields_are_named_together() {
    let app = TestApp::start().await;
    let string = "must be a string";
    for (body, code, fields) in [
        (json!({}), "missing-field", vec![("email", "is required"), ("roleID", "is required")]),
        (json!({ "emial": "a@example.com", "roleID": "read-only" }), "missing-field", vec![("email", "is required"), ("emial", UNKNOWN)]),
        (json!({ "email": {}, "roleID": [] }), "invalid-field", vec![("email", string), ("roleID", string)]),
        (
            json!({ "email": "a@example.com", "roleID": null, "expiry": { "a": 1 }, "__proto__": 1 }),
            "invalid-field",
            vec![("roleID", string), ("expiry", string), ("__proto__", UNKNOWN)],
        ),
    ] {
        let response = app.send(Call::post("/invitations").json(&body).key(&app.full)).await;
        assert_response(&response, 400, &all(code, &fields), &[]);
    }
}

#[tokio::test]
async fn a_list_names_all_invalid_parameters() {
    let app = TestApp::start().await;
    let limit = "must be an integer from 0 to 100; 0 means 25, and more than 100 is served as 100";
    let cursor = "this is not the 'next' of a list with these filters and this order; start again without a cursor";
    let state = "'open' is not a state: invited, accepted, declined, revoked, expired";
    let email = format!("{EMAIL}; in a query, write + as %2B");
    let prefix = "'a' is not the beginning of an e-mail address: it must have 3 to 254 characters; in a query, write + as %2B";
    let page = "unknown query parameter; accepted: limit, cursor, next, state, email, emailPrefix, roleID, order";
    let both = "cursor and next are the same parameter; send only one of them";
    for (query, code, fields) in [
        (
            "page=1&order=up&roleID=Full%20Access&emailPrefix=a&email=user.one&state=open&limit=-1",
            "invalid-limit",
            vec![
                ("limit", limit),
                ("state", state),
                ("email", &email),
                ("emailPrefix", prefix),
                ("roleID", ROLE),
                ("order", "must be 'asc' or 'desc', not 'up'"),
                ("page", page),
            ],
        ),
        ("cursor=x&limit=-1", "invalid-limit", vec![("limit", limit), ("cursor", cursor)]),
        // The filters decide whether a cursor is valid.
        ("cursor=x&state=open", "invalid-state", vec![("state", state)]),
        ("next=y&state=open&cursor=x", "invalid-query", vec![("cursor", both), ("state", state)]),
        ("limit=1&limit=2&limit=3&state=open&state=open", "invalid-query", vec![("limit", "appears twice"), ("state", "appears twice")]),
    ] {
        let response = app.send(Call::get(&format!("/invitations?{query}")).key(&app.full)).await;
        assert_response(&response, 400, &all(code, &fields), &[]);
    }
}

#[tokio::test]
async fn a_modify_names_invalid_fields_of_the_query_and_of_the_body_together() {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    let before = table(&app).await;
    let path = format!("/invitations/{id}?force=yes&state=revoked");
    let parameter = "unknown query parameter; accepted: force, send";
    let force = ("force", "must be true or false, not 'yes'");
    let without_body = app.send(Call::post(&path).key(&app.full)).await;
    assert_response(&without_body, 400, &all("invalid-force", &[force, ("state", parameter)]), &[]);

    // `state` is a field and an unknown parameter: the message names both, the object has one.
    let body = json!({ "state": "expired", "role": "x" });
    let state = ("state", "must be 'revoked' or 'invited', not 'expired'");
    let role = ("role", "unknown field; accepted: state, roleID, expiry");
    let response = app.send(Call::post(&path).json(&body).key(&app.full)).await;
    let message = message(&[force, state, ("state", parameter), role]);
    assert_response(&response, 400, &error_of_fields("invalid-force", &[force, state, role], &message), &[]);
    assert_eq!(names(&response.text), ["force", "state", "role"]);
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn an_acceptance_on_behalf_names_all_invalid_fields() {
    let app = TestApp::start().await;
    let body = json!({ "principal": "Jürgen", "email": "user.one", "name": "x" });
    let response = app.send(Call::post("/invitations/accept").json(&body).key(&app.full)).await;
    let fields = [
        ("token", "is required"),
        ("principal", "must have 1 to 128 printable ASCII characters"),
        ("email", EMAIL),
        ("name", "unknown field; accepted: token, principal, email, roleID"),
    ];
    assert_response(&response, 400, &all("missing-field", &fields), &[]);
}

#[tokio::test]
async fn operator_functions_name_all_invalid_fields() {
    let app = TestApp::start().await;
    let of_invocation = |body: &Value| with(body, json!({ "requestId": "invocation-1" }));
    let account = ("account", "'1' is not an account id: it must have exactly 12 decimal digits");
    let event = json!({ "action": "create", "account": "1", "role": "admin", "name": "", "expiry": "soon", "id": 1 });
    let fields = [
        account,
        ("role", "'admin' is not a configured role; configured roles: full-access, read-only"),
        ("name", "'' cannot be a name: it must have 1 to 80 characters"),
        ("expiry", EXPIRY),
        ("id", "unknown field; accepted: action, account, externalID, role, name, expiry"),
    ];
    assert_eq!(app.manage_keys(&event).await, of_invocation(&all("invalid-field", &fields)));
    let fields = [("action", "must be 'create', 'list', 'rotate' or 'disable', not 'x'"), account];
    assert_eq!(app.manage_keys(&json!({ "action": "x", "account": "1" })).await, of_invocation(&all("invalid-field", &fields)));
    let event = json!({ "action": "set", "account": ACCOUNT, "locale": "en_US", "binding": 1, "color": "red" });
    let fields = [
        ("locale", LOCALE),
        ("binding", "must be a string"),
        (
            "color",
            "unknown field; accepted: action, account, externalID, name, logo, colour, locale, redirect, binding, domains, redirectOrigins, remindBefore",
        ),
    ];
    assert_eq!(app.manage_settings(&event).await, of_invocation(&all("invalid-field", &fields)));
    let fields = [account, ("email", EMAIL)];
    assert_eq!(app.erase(&json!({ "account": "1", "email": "user.one" })).await, of_invocation(&all("invalid-field", &fields)));
}

#[tokio::test]
async fn ten_thousand_unknown_names_get_a_short_response_that_shows_five() {
    let app = TestApp::start().await;
    let names: Vec<String> = (0..10_000).map(|n| format!("f{n}")).collect();
    let body: Value = names.iter().map(|name| (name.clone(), json!(1))).collect::<serde_json::Map<_, _>>().into();
    assert!(body.to_string().len() > 64 * 1024);
    app.send(Call::post("/invitations").json(&body).key(&app.full)).await.expect_error(400, "body-too-large");

    let body: Value = names[..6_000].iter().map(|name| (name.clone(), json!(1))).collect::<serde_json::Map<_, _>>().into();
    let query = names.join("&");
    for call in [
        Call::post("/invitations").json(&body),
        Call::get(&format!("/invitations?{query}")),
        Call::get(&format!("/invitations?{}", "limit=1&".repeat(10_000))),
    ] {
        let response = app.send(call.key(&app.full)).await.expect(400);
        let fields = response.json()["fields"].as_object().map(serde_json::Map::len);
        assert!(fields.is_some_and(|fields| (1..=7).contains(&fields)) && response.text.len() < 1000, "{}", response.text);
    }
}

#[tokio::test]
async fn the_names_in_fields_are_excerpts_and_occur_once() {
    let app = TestApp::start().await;
    let long = "n".repeat(60_000 / 3);
    // All of these look the same after 64 characters.
    let body = format!(r#"{{"{long}1":1,"{long}2":1,"{long}3":1,"email":"a@example.com","roleID":"x"}}"#);
    let shown = format!("{}…", &long[..64]);
    let response = app.send(Call::post("/invitations").text(&body).key(&app.full)).await;
    assert_response(&response, 400, &all("unknown-field", &[(&shown, UNKNOWN)]), &[]);

    // Control characters and invisible ones are replaced; quotes are escaped.
    let body = r#"{"a\u0000":1,"a\u0007":1,"b\u200b":1,"c\"}":1,"email":"a@example.com","roleID":"x"}"#;
    let response = app.send(Call::post("/invitations").text(body).key(&app.full)).await.expect_error(400, "unknown-field");
    let fields = response.json()["fields"].clone();
    assert_eq!(fields, json!({ "a\u{fffd}": UNKNOWN, "b[U+200B]": UNKNOWN, "c\"}": UNKNOWN }));
    assert_eq!(response.text.matches("\"a\u{fffd}\":").count(), 1, "{}", response.text);
}

#[tokio::test]
async fn rejections_by_the_domain_have_fields_too() {
    let app = TestApp::with(&[("RESEND_COOLDOWN_SECONDS", "60")]).await;
    let mut workers = Workers::of(&app).await;
    let open = text(&app.invite("user.one@example.com").await, "id");
    workers.deliver().await;
    let reason = format!("this address already has an open invitation, {open}; resend or revoke that one");
    let again = app.send(Call::create("user.one@example.com", "read-only").key(&app.full)).await;
    assert_response(&again, 400, &all("already-invited", &[("email", &reason)]), &[]);
    let too_soon = app.send(resend(&open).key(&app.full)).await.expect_error(429, "resend-cooldown");
    assert_eq!((&too_soon.json()["fields"], too_soon.json().get("field")), (&json!({}), None));
    let body = json!({ "token": workers.last_token("user.one@example.com"), "principal": "p", "email": "user.two@example.com" });
    let other = app.send(Call::post("/invitations/accept").json(&body).key(&app.full)).await;
    assert_response(&other, 403, &all("wrong-invitee", &[("email", "the invitation is for another address")]), &[]);
}
