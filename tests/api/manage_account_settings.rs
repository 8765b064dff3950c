//! `manage-account-settings`, by direct invocation.

use serde_json::{Value, json};
use support::{ACCOUNT, OTHER_ACCOUNT, TestApp};

use crate::helpers::{error, table, with};

/// The smallest logo that is accepted.
const LOGO: &str = "data:image/gif;base64,R0lGODlhAA==";

fn describe(account: &str) -> Value {
    json!({ "action": "describe", "account": account })
}

fn set(changes: Value) -> Value {
    with(&json!({ "action": "set", "account": ACCOUNT }), changes)
}

/// The settings of an account that has none.
fn nothing(account: &str) -> Value {
    json!({ "account": account, "binding": "bearer" })
}

fn all() -> Value {
    json!({
        "name": "Example Ltd", "logo": LOGO, "colour": "#0b5fff", "locale": "de-AT",
        "redirect": "https://example.com/", "binding": "email",
    })
}

/// The row of [`ACCOUNT`]'s settings.
async fn row(app: &TestApp) -> Option<Value> {
    table(app).await.remove(&(format!("SETTINGS#{ACCOUNT}"), "settings".to_owned()))
}

#[tokio::test]
async fn each_account_has_one_row_of_settings() {
    let app = TestApp::start().await;
    let before = table(&app).await;
    assert_eq!(app.manage_settings(&describe(ACCOUNT)).await, nothing(ACCOUNT));
    assert_eq!(table(&app).await, before, "describing writes nothing");

    let given = with(&all(), json!({ "name": " Example Ltd ", "colour": "#0B5FFF", "locale": "DE-at", "redirect": "https://Example.com" }));
    let expected = with(&nothing(ACCOUNT), all());
    assert_eq!(app.manage_settings(&set(given)).await, expected);
    assert_eq!(app.manage_settings(&describe(ACCOUNT)).await, expected);
    assert_eq!(app.manage_settings(&describe(OTHER_ACCOUNT)).await, nothing(OTHER_ACCOUNT));

    let mut rows = table(&app).await;
    rows.retain(|key, _| !before.contains_key(key));
    let key = (format!("SETTINGS#{ACCOUNT}"), "settings".to_owned());
    assert_eq!(rows.into_iter().collect::<Vec<_>>(), [(key.clone(), with(&all(), json!({ "pk": key.0, "sk": key.1 })))]);
}

#[tokio::test]
async fn absent_settings_stay_and_empty_ones_are_removed() {
    let app = TestApp::start().await;
    let mut expected = app.manage_settings(&set(all())).await;
    for (change, now) in [
        (json!({ "name": "Other" }), json!({ "name": "Other" })),
        (json!({ "name": "", "colour": "#ffffff" }), json!({ "name": null, "colour": "#ffffff" })),
        (json!({ "binding": "" }), json!({ "binding": "bearer" })),
        (json!({ "remindBefore": 86_400 }), json!({ "remindBefore": 86_400 })),
        (json!({ "remindBefore": 0, "locale": "fr" }), json!({ "remindBefore": 0, "locale": "fr" })),
        (json!({ "remindBefore": "" }), json!({ "remindBefore": null })),
        (json!({}), json!({})),
        (
            json!({ "logo": "", "colour": "", "locale": "", "redirect": "" }),
            json!({ "logo": null, "colour": null, "locale": null, "redirect": null }),
        ),
    ] {
        expected = with(&expected, now);
        for _ in 0..2 {
            assert_eq!(app.manage_settings(&set(change.clone())).await, expected, "{change}");
        }
        assert_eq!(app.manage_settings(&describe(ACCOUNT)).await, expected, "{change}");
    }
    assert_eq!(expected, nothing(ACCOUNT));
}

#[tokio::test]
async fn an_empty_change_writes_nothing_and_removing_an_absent_setting_succeeds() {
    let app = TestApp::start().await;
    assert_eq!(app.manage_settings(&set(json!({}))).await, nothing(ACCOUNT));
    assert_eq!(row(&app).await, None);
    assert_eq!(app.manage_settings(&set(json!({ "name": "", "binding": "" }))).await, nothing(ACCOUNT));
    assert_eq!(app.manage_settings(&describe(ACCOUNT)).await, nothing(ACCOUNT));
}

