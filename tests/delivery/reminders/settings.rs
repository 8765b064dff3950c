//! The deployment and each account decide when invitees are reminded.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use shared::domain::{Timestamp, courier::MARGIN};
use support::{ACCOUNT, Call, TestApp};

use super::{HOUR, delivered, is_ever_reminded, is_reminder, reminders, settle};
use crate::helpers::{LATER, describe, start, start_with};

async fn set(app: &TestApp, remind_before: Value) {
    app.manage_settings(&json!({ "action": "set", "account": ACCOUNT, "remindBefore": remind_before })).await;
}

/// As docs/development.md shows it.
#[tokio::test]
async fn a_developer_sees_a_reminder_after_a_minute() {
    let (app, mut workers) = start_with(&[("INVITATION_LIFETIME_SECONDS", "180"), ("REMIND_BEFORE_SECONDS", "120")]).await;
    delivered(&app, &mut workers).await;
    for _ in 0..11 {
        app.advance(Duration::from_secs(5));
        settle(&mut workers).await;
    }
    assert_eq!(reminders(&workers).len(), 0);
    app.advance(Duration::from_secs(5));
    settle(&mut workers).await;
    assert_eq!(reminders(&workers).len(), 1);
    app.advance(Duration::from_secs(120) + MARGIN);
    settle(&mut workers).await;
    assert_eq!(workers.event_types(), ["created", "delivered", "reminded", "expired"]);
}

#[tokio::test]
async fn zero_turns_reminders_off_for_the_stack_or_an_account() {
    for (stack, account, is_reminded) in [
        ("172800", None, true),
        ("0", None, false),
        ("0", Some(json!(86_400)), true),
        ("172800", Some(json!(0)), false),
        ("172800", Some(json!("")), true),
    ] {
        let (app, mut workers) = start_with(&[("REMIND_BEFORE_SECONDS", stack)]).await;
        if let Some(account) = &account {
            set(&app, account.clone()).await;
        }
        delivered(&app, &mut workers).await;
        assert_eq!(is_ever_reminded(&app, &mut workers).await, is_reminded, "{stack} {account:?}");
    }
}

#[tokio::test]
async fn the_setting_when_the_email_is_sent_decides_and_a_later_one_can_only_postpone_or_drop_the_reminder() {
    const DAY: u64 = 86_400;
    for (at_first, later, reminded_before) in [
        (3 * DAY, json!(3 * DAY), Some(3)),
        (3 * DAY, json!(DAY), Some(1)),
        (3 * DAY, json!(4 * DAY), Some(3)),
        (3 * DAY, json!(0), None),
        (3 * DAY, json!(""), Some(2)),
        (0, json!(DAY), None),
    ] {
        let (app, mut workers) = start().await;
        set(&app, json!(at_first)).await;
        let (id, _) = delivered(&app, &mut workers).await;
        set(&app, later.clone()).await;
        let expiry = describe(&app, &id).await["expiry"].as_str().unwrap().parse::<Timestamp>().unwrap();
        is_ever_reminded(&app, &mut workers).await;
        let shown = describe(&app, &id).await;
        let reminded = shown["reminded"].as_str().map(|time| expiry.since(time.parse().unwrap()).as_secs() / DAY);
        assert_eq!(reminded, reminded_before, "{at_first} then {later}");
    }
}

#[tokio::test]
async fn an_invitation_of_a_version_without_reminders_has_none() {
    let (app, mut workers) = start_with(&[("REMIND_BEFORE_SECONDS", "0")]).await;
    let (id, _) = delivered(&app, &mut workers).await;
    assert!(!app.rows_of(ACCOUNT, "I#").await[0].contains_key("remind"));
    // As its courier left it: with the attempts of its email.
    app.set(&id, "tries", AttributeValue::N("1".to_owned())).await;
    app.set(&id, "nb", AttributeValue::N(app.now().plus(LATER).as_millis().to_string())).await;
    set(&app, json!(86_400)).await;
    assert!(!is_ever_reminded(&app, &mut workers).await);
    app.advance(MARGIN);
    settle(&mut workers).await;
    assert_eq!(workers.event_types(), ["created", "delivered", "expired"]);
}

#[tokio::test]
async fn a_lifetime_below_72_hours_leaves_no_time_for_a_reminder() {
    let (app, mut workers) = start().await;
    for (lifetime, is_reminded) in [(72 * HOUR - Duration::from_secs(1), false), (72 * HOUR, true), (HOUR, false)] {
        let email = format!("user.{}@example.com", lifetime.as_secs());
        let body = json!({ "email": email, "roleID": "read-only", "expiry": app.now().plus(lifetime).to_string() });
        app.send(Call::post("/invitations").json(&body).key(&app.full)).await.expect(201);
        workers.deliver().await;
        for _ in 0..80 {
            app.advance(HOUR);
            workers.reconcile().await;
        }
        assert_eq!(is_reminder(&workers.last_email(&email)), is_reminded, "{lifetime:?}");
    }
}
