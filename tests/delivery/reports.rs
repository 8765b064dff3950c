//! Reports of SES show on the invitation and decide whether it can be resent.

use functions::delivery::record_feedback::Recorded;
use local::ses::{Behaviour, SentEmail};
use serde_json::{Value, json};
use shared::store::InvitationKey;
use support::{ACCOUNT, Call, TestApp, Workers, workers::process_due};

use crate::helpers::{COOLDOWN, describe, id, resend, start};

/// Invites an address and lets SES report about its email. Returns the invitation's id.
async fn invite(app: &TestApp, workers: &mut Workers, email: &str) -> String {
    let id = id(&app.invite(email).await);
    workers.deliver().await;
    workers.report(&workers.last_email(email)).await;
    app.advance(COOLDOWN);
    id
}

/// The state and reason of the last email, as the account sees them.
async fn delivery(app: &TestApp, id: &str) -> (String, Value) {
    let delivery = describe(app, id).await["delivery"].clone();
    (delivery["state"].as_str().unwrap_or_default().to_owned(), delivery["reason"].clone())
}

#[tokio::test]
async fn the_delivery_status_of_the_email_shows_on_the_invitation() {
    let (app, mut workers) = start().await;
    for (email, state, event_type) in [
        ("user@example.com", "delivered", Some("delivered")),
        ("bounce@example.com", "bounced", Some("bounced")),
        ("soft@example.com", "soft-bounced", Some("bounced")),
        ("complaint@example.com", "complained", Some("complained")),
        ("not-spam@example.com", "delivered", Some("delivered")),
        ("reject@example.com", "failed", Some("failed")),
        ("delay@example.com", "delayed", None),
    ] {
        let id = invite(&app, &mut workers, email).await;
        assert_eq!(delivery(&app, &id).await.0, state, "{email}");
        let listed = app.send(Call::get(&format!("/invitations?email={email}")).key(&app.full)).await.expect(200).json();
        assert_eq!(listed["invitations"][0]["delivery"]["state"], state);
        workers.deliver().await;
        let published: Vec<Value> = workers
            .bus
            .events()
            .into_iter()
            .filter(|event| event.detail["invitation"]["id"] == id)
            .map(|event| event.detail["type"].clone())
            .collect();
        assert_eq!(published.last().and_then(Value::as_str), event_type.or(Some("created")), "{email}: {published:?}");
    }
}

#[tokio::test]
async fn a_hard_bounce_or_a_complaint_blocks_a_resend_unless_it_is_forced() {
    let (app, mut workers) = start().await;
    for (email, blocked) in
        [("bounce@example.com", true), ("complaint@example.com", true), ("soft@example.com", false), ("delay@example.com", false)]
    {
        let id = invite(&app, &mut workers, email).await;
        let sent = workers.inbox.emails().len();
        if blocked {
            let before = app.rows().await;
            resend(&app, &id).await.expect_error(400, "email-refused");
            assert!(app.rows().await.iter().all(|row| before.contains(row)), "a refusal writes nothing");
            let force = |value: &str| Call::post(&format!("/invitations/{id}?force={value}")).key(&app.full);
            app.send(force("false")).await.expect_error(400, "email-refused");
            app.send(force("maybe")).await.expect_error(400, "invalid-force");
            app.send(force("true")).await.expect(200);
        } else {
            resend(&app, &id).await.expect(200);
        }
        workers.deliver().await;
        assert_eq!(workers.inbox.emails().len(), sent + 1, "{email}");
        // The email of the new sending has its own status.
        assert_eq!(delivery(&app, &id).await.0, "sent");
    }
}

