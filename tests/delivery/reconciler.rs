//! The reconciler finds what the stream lost: sendings, events, expiries.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use local::events::Behaviour;
use shared::domain::courier::{GRACE, MARGIN};
use support::{ACCOUNT, faults::Fault};

use crate::helpers::{COOLDOWN, EMAIL, LATER, LIFETIME, REMIND_BEFORE, describe, id, invited, resend, revoke, start, start_with, use_link};

#[tokio::test]
async fn a_sending_that_the_stream_lost_is_emailed_all_the_same() {
    let (app, mut workers) = start().await;
    let mut ids = Vec::new();
    for number in 0..40 {
        ids.push(id(&app.invite(&format!("user.{number}@example.com")).await));
    }
    workers.drop_stream_records().await;
    workers.reconcile().await;
    assert_eq!(workers.inbox.emails().len(), 0, "the grace period of the stream is not over");
    app.advance(LATER);
    assert_eq!(workers.reconcile().await.processed, 40);
    assert_eq!(workers.inbox.emails().len(), 40);
    assert_eq!(workers.event_types().len(), 40);
    assert_eq!(workers.reconcile().await.processed, 0, "nothing is due any more");
}

#[tokio::test]
async fn events_that_the_stream_lost_are_published_in_order() {
    let (app, mut workers) = start().await;
    let id = id(&app.invite(EMAIL).await);
    app.advance(COOLDOWN);
    resend(&app, &id).await.expect(200);
    revoke(&app, &id).await.expect(200);
    workers.drop_stream_records().await;
    app.advance(LATER);
    workers.reconcile().await;
    assert_eq!(workers.event_types(), ["created", "resent", "revoked"]);
    assert_eq!(workers.inbox.emails().len(), 0);
}

#[tokio::test]
async fn an_expiry_is_published_once_and_again_after_a_resend() {
    let (app, mut workers) = start_with(&[("REMIND_BEFORE_SECONDS", "0")]).await;
    let (id, _) = invited(&app, &mut workers).await;
    app.advance(LIFETIME - COOLDOWN);
    workers.reconcile().await;
    assert_eq!(workers.event_types(), ["created"]);
    app.advance(COOLDOWN);
    workers.reconcile().await;
    assert_eq!(workers.event_types(), ["created"], "another clock may be slightly behind");
    app.advance(MARGIN);
    for _ in 0..3 {
        workers.reconcile().await;
        workers.deliver().await;
    }
    assert_eq!(workers.event_types(), ["created", "expired"]);
    resend(&app, &id).await.expect(200);
    workers.deliver().await;
    app.advance(LIFETIME + MARGIN);
    workers.reconcile().await;
    assert_eq!(workers.event_types(), ["created", "expired", "resent", "expired"]);
    let row = &app.rows_of(ACCOUNT, "I#").await[0];
    assert!(!["due_at", "late_at", "shard"].iter().any(|name| row.contains_key(*name)), "nothing is due any more");
}

#[tokio::test]
async fn an_invitation_answered_in_time_does_not_expire() {
    let (app, mut workers) = start().await;
    for (number, verb) in ["accept", "decline"].into_iter().enumerate() {
        let email = format!("user.{number}@example.com");
        app.invite(&email).await;
        workers.deliver().await;
        use_link(&app, verb, &workers.last_token(&email)).await.expect(200);
    }
    workers.deliver().await;
    app.advance(LIFETIME * 2);
    assert_eq!(workers.reconcile().await.processed, 0);
    assert!(!workers.event_types().contains(&"expired".to_owned()));
}

#[tokio::test]
async fn while_eventbridge_is_down_emails_go_out_and_events_follow() {
    let (app, mut workers) = start().await;
    workers.bus.answer_with(|_| Behaviour::Error { status: 400, code: "ThrottlingException" });
    let (id, token) = invited(&app, &mut workers).await;
    assert_eq!(workers.event_types(), [""; 0]);
    use_link(&app, "accept", &token).await.expect(200);
    workers.deliver().await;
    workers.bus.answer_with(|_| Behaviour::Accept);
    app.advance(LATER);
    workers.reconcile().await;
    assert_eq!(workers.event_types(), ["created", "accepted"]);
    assert_eq!(describe(&app, &id).await["delivery"]["state"], "sent");
}

