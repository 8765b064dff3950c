//! The reports of SES on reminders, and their difference to those on the sendings' own emails.

use local::ses::SentEmail;
use serde_json::json;

use super::{WAIT, delivered, is_reminder, settle};
use crate::helpers::{EMAIL, describe, invited, resend, revoke, start};

#[tokio::test]
async fn nobody_is_reminded_of_an_email_that_was_refused() {
    let (app, mut workers) = start().await;
    for (email, is_reminded) in [
        ("bounce@example.com", false),
        ("complaint@example.com", false),
        ("reject@example.com", false),
        ("soft@example.com", true),
        ("delay@example.com", true),
        ("user@example.com", true),
    ] {
        app.invite(email).await;
        workers.deliver().await;
        workers.report(&workers.last_email(email)).await;
        workers.deliver().await;
        app.advance(WAIT);
        settle(&mut workers).await;
        assert_eq!(is_reminder(&workers.last_email(email)), is_reminded, "{email}");
    }
}

#[tokio::test]
async fn the_reports_on_a_reminder_count_for_the_address_and_leave_the_first_delivery() {
    let (app, mut workers) = start().await;
    for (outcome, blocks) in [("user", false), ("soft", false), ("delay", false), ("reject", false), ("bounce", true), ("complaint", true)]
    {
        let (id, _) = delivered(&app, &mut workers).await;
        app.advance(WAIT);
        settle(&mut workers).await;
        let before = describe(&app, &id).await;
        // The tags say what the report is about; the recipient only selects the outcome.
        let reminder = SentEmail { to: vec![format!("{outcome}@example.com")], ..workers.last_email(EMAIL) };
        assert!(is_reminder(&reminder));
        workers.report(&reminder).await;
        workers.deliver().await;
        let after = describe(&app, &id).await;
        if blocks {
            assert_eq!(after["delivery"]["state"], if outcome == "bounce" { "bounced" } else { "complained" });
            assert_eq!(after["reminded"], before["reminded"]);
            resend(&app, &id).await.expect_error(400, "email-refused");
            revoke(&app, &id).await.expect(200);
        } else {
            assert_eq!(after, before, "{outcome}");
            assert_eq!(workers.event_types().last().map(String::as_str), Some("reminded"), "{outcome}");
            revoke(&app, &id).await.expect(200);
        }
        workers.deliver().await;
    }
}

#[tokio::test]
async fn a_bounce_of_the_reminder_of_an_earlier_sending_counts_like_one_of_its_email() {
    let (app, mut workers) = start().await;
    let (id, _) = delivered(&app, &mut workers).await;
    app.advance(WAIT);
    settle(&mut workers).await;
    let reminder = SentEmail { to: vec!["bounce@example.com".to_owned()], ..workers.last_email(EMAIL) };
    resend(&app, &id).await.expect(200);
    workers.deliver().await;
    workers.report(&reminder).await;
    let shown = describe(&app, &id).await;
    assert_eq!((&shown["delivery"]["state"], shown.get("reminded")), (&json!("bounced"), None));
}

#[tokio::test]
async fn the_report_on_an_email_of_another_kind_is_not_ours() {
    let (app, mut workers) = start().await;
    let (id, _) = invited(&app, &mut workers).await;
    let before = describe(&app, &id).await;
    let mut email = workers.last_email(EMAIL);
    email.tags.insert("kind".to_owned(), "newsletter".to_owned());
    workers.report(&email).await;
    assert_eq!(describe(&app, &id).await, before);
}