#[tokio::test]
async fn a_complaint_blocks_a_resend_unless_it_objects_to_nothing() {
    let (app, mut workers) = start().await;
    let listed = "OnAccountSuppressionList";
    for (number, (kind, sub_type, reason)) in [
        (json!("abuse"), json!(null), Some(json!("abuse"))),
        (json!("fraud"), json!(null), Some(json!("fraud"))),
        (json!("virus"), json!(null), Some(json!("virus"))),
        (json!("other"), json!(null), Some(json!("other"))),
        (json!("unheard-of"), json!(null), Some(json!("unheard-of"))),
        (json!(null), json!(null), Some(json!(null))),
        (json!(null), json!(listed), Some(json!(listed))),
        (json!("not-spam"), json!(listed), Some(json!(listed))),
        (json!("not-spam"), json!(null), None),
        (json!("Not-Spam"), json!(null), None),
        (json!("auth-failure"), json!(null), None),
    ]
    .into_iter()
    .enumerate()
    {
        let case = format!("{kind} {sub_type}");
        let email = format!("complaint{number}@example.com");
        let id = id(&app.invite(&email).await);
        workers.deliver().await;
        let mut events = local::ses::feedback::events(&workers.last_email(&email));
        events[1]["detail"]["complaint"]["complaintFeedbackType"] = kind;
        events[1]["detail"]["complaint"]["complaintSubType"] = sub_type;
        assert_eq!(workers.report_event(&events[0].to_string()).await, Recorded::Recorded);
        let recorded = if reason.is_some() { Recorded::Recorded } else { Recorded::Ignored };
        assert_eq!(workers.report_event(&events[1].to_string()).await, recorded, "{case}");
        workers.deliver().await;
        app.advance(COOLDOWN);
        if let Some(reason) = reason {
            assert_eq!(delivery(&app, &id).await, ("complained".to_owned(), reason), "{case}");
            assert_eq!(workers.event_types().last().map(String::as_str), Some("complained"), "{case}");
            resend(&app, &id).await.expect_error(400, "email-refused");
        } else {
            assert_eq!(delivery(&app, &id).await, ("delivered".to_owned(), json!(null)), "{case}");
            assert_eq!(workers.event_types().last().map(String::as_str), Some("delivered"), "{case}");
            resend(&app, &id).await.expect(200);
            workers.deliver().await;
        }
    }
}

#[tokio::test]
async fn force_applies_to_a_resend_only() {
    let (app, mut workers) = start().await;
    let id = invite(&app, &mut workers, "bounce@example.com").await;
    let call = Call::set_state(&id, "revoked");
    let forced = Call::new("POST", &format!("{}?force=true", call.path)).json(&json!({ "state": "revoked" })).key(&app.full);
    app.send(forced).await.expect_error(400, "invalid-force");
    app.send(call.key(&app.full)).await.expect(200);
}

#[tokio::test]
async fn reports_may_arrive_twice_late_and_in_any_order() {
    let (app, mut workers) = start().await;
    let id = id(&app.invite("complaint@example.com").await);
    workers.deliver().await;
    let email = workers.last_email("complaint@example.com");
    let mut reports = local::ses::feedback::events(&email);
    reports.reverse();
    for _ in 0..2 {
        for report in &reports {
            workers.report_event(&report.to_string()).await;
        }
    }
    assert_eq!(delivery(&app, &id).await.0, "complained");
    workers.deliver().await;
    assert_eq!(workers.event_types(), ["created", "complained"], "a delivery reported after the complaint is ignored");
}

/// Invites, resends, and only then lets SES report about the first email. Returns the id and that email.
async fn reported_late(app: &TestApp, workers: &mut Workers, email: &str) -> (String, SentEmail) {
    let id = id(&app.invite(email).await);
    workers.deliver().await;
    let first = workers.last_email(email);
    app.advance(COOLDOWN);
    resend(app, &id).await.expect(200);
    workers.deliver().await;
    workers.report(&first).await;
    (id, first)
}

#[tokio::test]
async fn a_delivery_report_of_an_earlier_sending_is_ignored() {
    let (app, mut workers) = start().await;
    let (id, _) = reported_late(&app, &mut workers, "user@example.com").await;
    assert_eq!(delivery(&app, &id).await.0, "sent");
}

#[tokio::test]
async fn a_bounce_after_a_resend_blocks_the_next_one_unless_forced() {
    let (app, mut workers) = start().await;
    let (id, first) = reported_late(&app, &mut workers, "bounce@example.com").await;
    assert_eq!(delivery(&app, &id).await.0, "bounced");
    app.advance(COOLDOWN);
    resend(&app, &id).await.expect_error(400, "email-refused");
    app.send(Call::post(&format!("/invitations/{id}?force=true")).key(&app.full)).await.expect(200);
    workers.deliver().await;
    // SES reports it again.
    workers.report(&first).await;
    assert_eq!(delivery(&app, &id).await.0, "sent");
    app.advance(COOLDOWN);
    resend(&app, &id).await.expect(200);
    workers.deliver().await;
    assert_eq!(workers.event_types(), ["created", "resent", "bounced", "resent", "resent"]);
}

