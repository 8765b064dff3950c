//! Every route and every credential that is none: a 401 that says how to ask, and nothing read, nothing written.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use support::{ACCOUNT, Call, TestApp};

use crate::help::{COOLDOWN, LIFETIME, NOT_FOUND, TICK, answers, delete, refuses, resend, table, text};

const ABSENT: &str = "Unauthorized: send the header 'Authorization: ApiKey <key>'";
const FORM: &str = "Unauthorized: the header must read 'Authorization: ApiKey <key>'";
const MISTYPED: &str = "Unauthorized: the API key is cut off or mistyped";
const UNKNOWN: &str = "Unauthorized: the API key is unknown, disabled or expired";

/// One request for each thing that the API does.
fn everything(id: &str) -> [Call; 6] {
    let path = format!("/invitations/{id}");
    [
        Call::get("/invitations"),
        Call::get(&path),
        Call::create("new@example.com", "full-access"),
        resend(id),
        Call::set_state(id, "invited"),
        Call::set_state(id, "revoked"),
    ]
}

/// An app with an invitation that could be sent again.
async fn app_with_an_invitation() -> (TestApp, String) {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    app.advance(COOLDOWN);
    (app, id)
}

/// Asserts that every route refuses this header, that the table was asked at most for the key, and that it stays as it is.
async fn all_refuse(app: &TestApp, id: &str, header: Option<&str>, message: &str) {
    let before = table(app).await;
    for call in everything(id) {
        let call = call.header("idempotency-key", "k");
        let call = if let Some(value) = header { call.header("authorization", value) } else { call };
        let route = call.route();
        let _ = app.faults.take_operations();
        let response = app.send(call).await;
        refuses(&response, 401, "unauthorized", None, message);
        let asked = app.faults.take_operations();
        assert!(asked.iter().all(|operation| operation == "GetItem") && asked.len() <= 1, "{route}: {asked:?}");
    }
    assert_eq!(table(app).await, before);
}

#[tokio::test]
async fn without_a_credential_every_route_says_which_one_to_send() {
    let (app, id) = app_with_an_invitation().await;
    all_refuse(&app, &id, None, ABSENT).await;
}

#[tokio::test]
async fn another_scheme_or_none_is_no_credential() {
    let (app, id) = app_with_an_invitation().await;
    let key = app.full.clone();
    for header in ["", " ", "ApiKey", &key, &format!("Bearer {key}"), &format!("Basic {key}"), &format!("ApiKey\t{key}"), "Bearer e30.e30."]
    {
        all_refuse(&app, &id, Some(header), FORM).await;
    }
}

#[tokio::test]
async fn a_key_that_is_malformed_is_refused_without_asking_the_table() {
    let (app, id) = app_with_an_invitation().await;
    let key = app.full.clone();
    let (body, check) = key.rsplit_once('_').expect("a checksum");
    let flipped = |at: usize| {
        let mut bytes = key.clone().into_bytes();
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        String::from_utf8(bytes).expect("ASCII")
    };
    let mut wrong: Vec<String> = [
        "",
        "x",
        "ik_live_",
        "ik_live____",
        body,
        check,
        &key[1..],
        &key[..key.len() - 1],
        &format!("{key}0"),
        &format!("{key} {key}"),
        &format!("{key},{key}"),
        &format!("{key}, ApiKey {key}"),
        &format!("\"{key}\""),
        &key.to_uppercase(),
        &key.replace("live", "test"),
        &key.replace(ACCOUNT, support::OTHER_ACCOUNT),
        &format!("{body}_{check}é"),
        &"k".repeat(100_000),
    ]
    .map(str::to_owned)
    .into();
    // One wrong character in the account, the id, the secret and the checksum.
    wrong.extend([8, 21, 34, 76, key.len() - 1].map(flipped));
    for key in wrong {
        let response = app.send(Call::get("/invitations").header("authorization", &format!("ApiKey {key}"))).await;
        refuses(&response, 401, "unauthorized", None, if key.is_empty() { FORM } else { MISTYPED });
    }
    let _ = app.faults.take_operations();
    all_refuse(&app, &id, Some(&format!("ApiKey {}", flipped(key.len() - 1))), MISTYPED).await;
    assert!(app.faults.take_operations().is_empty());
}

#[tokio::test]
async fn the_scheme_is_read_in_any_case_and_spaces_around_the_key_do_not_matter() {
    let (app, _) = app_with_an_invitation().await;
    for header in [format!("apikey {}", app.full), format!("APIKEY  {} ", app.full), format!(" ApiKey {}", app.full)] {
        app.send(Call::get("/invitations").header("authorization", &header)).await.expect(200);
    }
    app.send(Call::get("/invitations").header("AUTHORIZATION", &format!("ApiKey {}", app.full))).await.expect(200);
}

/// The id in a key.
fn id_of(key: &str) -> &str {
    key.split('_').nth(3).unwrap_or_default()
}