#[tokio::test]
async fn an_invalid_event_gets_the_reason_and_changes_nothing() {
    let app = TestApp::start().await;
    app.manage_settings(&set(all())).await;
    let before = table(&app).await;
    let refusal = |code: &str, field: &str, message: &str| {
        with(&error(code, Some(field), &format!("{field}: {message}")), json!({ "requestId": "invocation-1" }))
    };
    let invalid = |field: &str, message: &str| refusal("invalid-field", field, message);
    let accepted = "unknown field; accepted:";
    for (event, expected) in [
        (json!({ "account": ACCOUNT }), refusal("missing-field", "action", "is required")),
        (json!({ "action": "set" }), refusal("missing-field", "account", "is required, or externalID instead")),
        (json!({ "action": "get", "account": ACCOUNT }), invalid("action", "must be 'describe', 'set' or 'create', not 'get'")),
        (
            json!({ "action": "set", "account": "1" }),
            invalid("account", "'1' is not an account id: it must have exactly 12 decimal digits"),
        ),
        (
            with(&describe(ACCOUNT), json!({ "name": "x" })),
            refusal("unknown-field", "name", &format!("{accepted} action, account, externalID")),
        ),
        (
            set(json!({ "color": "#ffffff" })),
            refusal(
                "unknown-field",
                "color",
                &format!(
                    "{accepted} action, account, externalID, name, logo, colour, locale, redirect, binding, domains, redirectOrigins, remindBefore"
                ),
            ),
        ),
        (set(json!({ "name": 1 })), invalid("name", "must be a string")),
        (
            set(json!({ "name": "a\u{200b}b" })),
            invalid("name", "'a[U+200B]b' cannot be a name: it contains the invisible character U+200B"),
        ),
        (set(json!({ "colour": "red" })), invalid("colour", "'red' is not a colour: write # and six hexadecimal digits, such as #0b5fff")),
        (
            set(json!({ "logo": "data:image/svg+xml;base64,PHN2Zz4=" })),
            invalid("logo", "is not a valid logo: it must start with data:image/png;base64, or the same with jpeg, gif or webp"),
        ),
        (set(json!({ "locale": "en\u{200b}" })), invalid("locale", "'en[U+200B]' is not a language tag such as en, de-AT or zh-Hant-TW")),
        (set(json!({ "locale": "en_US" })), invalid("locale", "'en_US' is not a language tag such as en, de-AT or zh-Hant-TW")),
        (
            set(json!({ "redirect": "http://example.com" })),
            invalid(
                "redirect",
                "'http://example.com' is not a valid web address: it must start with https://, or with http:// for 127.0.0.1 and localhost",
            ),
        ),
        (set(json!({ "remindBefore": 59 })), invalid("remindBefore", "must be 0 or an integer from 60 to 2592000, not '59'")),
        (set(json!({ "remindBefore": 86_400.5 })), invalid("remindBefore", "must be 0 or an integer from 60 to 2592000, not '86400.5'")),
        (set(json!({ "remindBefore": "86400" })), invalid("remindBefore", "must be a number, or the empty string to remove it")),
        (set(json!({ "remindBefore": true })), invalid("remindBefore", "must be a number, or the empty string to remove it")),
        (set(json!({ "name": "Good", "binding": "phone" })), invalid("binding", "must be 'bearer' or 'email', not 'phone'")),
    ] {
        assert_eq!(app.manage_settings(&event).await, expected, "{event}");
    }
    for event in [json!(null), json!([]), json!("set")] {
        let answer = app.manage_settings(&event).await;
        assert_eq!((answer["code"].as_str(), answer["requestId"].as_str()), (Some("invalid-json"), Some("invocation-1")), "{answer}");
    }
    assert_eq!(table(&app).await, before);
}