#[tokio::test]
async fn events_that_failed_are_published_again_with_the_same_ids() {
    let (app, mut workers) = start().await;
    let id = id(&app.invite(EMAIL).await);
    revoke(&app, &id).await.expect(200);
    workers.bus.answer_with(|_| Behaviour::Fail { entries: vec![1], code: "ThrottlingException" });
    workers.deliver().await;
    workers.bus.answer_with(|_| Behaviour::Accept);
    app.advance(LATER);
    workers.reconcile().await;
    let ids: Vec<String> = workers.bus.events().iter().map(|event| event.detail["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, [format!("{id}-1"), format!("{id}-1"), format!("{id}-2")]);
}

#[tokio::test]
async fn an_entry_that_is_early_is_found_once_and_moved() {
    let (app, mut workers) = start().await;
    let (id, _) = invited(&app, &mut workers).await;
    let rows_before = app.rows_of(ACCOUNT, "I#").await;
    assert!(rows_before[0].contains_key("late_at"), "recording the email leaves the entry");
    app.advance(GRACE);
    assert_eq!(workers.reconcile().await.processed, 1);
    let row = &app.rows_of(ACCOUNT, "I#").await[0];
    let expiry: i64 = row["exp"].as_n().unwrap().parse().unwrap();
    let due = expiry - i64::try_from(REMIND_BEFORE.as_millis()).unwrap();
    assert_eq!((row.get("late_at"), row["due_at"].as_n().unwrap()), (None, &due.to_string()));
    for _ in 0..5 {
        app.advance(COOLDOWN);
        assert_eq!(workers.reconcile().await.processed, 0, "it is listed again when its reminder is due");
    }
    // A report in between moves nothing that has to be moved back: its event has its own index.
    workers.report(&workers.inbox.emails()[0]).await;
    workers.deliver().await;
    let row = &app.rows_of(ACCOUNT, "I#").await[0];
    assert_eq!((row.get("late_at"), row["due_at"].as_n().unwrap()), (None, &due.to_string()));
    assert_eq!(describe(&app, &id).await["delivery"]["state"], "delivered");
}

#[tokio::test]
async fn with_a_report_within_two_minutes_the_reconciler_finds_nothing_but_the_reminder_and_the_expiry() {
    let (app, mut workers) = start().await;
    invited(&app, &mut workers).await;
    workers.report(&workers.inbox.emails()[0]).await;
    workers.deliver().await;
    app.advance(LIFETIME - REMIND_BEFORE - COOLDOWN);
    assert_eq!(workers.reconcile().await.processed, 0);
    assert_eq!(workers.event_types(), ["created", "delivered"]);
    app.advance(COOLDOWN);
    assert_eq!(workers.reconcile().await.processed, 1);
    assert_eq!(workers.event_types(), ["created", "delivered", "reminded"]);
    app.advance(REMIND_BEFORE);
    assert_eq!(workers.reconcile().await.processed, 0);
    app.advance(MARGIN);
    assert_eq!(workers.reconcile().await.processed, 1);
    assert_eq!(workers.event_types(), ["created", "delivered", "reminded", "expired"]);
}

/// However often it is resent and whatever fails, each sending is found early a few times at most.
#[tokio::test]
async fn early_entries_are_few_over_the_life_of_an_invitation() {
    let (app, mut workers) = start().await;
    let id = id(&app.invite(EMAIL).await);
    workers.deliver().await;
    let mut found = 0;
    for _ in 0..3 {
        for _ in 0..30 {
            app.advance(Duration::from_secs(60));
            found += workers.reconcile().await.processed;
        }
        resend(&app, &id).await.expect(200);
        workers.deliver().await;
    }
    assert_eq!(found, 3, "once for each of the sendings, on which SES never reported");
}

#[tokio::test]
async fn t24_an_unreadable_row_is_quarantined_and_delays_no_other() {
    let (app, mut workers) = start().await;
    let broken = id(&app.invite("broken@example.com").await);
    app.set(&broken, "th", AttributeValue::S("not a hash".to_owned())).await;
    app.invite(EMAIL).await;
    workers.deliver().await;
    assert_eq!(workers.inbox.emails().len(), 1);
    app.advance(LATER);
    assert_eq!(workers.reconcile().await.processed, 1, "the other one is listed early");
    assert_eq!(workers.reconcile().await.processed, 0);
    let rows = app.rows_of(ACCOUNT, "I#").await;
    let row = rows.iter().find(|row| row["sk"].as_s() == Ok(&format!("I#{broken}"))).unwrap();
    assert!(!row.contains_key("pending") && !row.contains_key("late_at"), "the stream does not retry it");
    let due: i64 = row["due_at"].as_n().unwrap().parse().unwrap();
    assert!(due > app.now().as_millis(), "the reconciler leaves it alone for a while");
}

#[tokio::test]
async fn while_the_table_is_down_the_stream_retries_and_then_everything_arrives() {
    let (app, mut workers) = start().await;
    app.invite(EMAIL).await;
    app.faults.always(Fault::Error(400, "ProvisionedThroughputExceededException"));
    workers.deliver().await;
    assert_eq!(workers.inbox.emails().len(), 0);
    app.faults.clear();
    workers.deliver().await;
    app.advance(LATER);
    workers.reconcile().await;
    assert_eq!(workers.inbox.emails().len(), 1);
}