/// Stores another hash for a key, behind the service's back.
async fn set_hash(app: &TestApp, key: &str, hash: &str) {
    let [pk, sk, hash] = [&format!("KEYS#{ACCOUNT}"), id_of(key), hash].map(|text| AttributeValue::S(text.to_owned()));
    let update = app.client.update_item().table_name(&app.table).key("pk", pk).key("sk", sk).update_expression("SET #h = :h");
    let update = update.expression_attribute_names("#h", "hash").expression_attribute_values(":h", hash);
    update.send().await.expect("a row can be changed");
}

#[tokio::test]
async fn a_key_with_a_wrong_secret_an_unknown_a_disabled_and_an_expired_one_are_told_the_same() {
    let (app, id) = app_with_an_invitation().await;

    // Its checksum is right; the secret is not the one that was stored under its id.
    let wrong = app.new_key(ACCOUNT, "full-access").await;
    set_hash(&app, &wrong, &"A".repeat(43)).await;
    all_refuse(&app, &id, Some(&format!("ApiKey {wrong}")), UNKNOWN).await;

    let unknown = app.new_key(ACCOUNT, "full-access").await;
    delete(&app, &format!("KEYS#{ACCOUNT}"), id_of(&unknown)).await;
    all_refuse(&app, &id, Some(&format!("ApiKey {unknown}")), UNKNOWN).await;

    let disabled = app.manage_keys(&json!({ "action": "create", "account": ACCOUNT, "role": "full-access" })).await;
    app.manage_keys(&json!({ "action": "disable", "account": ACCOUNT, "id": disabled["id"] })).await;
    all_refuse(&app, &id, Some(&format!("ApiKey {}", text(&disabled, "key"))), UNKNOWN).await;

    let expiry = app.now().plus(Duration::from_secs(3600)).to_string();
    let expired = app.manage_keys(&json!({ "action": "create", "account": ACCOUNT, "role": "full-access", "expiry": expiry })).await;
    app.advance(Duration::from_secs(3600));
    all_refuse(&app, &id, Some(&format!("ApiKey {}", text(&expired, "key"))), UNKNOWN).await;
}

#[tokio::test]
async fn a_key_expires_at_its_very_millisecond_although_a_warm_function_remembers_it() {
    let (app, _) = app_with_an_invitation().await;
    let expiry = app.now().floor_to_second().plus(Duration::from_secs(20));
    let event = json!({ "action": "create", "account": ACCOUNT, "role": "read-only", "expiry": expiry.to_string() });
    let key = text(&app.manage_keys(&event).await, "key");
    let call = Call::get("/invitations").key(&key);
    app.send(call.clone()).await.expect(200);
    app.advance(expiry.since(app.now()) - TICK);
    app.send(call.clone()).await.expect(200);
    app.advance(TICK);
    refuses(&app.send(call).await, 401, "unauthorized", None, UNKNOWN);
}

#[tokio::test]
async fn another_accounts_key_finds_nothing_and_changes_nothing() {
    let (app, id) = app_with_an_invitation().await;
    let before = table(&app).await;
    for call in everything(&id).into_iter().filter(|call| call.id().is_some()) {
        refuses(&app.send(call.key(&app.other)).await, 404, "not-found", None, NOT_FOUND);
    }
    answers(&app.send(Call::get("/invitations").key(&app.other)).await, 200, &json!({ "invitations": [] }), &[]);
    assert_eq!(table(&app).await, before);

    // What it creates is its own, and out of reach of the first.
    let theirs = app.send(Call::create("user.one@example.com", "full-access").key(&app.other)).await.expect(201).str("id");
    app.send(Call::get(&format!("/invitations/{theirs}")).key(&app.full)).await.expect(404);
    let mine = app.send(Call::get("/invitations").key(&app.full)).await.expect(200).json();
    assert_eq!(mine["invitations"].as_array().map(Vec::len), Some(1));
    app.advance(LIFETIME);
    app.send(Call::set_state(&theirs, "revoked").key(&app.full)).await.expect(404);
}

#[tokio::test]
async fn an_account_named_by_a_request_is_an_error_or_ignored_and_never_obeyed() {
    let (app, id) = app_with_an_invitation().await;
    let call = Call::get(&format!("/invitations/{id}?account={ACCOUNT}")).key(&app.other);
    app.send(call).await.expect_error(400, "unknown-parameter");
    let body = json!({ "email": "new@example.com", "roleID": "full-access", "account": ACCOUNT });
    app.send(Call::post("/invitations").json(&body).key(&app.other)).await.expect_error(400, "unknown-field");
    for header in ["x-account-id", "account", "x-amzn-oidc-identity"] {
        app.send(Call::get(&format!("/invitations/{id}")).header(header, ACCOUNT).key(&app.other)).await.expect(404);
    }
}