#[tokio::test]
async fn an_email_that_arrived_after_all_is_not_shown_as_failed() {
    let (app, mut workers) = start().await;
    let id = id(&app.invite("user@example.com").await);
    workers.deliver().await;
    let email = workers.last_email("user@example.com");
    // As if SES had accepted the first attempt and rejected the second, and neither could be recorded.
    app.remove(&id, &["delivery"]).await;
    workers.inbox.answer_with(|_| Behaviour::Error { status: 400, code: "MessageRejected" });
    app.advance(crate::helpers::LATER);
    let key = InvitationKey { account: ACCOUNT.parse().unwrap(), id: id.parse().unwrap() };
    process_due(&workers.courier, &key).await.unwrap();
    assert_eq!(delivery(&app, &id).await.0, "failed");
    workers.report(&email).await;
    assert_eq!(delivery(&app, &id).await.0, "delivered");
}

#[tokio::test]
async fn a_report_that_arrives_before_our_own_record_is_kept() {
    let (app, mut workers) = start().await;
    let id = id(&app.invite("user@example.com").await);
    workers.deliver().await;
    let email = workers.last_email("user@example.com");
    // As if the courier was killed between the reply of SES and its record: the row is as it was claimed.
    app.remove(&id, &["delivery"]).await;
    workers.report(&email).await;
    assert_eq!(delivery(&app, &id).await.0, "delivered");
    app.advance(crate::helpers::LATER);
    workers.reconcile().await;
    assert_eq!(workers.inbox.emails().len(), 1, "the report proves that it was sent");
}

#[tokio::test]
async fn a_report_that_is_not_ours_is_ignored() {
    let (app, mut workers) = start().await;
    let id = invite(&app, &mut workers, "delay@example.com").await;
    let before = app.rows().await;
    let email = workers.last_email("delay@example.com");
    let good = &local::ses::feedback::events(&email)[0];
    let with = |pointer: &str, value: Value| {
        let mut event = good.clone();
        *event.pointer_mut(pointer).expect("there is such a field") = value;
        event.to_string()
    };
    for event in [
        with("/detail/mail/tags", json!({})),
        with("/detail/mail/tags/account", json!([])),
        with("/detail/mail/tags/account", json!(["1"])),
        with("/detail/mail/tags/account", json!(["210987654321"])),
        with("/detail/mail/tags/invitation", json!(["../I#1"])),
        with("/detail/mail/tags/invitation", json!(["0".repeat(32)])),
        with("/detail/mail/tags/sending", json!(["-1"])),
        with("/detail/eventType", json!("Open")),
        with("/detail/eventType", json!("Click")),
        with("/detail/eventType", json!("Bounce")),
    ] {
        assert_eq!(workers.report_event(&event).await, Recorded::Ignored, "{event}");
    }
    assert!(app.rows().await.iter().all(|row| before.contains(row)));
    assert_eq!(delivery(&app, &id).await.0, "delayed");
}

#[tokio::test]
async fn a_report_from_the_future_is_dated_now() {
    let (app, mut workers) = start().await;
    let id = id(&app.invite("user@example.com").await);
    workers.deliver().await;
    let mut event = local::ses::feedback::events(&workers.last_email("user@example.com"))[0].clone();
    event["detail"]["delivery"]["timestamp"] = "2199-01-01T00:00:00Z".into();
    workers.report_event(&event.to_string()).await;
    assert_eq!(describe(&app, &id).await["delivery"]["time"], app.now().to_string());
}

#[tokio::test]
async fn the_error_about_a_report_does_not_repeat_it() {
    let (app, mut workers) = start().await;
    invite(&app, &mut workers, "user@example.com").await;
    let mut event = local::ses::feedback::events(&workers.last_email("user@example.com"))[0].clone();
    event["detail"]["mail"]["tags"]["account"] = "user@example.com".into();
    let failed = workers.fail_to_report(&event.to_string()).await;
    assert!(failed.0.starts_with("not an SES event: Data error in line 1,"), "{failed}");
    assert!(!failed.0.contains("user"), "{failed}");
}
