//! What fails, or happens at the same time, costs no reminder and sends no second one without need.

use futures_util::future::join_all;
use local::ses::Behaviour;
use serde_json::json;
use support::{
    TestApp, Workers,
    faults::{Barrier, Fault},
    workers::{process_due, token},
};

use super::{HOUR, WAIT, delivered, is_ever_reminded, key, reminders, settle};
use crate::helpers::{EMAIL, LATER, describe, invited, resend, revoke, start, use_link};

/// Sends the reminder of an invitation. When SES has accepted it, `event` happens before the courier records that.
async fn before_the_reminder_is_recorded(app: &TestApp, workers: &Workers, id: &str, event: impl Future<Output = ()>) {
    let barrier = Barrier::default();
    // Load, load the settings, claim, and after SES has accepted it, record.
    app.faults.next([Fault::None, Fault::None, Fault::None, Fault::Held(barrier.clone(), Box::new(Fault::None))]);
    let (courier, key) = (workers.another_courier(app), key(id));
    let (processed, ()) = tokio::join!(process_due(&courier, &key), async {
        barrier.arrived().await;
        event.await;
        barrier.open();
    });
    processed.unwrap();
}

#[tokio::test]
async fn of_many_concurrent_couriers_one_reminds() {
    let (app, mut workers) = start().await;
    let (id, _) = delivered(&app, &mut workers).await;
    app.advance(WAIT);
    let key = key(&id);
    let couriers: Vec<_> = (0..8).map(|_| workers.another_courier(&app)).collect();
    let processed = join_all(couriers.iter().map(|courier| process_due(courier, &key))).await;
    assert!(processed.iter().all(Result::is_ok), "{processed:?}");
    settle(&mut workers).await;
    assert_eq!(reminders(&workers).len(), 1);
    let ids: std::collections::BTreeSet<_> = workers.bus.events().iter().map(|event| event.detail["id"].to_string()).collect();
    assert_eq!(ids.len(), 3, "created, delivered, reminded");
}

/// Two reconcilers that find it in the same minute, and the report of the sending's own email between them.
#[tokio::test]
async fn a_late_report_on_the_first_email_does_not_send_a_second_reminder() {
    let (app, mut workers) = start().await;
    let (id, _) = invited(&app, &mut workers).await;
    app.advance(WAIT);
    let report = async { workers.report(&workers.inbox.emails()[0]).await };
    before_the_reminder_is_recorded(&app, &workers, &id, report).await;
    app.advance(LATER);
    settle(&mut workers).await;
    assert_eq!(reminders(&workers).len(), 1);
    let shown = describe(&app, &id).await;
    assert!(shown["delivery"]["state"] == "delivered" && shown["reminded"].is_string(), "{shown}");
}

#[tokio::test]
async fn a_courier_killed_at_any_of_its_requests_loses_no_reminder() {
    let mut copies = Vec::new();
    for after in [false, true] {
        for request in 1.. {
            let (app, mut workers) = start().await;
            let (id, first) = delivered(&app, &mut workers).await;
            app.advance(WAIT);
            let barrier = Barrier::default();
            let mut faults = vec![Fault::None; request - 1];
            faults.extend(after.then_some(Fault::ReplyLost));
            faults.push(Fault::Held(barrier.clone(), Box::new(Fault::ConnectionRefused)));
            app.faults.next(faults);
            let courier = workers.another_courier(&app);
            let died = tokio::select! {
                () = barrier.arrived() => true,
                processed = async { process_due(&courier, &key(&id)).await } => { processed.unwrap(); false }
            };
            drop(courier);
            app.faults.clear();
            if !died {
                break;
            }
            for _ in 0..3 {
                app.advance(LATER);
                settle(&mut workers).await;
            }
            let sent = reminders(&workers);
            assert!(!sent.is_empty() && sent.iter().all(|email| token(email) == first), "{after} {request}");
            let mut ids: Vec<_> = workers.bus.events().iter().map(|event| event.detail["id"].to_string()).collect();
            ids.dedup();
            assert_eq!(ids, [1, 2, 3].map(|sequence| format!("\"{id}-{sequence}\"")), "{after} {request}");
            copies.push((after, request, sent.len()));
        }
    }
    // Load, load the settings, claim, record, publish. SES is called after the third.
    assert!(copies.len() >= 10, "{copies:?}");
    for (_, request, sent) in &copies {
        assert!(*sent == 1 || (*sent == 2 && (3..=4).contains(request)), "{copies:?}");
    }
    assert!(copies.iter().any(|(.., sent)| *sent == 2), "one crash must fall between the reply of SES and the record: {copies:?}");
}

#[tokio::test]
async fn after_a_lost_reply_of_ses_a_report_prevents_the_second_copy() {
    for reported in [false, true] {
        let (app, mut workers) = start().await;
        let (id, _) = delivered(&app, &mut workers).await;
        app.advance(WAIT);
        workers.inbox.answer_with(|_| Behaviour::AcceptAndDrop);
        workers.reconcile().await;
        workers.inbox.answer_with(|_| Behaviour::Accept);
        assert_eq!(describe(&app, &id).await.get("reminded"), None);
        workers.reconcile().await;
        assert_eq!(reminders(&workers).len(), 1, "its claim is still valid");
        if reported {
            workers.report(&reminders(&workers)[0]).await;
        }
        app.advance(LATER);
        settle(&mut workers).await;
        assert_eq!(reminders(&workers).len(), if reported { 1 } else { 2 });
        assert!(describe(&app, &id).await["reminded"].is_string());
        assert_eq!(workers.event_types(), ["created", "delivered", "reminded"]);
    }
}

