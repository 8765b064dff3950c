//! `manage-api-keys`, by direct invocation, and how long a warm function remembers a key (T16).

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use support::{ACCOUNT, Call, OTHER_ACCOUNT, TestApp, faults::Fault};

use crate::helpers::{TICK, delete, error, table, text, with};

fn refusal(code: &str, field: Option<&str>, message: &str) -> Value {
    with(&error(code, field, message), json!({ "requestId": "invocation-1" }))
}

fn create() -> Value {
    json!({ "action": "create", "account": ACCOUNT, "role": "full-access" })
}

#[tokio::test]
async fn a_new_key_is_shown_once_and_only_its_hash_is_stored() {
    let app = TestApp::start().await;
    let before = table(&app).await;
    let expiry = app.now().floor_to_second().plus(Duration::from_secs(3600));
    let created = app.manage_keys(&with(&create(), json!({ "name": "ci ü", "expiry": expiry.to_string() }))).await;
    let (id, key) = (text(&created, "id"), text(&created, "key"));
    let record = json!({
        "id": id, "account": ACCOUNT, "role": "full-access", "name": "ci ü", "enabled": true,
        "created": app.now().to_string(), "expiry": expiry.to_string(),
    });
    assert_eq!(created, with(&record, json!({ "key": key })));
    let parts: Vec<&str> = key.split('_').collect();
    assert_eq!(parts[..4], ["ik", "live", ACCOUNT, &id]);
    assert_eq!(parts[2..].iter().map(|part| part.len()).collect::<Vec<_>>(), [12, 12, 43, 6]);
    assert!(key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{key}");

    let mut added = table(&app).await;
    added.retain(|key, _| !before.contains_key(key));
    let row = added.remove(&(format!("KEYS#{ACCOUNT}"), id.clone())).expect("a row");
    let expected = json!({
        "pk": format!("KEYS#{ACCOUNT}"), "sk": id, "hash": row["hash"], "role": "full-access", "name": "ci ü", "enabled": true,
        "created": app.now().as_millis(), "exp": expiry.as_millis(),
    });
    assert_eq!(row, expected);
    assert_eq!(text(&row, "hash").len(), 43, "32 bytes");
    assert!(added.is_empty() && !row.to_string().contains(parts[4]), "the secret is nowhere");

    let listed = app.manage_keys(&json!({ "action": "list", "account": ACCOUNT })).await;
    assert!(listed["keys"].as_array().is_some_and(|keys| keys.contains(&record)), "{listed}");
    app.send(Call::get("/invitations").key(&key)).await.expect(200);
}

#[tokio::test]
async fn the_name_of_a_key_is_trimmed_and_normalised() {
    let app = TestApp::start().await;
    let created = app.manage_keys(&with(&create(), json!({ "name": " Zoe\u{308} Doe, Fiat S.p.A.\n" }))).await;
    assert_eq!(created["name"], "Zoë Doe, Fiat S.p.A.");
    let row = table(&app).await.remove(&(format!("KEYS#{ACCOUNT}"), text(&created, "id"))).expect("a row");
    assert_eq!(row["name"], created["name"]);
}

#[tokio::test]
async fn a_lost_reply_still_returns_the_key_and_a_failed_write_returns_none() {
    let app = TestApp::start().await;
    app.faults.next([Fault::ReplyLost]);
    let created = app.manage_keys(&create()).await;
    app.send(Call::get("/invitations").key(&text(&created, "key"))).await.expect(200);
    let before = table(&app).await;
    app.faults.next([Fault::Error(400, "AccessDeniedException")]);
    assert_eq!(app.manage_keys(&create()).await["code"], "internal-error");
    let disable = json!({ "action": "disable", "account": ACCOUNT, "id": created["id"] });
    app.faults.next([Fault::Error(400, "AccessDeniedException")]);
    assert_eq!(app.manage_keys(&disable).await["code"], "internal-error");
    assert_eq!((table(&app).await, app.faults.left()), (before, 0));
}

#[tokio::test]
async fn a_key_without_name_and_expiry_shows_neither() {
    let app = TestApp::start().await;
    let created = app.manage_keys(&create()).await;
    let fields: Vec<&str> = created.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(fields, ["account", "created", "enabled", "id", "key", "role"]);
}

#[tokio::test]
async fn the_list_shows_an_accounts_own_keys_page_by_page() {
    let app = TestApp::start().await;
    let mut ids = BTreeSet::new();
    for key in [&app.full, &app.read_only] {
        ids.insert(key.split('_').nth(3).unwrap_or_default().to_owned());
    }
    while ids.len() < 51 {
        ids.insert(text(&app.manage_keys(&create()).await, "id"));
    }
    let ids: Vec<String> = ids.into_iter().collect();
    let shown = |page: &Value| page["keys"].as_array().expect("keys").iter().map(|key| text(key, "id")).collect::<Vec<_>>();
    let first = app.manage_keys(&json!({ "action": "list", "account": ACCOUNT })).await;
    assert_eq!((shown(&first), first["next"].as_str()), (ids[..50].to_vec(), Some(ids[49].as_str())));
    let second = app.manage_keys(&json!({ "action": "list", "account": ACCOUNT, "cursor": first["next"] })).await;
    assert_eq!((shown(&second), second.get("next")), (ids[50..].to_vec(), None));
    let other = app.manage_keys(&json!({ "action": "list", "account": OTHER_ACCOUNT })).await;
    assert_eq!(other["keys"].as_array().map(Vec::len), Some(1));
    let none = app.manage_keys(&json!({ "action": "list", "account": "000000000000" })).await;
    assert_eq!(none, json!({ "keys": [] }));
}

#[tokio::test]
async fn disabling_a_key_changes_only_that_key_and_can_be_repeated() {
    let app = TestApp::start().await;
    let created = app.manage_keys(&create()).await;
    let id = text(&created, "id");
    let before = table(&app).await;
    let event = json!({ "action": "disable", "account": ACCOUNT, "id": id });
    for _ in 0..2 {
        assert_eq!(app.manage_keys(&event).await, with(&created, json!({ "enabled": false, "key": null })));
        let mut expected = before.clone();
        let key = (format!("KEYS#{ACCOUNT}"), id.clone());
        expected.insert(key.clone(), with(&before[&key], json!({ "enabled": false })));
        assert_eq!(table(&app).await, expected);
    }
}

#[tokio::test]
async fn disabling_an_unknown_key_is_not_found_and_creates_nothing() {
    let app = TestApp::start().await;
    let theirs = app.other.split('_').nth(3).unwrap_or_default().to_owned();
    let before = table(&app).await;
    for id in [theirs, "0".repeat(12)] {
        let answer = app.manage_keys(&json!({ "action": "disable", "account": ACCOUNT, "id": id })).await;
        assert_eq!(answer, refusal("not-found", None, "The resource you were looking for doesn't exist."));
    }
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn an_invalid_event_gets_the_reason_and_changes_nothing() {
    let app = TestApp::start().await;
    let before = table(&app).await;
    let now = app.now().floor_to_second().to_string();
    let invalid = |field: &str, message: &str| refusal("invalid-field", Some(field), &format!("{field}: {message}"));
    let missing = |field: &str| refusal("missing-field", Some(field), &format!("{field}: is required"));
    let unknown =
        |field: &str, accepted: &str| refusal("unknown-field", Some(field), &format!("{field}: unknown field; accepted: {accepted}"));
    let no_name = |name: &str, why: &str| invalid("name", &format!("'{name}' cannot be a name: {why}"));
    let link = "an email client could turn it into a link; put a space after '.' or replace it";
    let account = "is not an account id: it must have exactly 12 decimal digits";
    let list = json!({ "action": "list", "account": ACCOUNT });
    let disable = json!({ "action": "disable", "account": ACCOUNT, "id": "000000000000" });
    let rotate = with(&disable, json!({ "action": "rotate" }));
    for (event, expected) in [
        (json!({ "account": ACCOUNT }), missing("action")),
        (
            json!({ "action": "create", "role": "full-access" }),
            refusal("missing-field", Some("account"), "account: is required, or externalID instead"),
        ),
        (json!({ "action": 1, "account": ACCOUNT }), invalid("action", "must be a string")),
        (
            with(&create(), json!({ "action": "delete" })),
            invalid("action", "must be 'create', 'list', 'rotate' or 'disable', not 'delete'"),
        ),
        (with(&create(), json!({ "account": "12345678912" })), invalid("account", &format!("'12345678912' {account}"))),
        (with(&create(), json!({ "account": "01234567891A" })), invalid("account", &format!("'01234567891A' {account}"))),
        (with(&create(), json!({ "account": 12345678912_i64 })), invalid("account", "must be a string")),
        (with(&create(), json!({ "role": null })), missing("role")),
        (
            with(&create(), json!({ "role": "Admin" })),
            invalid("role", "'Admin' is not a role id: it must have 1 to 64 characters from a-z, 0-9 and -"),
        ),
        (
            with(&create(), json!({ "role": "admin" })),
            invalid("role", "'admin' is not a configured role; configured roles: full-access, read-only"),
        ),
        (with(&create(), json!({ "name": "" })), no_name("", "it must have 1 to 80 characters")),
        (with(&create(), json!({ "name": "n".repeat(81) })), no_name(&format!("{}…", "n".repeat(64)), "it must have 1 to 80 characters")),
        (with(&create(), json!({ "name": "a\u{202e}b" })), no_name("a[U+202E]b", "it contains the invisible character U+202E")),
        (with(&create(), json!({ "name": "evil.example" })), no_name("evil.example", link)),
        (with(&create(), json!({ "expiry": now })), invalid("expiry", "must be in the future")),
        (with(&create(), json!({ "expiry": "soon" })), invalid("expiry", "'soon' is not an RFC 3339 time such as 2030-06-21T09:01:12Z")),
        (with(&create(), json!({ "roleID": "x" })), unknown("roleID", "action, account, externalID, role, name, expiry")),
        (with(&list, json!({ "role": "read-only" })), unknown("role", "action, account, externalID, cursor")),
        (with(&list, json!({ "cursor": "x" })), invalid("cursor", "an API key id must have exactly 12 letters and digits")),
        (with(&disable, json!({ "id": null })), missing("id")),
        (with(&disable, json!({ "id": "#" })), invalid("id", "an API key id must have exactly 12 letters and digits")),
        (with(&rotate, json!({ "id": null })), missing("id")),
        (with(&rotate, json!({ "overlapSeconds": -1 })), invalid("overlapSeconds", "must be a whole number from 0 to 2592000")),
        (with(&rotate, json!({ "overlapSeconds": 0.5 })), invalid("overlapSeconds", "must be a whole number from 0 to 2592000")),
        (with(&rotate, json!({ "overlapSeconds": 2_592_001 })), invalid("overlapSeconds", "must be a whole number from 0 to 2592000")),
        (with(&rotate, json!({ "overlapSeconds": "60" })), invalid("overlapSeconds", "must be a number")),
        (with(&rotate, json!({ "role": "read-only" })), unknown("role", "action, account, externalID, id, overlapSeconds")),
        (with(&disable, json!({ "enabled": "true" })), unknown("enabled", "action, account, externalID, id")),
    ] {
        assert_eq!(app.manage_keys(&event).await, expected, "{event}");
    }
    for event in [json!(null), json!([]), json!("create"), json!(1)] {
        let answer = app.manage_keys(&event).await;
        assert_eq!((answer["code"].as_str(), answer["requestId"].as_str()), (Some("invalid-json"), Some("invocation-1")), "{answer}");
    }
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn a_warm_function_accepts_a_disabled_key_for_at_most_30_seconds() {
    let app = TestApp::start().await;
    let created = app.manage_keys(&create()).await;
    let call = Call::get("/invitations").key(created["key"].as_str().expect("a key"));
    app.send(call.clone()).await.expect(200);
    app.advance(Duration::from_secs(1));
    app.manage_keys(&json!({ "action": "disable", "account": ACCOUNT, "id": created["id"] })).await;
    // Another process has not cached it and refuses at once.
    app.another(&[]).send(call.clone()).await.expect_error(401, "unauthorized");
    // Requests in between do not prolong this.
    for _ in 0..28 {
        app.advance(Duration::from_secs(1));
        app.send(call.clone()).await.expect(200);
    }
    app.advance(Duration::from_secs(1) - TICK);
    app.send(call.clone()).await.expect(200);
    app.advance(TICK);
    app.send(call).await.expect_error(401, "unauthorized");
}

#[tokio::test]
async fn a_warm_function_rejects_an_unknown_key_from_memory_for_at_most_5_seconds() {
    let app = TestApp::start().await;
    let created = app.manage_keys(&create()).await;
    let (pk, sk) = (format!("KEYS#{ACCOUNT}"), text(&created, "id"));
    let stored = app.rows().await.into_iter().find(|row| row["sk"].as_s() == Ok(&sk)).expect("a row");
    delete(&app, &pk, &sk).await;

    let call = Call::get("/invitations").key(created["key"].as_str().expect("a key"));
    let _ = app.faults.take_operations();
    for _ in 0..3 {
        app.send(call.clone()).await.expect_error(401, "unauthorized");
    }
    assert_eq!(app.faults.take_operations(), ["GetItem"], "it is read once");
    app.client.put_item().table_name(&app.table).set_item(Some(stored)).send().await.expect("a put");
    app.advance(Duration::from_secs(5) - TICK);
    app.send(call.clone()).await.expect_error(401, "unauthorized");
    app.advance(TICK);
    app.send(call).await.expect(200);
}
