//! The handling of each error of SES.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use local::ses::Behaviour;
use serde_json::json;
use shared::{
    domain::courier::{LEASE, MARGIN},
    store::InvitationKey,
};
use support::{
    TestApp, Workers,
    workers::{process_due, token},
};

use crate::helpers::{EMAIL, LATER, describe, id, resend, start, use_link};

/// Lets SES always give this answer. Returns the number of calls.
fn answer_always(workers: &Workers, answer: Behaviour) -> Arc<AtomicUsize> {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    workers.inbox.answer_with(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        answer
    });
    calls
}

async fn reconcile_after(app: &TestApp, workers: &Workers, wait: Duration) {
    app.advance(wait);
    workers.reconcile().await;
}

#[tokio::test]
async fn an_email_that_ses_rejects_for_good_has_failed() {
    for code in ["MessageRejected", "BadRequestException"] {
        let (app, mut workers) = start().await;
        let calls = answer_always(&workers, Behaviour::Error { status: 400, code });
        let id = id(&app.invite(EMAIL).await);
        workers.deliver().await;
        let delivery = describe(&app, &id).await["delivery"].clone();
        let reason = code.trim_end_matches("Exception");
        assert_eq!(delivery, json!({ "state": "failed", "time": app.now().to_string(), "reason": reason }));
        reconcile_after(&app, &workers, Duration::from_secs(86_400)).await;
        assert_eq!(calls.load(Ordering::SeqCst), 1, "{code}");
        workers.deliver().await;
        assert_eq!(workers.event_types(), ["created", "failed"]);
        // The account may resend.
        workers.inbox.answer_with(|_| Behaviour::Accept);
        resend(&app, &id).await.expect(200);
        workers.deliver().await;
        assert_eq!(workers.inbox.emails().len(), 1);
    }
}

#[tokio::test]
async fn after_a_temporary_error_the_reconciler_retries_until_the_email_arrives() {
    for (status, code) in [
        (400, "MailFromDomainNotVerifiedException"),
        (404, "NotFoundException"),
        (403, "AccessDeniedException"),
        (500, "InternalFailure"),
        (503, "ServiceUnavailable"),
        (400, "SomethingNew"),
    ] {
        let (app, mut workers) = start().await;
        let calls = answer_always(&workers, Behaviour::Error { status, code });
        let id = id(&app.invite(EMAIL).await);
        workers.deliver().await;
        workers.deliver().await;
        workers.reconcile().await;
        assert_eq!(calls.load(Ordering::SeqCst), 1, "{code}: one attempt, then a pause");
        assert_eq!(describe(&app, &id).await.get("delivery"), None);
        reconcile_after(&app, &workers, LATER).await;
        assert_eq!(calls.load(Ordering::SeqCst), 2, "{code}");
        workers.inbox.answer_with(|_| Behaviour::Accept);
        reconcile_after(&app, &workers, LATER).await;
        assert_eq!(describe(&app, &id).await["delivery"]["state"], "sent", "{code}");
        use_link(&app, "lookup", &workers.last_token(EMAIL)).await.expect(200);
    }
}

#[tokio::test]
async fn emails_wait_while_the_sender_is_not_verified() {
    let (app, mut workers) = start().await;
    app.manage_settings(&json!({ "action": "set", "account": support::ACCOUNT, "name": "Example" })).await;
    let calls = answer_always(&workers, Behaviour::SenderNotVerified);
    let id = id(&app.invite(EMAIL).await);
    workers.deliver().await;
    reconcile_after(&app, &workers, LATER).await;
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    assert_eq!(describe(&app, &id).await.get("delivery"), None);
    workers.inbox.answer_with(|_| Behaviour::Accept);
    reconcile_after(&app, &workers, LATER).await;
    assert_eq!(describe(&app, &id).await["delivery"]["state"], "sent");
}

#[tokio::test]
async fn emails_throttled_by_ses_are_all_sent_at_the_rate_it_allows() {
    let (app, mut workers) = start().await;
    let (mut second, mut taken) = (Instant::now(), 0);
    workers.inbox.answer_with(move |_| {
        if second.elapsed() >= Duration::from_secs(1) {
            (second, taken) = (Instant::now(), 0);
        }
        taken += 1;
        let code = if taken % 2 == 0 { "TooManyRequestsException" } else { "ThrottlingException" };
        if taken <= 5 { Behaviour::Accept } else { Behaviour::Error { status: 429, code } }
    });
    // Five windows of SES's limit.
    for number in 0..25 {
        app.invite(&format!("user.{number}@example.com")).await;
    }
    workers.deliver().await;
    for _ in 0..5 {
        reconcile_after(&app, &workers, LATER).await;
    }
    assert_eq!(workers.inbox.emails().len(), 25);
}