#[tokio::test]
async fn an_outage_of_ses_delays_a_reminder_until_it_is_too_late_for_one() {
    for (outage, is_reminded) in [(6 * HOUR, true), (2 * 24 * HOUR, false)] {
        let (app, mut workers) = start().await;
        let (id, _) = delivered(&app, &mut workers).await;
        app.advance(WAIT);
        workers.inbox.answer_with(|_| Behaviour::Error { status: 503, code: "ServiceUnavailable" });
        let end = app.now().plus(outage);
        while app.now() < end {
            workers.reconcile().await;
            app.advance(HOUR / 2);
        }
        assert_eq!(reminders(&workers).len(), 0);
        workers.inbox.answer_with(|_| Behaviour::Accept);
        for _ in 0..3 {
            app.advance(HOUR / 2);
            settle(&mut workers).await;
        }
        assert_eq!(reminders(&workers).len(), usize::from(is_reminded), "{outage:?}");
        let shown = describe(&app, &id).await;
        assert_eq!((shown.get("reminded").is_some(), &shown["delivery"]["state"]), (is_reminded, &json!("delivered")));
        let last = if is_reminded { "reminded" } else { "expired" };
        assert_eq!(workers.event_types().last().map(String::as_str), Some(last));
    }
}

#[tokio::test]
async fn while_ses_has_paused_all_sending_a_reminder_is_postponed() {
    let (app, mut workers) = start().await;
    delivered(&app, &mut workers).await;
    app.advance(WAIT);
    workers.inbox.answer_with(|_| Behaviour::Error { status: 400, code: "SendingPausedException" });
    workers.reconcile().await;
    app.invite("other@example.com").await;
    workers.deliver().await;
    workers.reconcile().await;
    workers.inbox.answer_with(|_| Behaviour::Accept);
    app.advance(HOUR);
    settle(&mut workers).await;
    assert_eq!(reminders(&workers).len(), 1);
}

#[tokio::test]
async fn a_reminder_that_ses_refuses_is_given_up_and_changes_nothing() {
    let (app, mut workers) = start().await;
    let (id, _) = delivered(&app, &mut workers).await;
    let before = describe(&app, &id).await;
    app.advance(WAIT);
    workers.inbox.answer_with(|_| Behaviour::Error { status: 400, code: "MessageRejected" });
    settle(&mut workers).await;
    workers.inbox.answer_with(|_| Behaviour::Accept);
    for _ in 0..3 {
        app.advance(HOUR);
        settle(&mut workers).await;
    }
    assert_eq!((reminders(&workers).len(), describe(&app, &id).await), (0, before));
    assert_eq!(workers.event_types(), ["created", "delivered"]);
}

/// What is done after the claim, while SES is given the reminder, and the state that the account sees then.
#[tokio::test]
async fn a_reminder_on_its_way_is_recorded_unless_the_invitation_was_resent_meanwhile() {
    for change in ["revoke", "accept", "resend"] {
        let (app, mut workers) = start().await;
        let (id, token) = delivered(&app, &mut workers).await;
        app.advance(WAIT);
        let changed = async {
            match change {
                "revoke" => revoke(&app, &id).await.expect(200),
                "accept" => use_link(&app, "accept", &token).await.expect(200),
                _ => resend(&app, &id).await.expect(200),
            };
        };
        before_the_reminder_is_recorded(&app, &workers, &id, changed).await;
        settle(&mut workers).await;
        assert_eq!(reminders(&workers).len(), 1, "{change}");
        assert_eq!(describe(&app, &id).await.get("reminded").is_some(), change != "resend", "{change}");
        let mut types = workers.event_types();
        types.sort();
        let expected: &[&str] = match change {
            "revoke" => &["created", "delivered", "reminded", "revoked"],
            "accept" => &["accepted", "created", "delivered", "reminded"],
            _ => &["created", "delivered", "resent"],
        };
        assert_eq!(types, expected);
    }
}

#[tokio::test]
async fn nobody_is_reminded_right_after_an_email_that_was_late() {
    let (app, mut workers) = start().await;
    workers.inbox.answer_with(|_| Behaviour::Error { status: 503, code: "ServiceUnavailable" });
    app.invite(EMAIL).await;
    workers.deliver().await;
    app.advance(WAIT);
    workers.inbox.answer_with(|_| Behaviour::Accept);
    settle(&mut workers).await;
    assert!(!is_ever_reminded(&app, &mut workers).await);
    assert_eq!(workers.inbox.emails().len(), 1, "the invitation itself was late");
}

#[tokio::test]
async fn a_reminder_waits_while_the_accounts_settings_cannot_be_read() {
    let (app, mut workers) = start().await;
    let (id, _) = delivered(&app, &mut workers).await;
    app.advance(WAIT);
    // The invitation is read before.
    app.faults.next([Fault::None, Fault::Error(400, "AccessDeniedException")]);
    process_due(&workers.courier, &key(&id)).await.unwrap();
    assert_eq!(reminders(&workers).len(), 0);
    app.advance(LATER);
    settle(&mut workers).await;
    assert_eq!(reminders(&workers).len(), 1);
}
