//! `If-Match` under concurrency and faults: what was compared is what is changed.

use std::time::Duration;

use support::{
    Call, Response, TestApp, Workers,
    faults::{
        Barrier,
        Fault::{self, ErrorAfterwards, Held, LateConflict, ReplyLost},
    },
};

use crate::{
    common::{assert_consistent, charged, counts, describe, error, number, processes, purge, race, resend, stored, text},
    idempotency::replay_of,
};

const MINUTE: Duration = Duration::from_secs(60);
const EMAIL: &str = "ann@example.com";

fn changed() -> serde_json::Value {
    let message = "the invitation has changed: its entity tag is not among those of If-Match, where weak tags never match; describe it \
                   and decide again";
    error("changed", None, message)
}

/// A new invitation after its cooldown: its ID and its tag.
async fn invited(app: &TestApp, email: &str) -> (String, String) {
    let created = app.send(Call::create(email, "full-access").key(&app.full)).await.expect(201);
    app.advance(MINUTE);
    (created.str("id"), tag_of(&created))
}

#[track_caller]
fn tag_of(response: &Response) -> String {
    response.header("etag").expect("a tag").to_owned()
}

async fn current(app: &TestApp, id: &str) -> String {
    tag_of(&app.send(Call::get(&format!("/invitations/{id}")).key(&app.full)).await.expect(200))
}