#[tokio::test]
async fn a_throttled_email_is_postponed_if_another_one_is_retried_for_too_long() {
    let (app, workers) = start().await;
    // All are throttled at first. Then the first retry hangs until the SDK times out.
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    workers.inbox.answer_with(move |_| match counter.fetch_add(1, Ordering::SeqCst) {
        0..3 => Behaviour::Error { status: 429, code: "TooManyRequestsException" },
        _ => Behaviour::Hang,
    });
    let mut keys = Vec::new();
    for number in 0..3 {
        let id = id(&app.invite(&format!("user.{number}@example.com")).await).parse().expect("an id");
        keys.push(InvitationKey { account: support::ACCOUNT.parse().expect("an account"), id });
    }
    join_all(keys.iter().map(|key| process_due(&workers.courier, key)))
        .await
        .into_iter()
        .for_each(|result| result.expect("the table works"));
    assert_eq!(calls.load(Ordering::SeqCst), 4, "the others did not wait until the retry had ended");
    // They are due after the pause for throttled emails; the one that may have been sent is due at the end of its claim.
    workers.inbox.answer_with(|_| Behaviour::Accept);
    reconcile_after(&app, &workers, Duration::from_secs(31)).await;
    assert_eq!(workers.inbox.emails().len(), 2);
    reconcile_after(&app, &workers, LEASE).await;
    assert_eq!(workers.inbox.emails().len(), 3);
}

#[tokio::test]
async fn pauses_grow_from_attempt_to_attempt() {
    for (status, code) in [(503, "ServiceUnavailable"), (404, "NotFoundException")] {
        let (app, mut workers) = start().await;
        let calls = answer_always(&workers, Behaviour::Error { status, code });
        app.invite(EMAIL).await;
        workers.deliver().await;
        // Seven pauses of little more than an hour in all, then pauses of one hour: six hours, at first minute by minute.
        for (minutes, rounds) in [(1, 90), (10, 27)] {
            for _ in 0..rounds {
                reconcile_after(&app, &workers, Duration::from_secs(minutes * 60)).await;
            }
        }
        let tries = calls.load(Ordering::SeqCst);
        assert!((12..=14).contains(&tries), "{code}: {tries} attempts");
    }
}

#[tokio::test]
async fn while_sending_is_paused_no_email_is_tried_and_then_all_are_sent() {
    let error = |code| Behaviour::Error { status: 400, code };
    for answer in [
        error("SendingPausedException"),
        error("AccountSuspendedException"),
        // An exhausted daily quota has the same effect, with either error.
        error("LimitExceededException"),
        Behaviour::QuotaUsedUp,
    ] {
        let (app, mut workers) = start().await;
        let calls = answer_always(&workers, answer);
        // More than a courier sends at once.
        for number in 0..12 {
            app.invite(&format!("user.{number}@example.com")).await;
        }
        workers.deliver().await;
        // Only those that were in progress at the first error.
        assert!(calls.load(Ordering::SeqCst) <= 8, "{}", calls.load(Ordering::SeqCst));
        let before = calls.load(Ordering::SeqCst);
        reconcile_after(&app, &workers, Duration::from_secs(60)).await;
        assert_eq!(calls.load(Ordering::SeqCst), before, "{answer:?}: the circuit is open");
        workers.inbox.answer_with(|_| Behaviour::Accept);
        reconcile_after(&app, &workers, Duration::from_secs(300)).await;
        reconcile_after(&app, &workers, Duration::from_secs(300)).await;
        assert_eq!(workers.inbox.emails().len(), 12, "{answer:?}");
    }
}

#[tokio::test]
async fn when_the_reply_of_ses_is_lost_the_second_copy_has_the_same_working_link() {
    let (app, mut workers) = start().await;
    let mut first = true;
    workers.inbox.answer_with(move |_| if std::mem::take(&mut first) { Behaviour::AcceptAndDrop } else { Behaviour::Accept });
    app.invite(EMAIL).await;
    workers.deliver().await;
    assert_eq!(workers.inbox.emails().len(), 1);
    reconcile_after(&app, &workers, LEASE - Duration::from_secs(1)).await;
    assert_eq!(workers.inbox.emails().len(), 1, "until then SES may report about the first");
    reconcile_after(&app, &workers, Duration::from_secs(1)).await;
    let tokens: Vec<String> = workers.inbox.emails().iter().map(token).collect();
    assert_eq!(tokens.len(), 2);
    assert_eq!(tokens[0], tokens[1]);
    use_link(&app, "accept", &tokens[0]).await.expect(200);
    reconcile_after(&app, &workers, LATER).await;
    assert_eq!(workers.inbox.emails().len(), 2);
}

#[tokio::test]
async fn an_email_that_cannot_be_sent_before_the_expiry_has_failed() {
    let (app, mut workers) = start().await;
    let calls = answer_always(&workers, Behaviour::Error { status: 503, code: "ServiceUnavailable" });
    let id = id(&app.invite(EMAIL).await);
    workers.deliver().await;
    reconcile_after(&app, &workers, crate::helpers::LIFETIME + MARGIN).await;
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert_eq!(describe(&app, &id).await["delivery"]["state"], "failed");
    assert_eq!(workers.event_types(), ["created", "expired"]);
}