#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_changes_with_one_tag_one_succeeds_and_the_others_are_412() {
    // Without a cooldown, so that only the tag prevents a second resend.
    let app = TestApp::with(&[("RESEND_COOLDOWN_SECONDS", "0"), ("SEND_QUOTA", "10000")]).await;
    let processes = processes(&app, 4);
    let mut revoked = 0;
    for round in 0..24 {
        let (id, tag) = invited(&app, &format!("user-{round}@example.com")).await;
        let calls = [Call::set_state(&id, "revoked"), resend(&id), resend(&id), resend(&id)];
        let calls = calls.into_iter().cycle().skip(round % 4).take(if round % 2 == 0 { 2 } else { 4 });
        let responses = race(&processes, calls.map(|call| call.key(&app.full).header("if-match", &tag))).await;

        let (won, lost): (Vec<_>, Vec<_>) = responses.iter().partition(|response| response.status == 200);
        assert_eq!(won.len(), 1, "{responses:?}");
        assert_eq!((won[0].json(), tag_of(won[0])), (describe(&app, &id).await, current(&app, &id).await));
        for response in lost {
            assert_eq!((response.status, response.json()), (412, changed()));
        }
        assert_eq!(number(&stored(&app, &id).await, "rev"), 2);
        revoked += usize::from(text(&stored(&app, &id).await, "st") == "revoked");
        assert_consistent(&app).await;
    }
    assert!((1..24).contains(&revoked), "the race has two outcomes: {revoked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_revocations_with_one_tag_all_succeed_because_one_is_enough() {
    let app = TestApp::start().await;
    let processes = processes(&app, 4);
    for round in 0..8 {
        let (id, tag) = invited(&app, &format!("user-{round}@example.com")).await;
        let call = Call::set_state(&id, "revoked").key(&app.full).header("if-match", &tag);
        let responses = race(&processes, std::iter::repeat_n(call, 8)).await;
        let end = describe(&app, &id).await;
        for response in responses {
            assert_eq!((response.status, response.json()), (200, end.clone()));
        }
        assert_eq!(number(&stored(&app, &id).await, "rev"), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_with_one_key_and_one_tag_are_one_change_and_its_replays() {
    let app = TestApp::start().await;
    let processes = processes(&app, 4);
    for round in 0..8 {
        let (id, tag) = invited(&app, &format!("user-{round}@example.com")).await;
        let call = resend(&id).key(&app.full).header("if-match", &tag).header("idempotency-key", &format!("key-{round}"));
        let responses = race(&processes, std::iter::repeat_n(call, 12)).await;
        let first = responses.iter().find(|it| it.header("idempotent-replayed").is_none()).expect("one is not a replay");
        assert_eq!((first.status, first.json()), (200, describe(&app, &id).await));
        assert_eq!(responses.iter().filter(|response| **response == replay_of(first)).count(), 11, "{responses:?}");
        assert_consistent(&app).await;
    }
}

/// An operation that finds its own commit has changed the tag itself.
#[tokio::test]
async fn a_change_whose_reply_is_lost_succeeds_although_it_changed_the_tag() {
    let losses = [
        vec![ReplyLost],
        vec![ErrorAfterwards, ReplyLost],
        // The SDK gives up, and the service reads back.
        vec![ReplyLost; 3],
        // A conflict is reported for what was committed, and the service sends it again.
        vec![Fault::ConflictAfterwards],
        vec![Fault::ConflictAfterwards, ReplyLost],
    ];
    for (n, faults) in losses.into_iter().enumerate() {
        for (m, keyed) in [false, true].into_iter().enumerate() {
            for state in [None, Some("revoked")] {
                let app = TestApp::start().await;
                let (id, tag) = invited(&app, EMAIL).await;
                let call = state.map_or_else(|| resend(&id), |state| Call::set_state(&id, state));
                let call = call.key(&app.full).header("if-match", &tag);
                let call = if keyed { call.header("idempotency-key", &format!("key-{n}-{m}")) } else { call };
                app.faults.transactions(faults.clone());
                let response = app.send(call.clone()).await.expect(200);
                assert_eq!((app.faults.left(), response.header("idempotent-replayed")), (0, None));
                assert_eq!(response.json(), describe(&app, &id).await);
                assert_eq!(tag_of(&response), current(&app, &id).await);
                assert_eq!(number(&stored(&app, &id).await, "rev"), 2);
                // The caller's own retry, after its connection was lost, too.
                let again = app.send(call).await;
                match (keyed, state) {
                    (true, _) => assert_eq!(again, replay_of(&response)),
                    (false, Some(_)) => assert_eq!(again, response, "it is revoked already"),
                    (false, None) => assert_eq!((again.status, again.json()), (412, changed()), "it is not sent twice"),
                }
                assert_consistent(&app).await;
            }
        }
    }
}

#[tokio::test]
async fn a_change_that_finds_its_own_commit_after_others_have_changed_more_succeeds() {
    let app = TestApp::start().await;
    let (id, tag) = invited(&app, EMAIL).await;
    let mut seen = None;
    let barrier = Barrier::default();
    let call = resend(&id).key(&app.full).header("if-match", &tag);
    let response = meanwhile(&app, call, LateConflict(barrier.clone()), &barrier, async || {
        seen = Some(describe(&app, &id).await);
        app.send(Call::set_state(&id, "revoked").key(&app.full)).await.expect(200);
    })
    .await
    .expect(200);
    assert_eq!(Some(response.json()), seen, "as at its own sending");
    assert_eq!((charged(&app).await, number(&stored(&app, &id).await, "sends")), (2, 2));
    assert_consistent(&app).await;
}

/// Sends `call`, whose transaction waits at the barrier while `other` runs.
async fn meanwhile(app: &TestApp, call: Call, fault: Fault, barrier: &Barrier, other: impl AsyncFnOnce()) -> Response {
    app.faults.transactions([fault]);
    let second = app.another(&[]);
    let (response, ()) = tokio::join!(second.send(call), async {
        barrier.arrived().await;
        other().await;
        barrier.open();
    });
    assert_eq!(app.faults.left(), 0);
    response
}

/// Sends `call`, whose transaction is delayed until `other` is done.
async fn overtaken(app: &TestApp, call: Call, other: impl AsyncFnOnce()) -> Response {
    let barrier = Barrier::default();
    meanwhile(app, call, Held(barrier.clone(), Box::new(Fault::None)), &barrier, other).await
}

#[tokio::test]
async fn a_resend_that_a_delivery_report_overtakes_is_a_412_and_sends_nothing() {
    for keyed in [false, true] {
        let app = TestApp::start().await;
        let mut workers = Workers::of(&app).await;
        let (id, _) = invited(&app, EMAIL).await;
        workers.deliver().await;
        let call = resend(&id).key(&app.full).header("if-match", &current(&app, &id).await);
        let call = if keyed { call.header("idempotency-key", "key") } else { call };
        let refused = overtaken(&app, call, async || workers.report(&workers.last_email(EMAIL)).await).await;
        assert_eq!((refused.status, refused.json()), (412, changed()));
        assert_eq!(describe(&app, &id).await["delivery"]["state"], "delivered");
        assert_eq!((charged(&app).await, counts(&app).await), (1, [1, 1, 0]));
        workers.deliver().await;
        assert_eq!(workers.inbox.emails().len(), 1);
    }
}

/// A fresh comparison, not the revision, decides: the service's own data is not shown.
#[tokio::test]
async fn a_resend_that_the_publication_of_an_event_overtakes_succeeds() {
    let app = TestApp::start().await;
    let mut workers = Workers::of(&app).await;
    let (id, _) = invited(&app, EMAIL).await;
    workers.deliver().await;
    workers.report(&workers.last_email(EMAIL)).await;
    let (tag, revision) = (current(&app, &id).await, number(&stored(&app, &id).await, "rev"));
    let call = resend(&id).key(&app.full).header("if-match", &tag);
    let sent = overtaken(&app, call, async || {
        workers.deliver().await;
        assert_eq!(number(&stored(&app, &id).await, "rev"), revision + 1, "its event was published");
    })
    .await
    .expect(200);
    assert_eq!((sent.json(), number(&stored(&app, &id).await, "rev")), (describe(&app, &id).await, revision + 2));
}

#[tokio::test]
async fn a_change_that_an_erasure_overtakes_is_a_404() {
    let app = TestApp::start().await;
    for (n, any) in [false, true].into_iter().enumerate() {
        let (id, tag) = invited(&app, &format!("user-{n}@example.com")).await;
        let call = resend(&id).key(&app.full).header("if-match", if any { "*" } else { &tag });
        overtaken(&app, call, async || purge(&app, &id).await).await.expect_error(404, "not-found");
    }
}
