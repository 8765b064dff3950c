//! One key, one effect, one response: revoke, resend, and requests without a change.

use std::{iter::repeat_n, time::Duration};

use serde_json::json;
use support::{ACCOUNT, Call, TestApp};

use crate::{
    common::{
        already_revoked, assert_consistent, charged, cooldown, counts, describe, key_reused, number, processes, race, resend, stored,
    },
    idempotency::replay_of,
};

const MINUTE: Duration = Duration::from_secs(60);

async fn invited(app: &TestApp, email: &str) -> String {
    app.invite(email).await["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_repeated_revocation_returns_the_first_response() {
    let app = TestApp::start().await;
    let id = invited(&app, "ann@example.com").await;
    let call = Call::set_state(&id, "revoked").key(&app.full).header("idempotency-key", "k");
    let first = app.send(call.clone()).await.expect(200);
    assert_eq!((first.json(), first.header("idempotent-replayed")), (describe(&app, &id).await, None));
    app.advance(MINUTE);
    assert_eq!(app.send(call).await, replay_of(&first));
    assert_eq!(number(&stored(&app, &id).await, "rev"), 2);
    assert_eq!((counts(&app).await, charged(&app).await), ([1, 0, 1], 1));
}

#[tokio::test]
async fn a_repeated_resend_returns_the_first_response_within_the_cooldown_and_after_it() {
    let app = TestApp::start().await;
    let id = invited(&app, "ann@example.com").await;
    app.advance(MINUTE);
    let call = resend(&id).key(&app.full).header("idempotency-key", "k");
    let first = app.send(call.clone()).await.expect(200);
    assert_eq!((first.json(), first.str("lastSent")), (describe(&app, &id).await, app.now().to_string()));

    assert_eq!(app.send(call.clone()).await, replay_of(&first), "at once");
    app.advance(Duration::from_secs(59));
    assert_eq!(app.send(call.clone()).await, replay_of(&first), "within the cooldown");
    let refused = app.send(resend(&id).key(&app.full)).await.expect(429);
    assert_eq!((refused.json(), refused.header("retry-after")), (cooldown(1), Some("1")));
    app.advance(2 * MINUTE);
    assert_eq!(app.send(call.clone()).await, replay_of(&first), "after the cooldown");
    app.send(Call::set_state(&id, "revoked").key(&app.full)).await.expect(200);
    assert_eq!(app.send(call.clone()).await, replay_of(&first), "after the revocation");
    assert_eq!((counts(&app).await, charged(&app).await), ([1, 0, 1], 2));

    // To the millisecond, although a new request would be refused by now.
    app.advance(Duration::from_secs(24 * 3600 - 59 - 120) - Duration::from_millis(1));
    assert_eq!(app.send(call.clone()).await, replay_of(&first));
    app.advance(Duration::from_millis(1));
    assert_eq!(app.send(call).await.expect(400).json(), already_revoked());
    assert_eq!(number(&stored(&app, &id).await, "sends"), 2);
}

#[tokio::test]
async fn the_response_to_a_request_without_a_change_is_stored_like_any_success() {
    let app = TestApp::start().await;
    let id = invited(&app, "ann@example.com").await;
    let before = stored(&app, &id).await;
    let invite = Call::set_state(&id, "invited").key(&app.full).header("idempotency-key", "invite");
    let still_invited = app.send(invite.clone()).await.expect(200);
    assert_eq!(still_invited.json(), describe(&app, &id).await);
    assert_eq!(stored(&app, &id).await, before, "its row is unchanged");
    assert_eq!(app.send(invite.clone()).await, replay_of(&still_invited));

    app.send(Call::set_state(&id, "revoked").key(&app.full)).await.expect(200);
    let revoked = stored(&app, &id).await;
    app.advance(MINUTE);
    assert_eq!(app.send(invite).await, replay_of(&still_invited), "it was invited at the first request");
    let revoke = Call::set_state(&id, "revoked").key(&app.full).header("idempotency-key", "revoke");
    let still_revoked = app.send(revoke.clone()).await.expect(200);
    assert_eq!((still_revoked.json(), still_revoked.header("idempotent-replayed")), (describe(&app, &id).await, None));
    assert_eq!(app.send(revoke).await, replay_of(&still_revoked));
    assert_eq!(stored(&app, &id).await, revoked);
    assert_eq!((counts(&app).await, charged(&app).await), ([1, 0, 2], 1));
}

#[tokio::test]
async fn a_key_is_rejected_for_another_action_and_for_another_invitation() {
    let app = TestApp::start().await;
    let (ann, bob) = (invited(&app, "ann@example.com").await, invited(&app, "bob@example.com").await);
    app.advance(MINUTE);
    let first = app.send(resend(&ann).key(&app.full).header("idempotency-key", "k")).await.expect(200);
    let others = [Call::set_state(&ann, "revoked"), Call::set_state(&ann, "invited"), resend(&bob), Call::set_state(&bob, "revoked")];
    for call in others {
        let refused = app.send(call.key(&app.full).header("idempotency-key", "k")).await.expect(400);
        assert_eq!(refused.json(), key_reused());
    }
    let same = app.send(resend(&ann.to_lowercase()).text(" \n ").key(&app.full).header("idempotency-key", "\"k\"")).await;
    assert_eq!(same, replay_of(&first), "a lower-case id and a blank body make the same request");
    assert_eq!((counts(&app).await, charged(&app).await), ([2, 2, 1], 3));
    assert_consistent(&app).await;
}

#[tokio::test]
async fn the_same_key_of_a_colleague_or_another_account_is_independent() {
    let app = TestApp::start().await;
    let id = invited(&app, "ann@example.com").await;
    app.advance(MINUTE);
    let call = |key: &str| resend(&id).key(key).header("idempotency-key", "k");
    let first = app.send(call(&app.full)).await.expect(200);
    let colleague = app.new_key(ACCOUNT, "full-access").await;
    assert_eq!(app.send(call(&colleague)).await.expect(429).json(), cooldown(60));
    app.send(call(&app.other)).await.expect_error(404, "not-found");
    app.send(call(&app.read_only)).await.expect_error(403, "forbidden");
    assert_eq!(app.send(call(&app.full)).await, replay_of(&first));
    assert_eq!((counts(&app).await, charged(&app).await), ([1, 1, 1], 2));
}

#[tokio::test]
async fn a_rejected_modification_stores_no_response() {
    let app = TestApp::start().await;
    let id = invited(&app, "ann@example.com").await;
    let call = resend(&id).key(&app.full).header("idempotency-key", "k");
    assert_eq!(app.send(call.clone()).await.expect(429).json(), cooldown(60));
    assert_eq!(counts(&app).await, [1, 1, 0]);
    app.advance(MINUTE);
    let sent = app.send(call.clone()).await.expect(200);
    assert_eq!((sent.json(), sent.header("idempotent-replayed")), (describe(&app, &id).await, None));
    assert_eq!(app.send(call).await, replay_of(&sent));
    assert_consistent(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_with_one_key_have_one_effect_and_one_response() {
    let app = TestApp::start().await;
    let processes = processes(&app, 4);
    for (round, body) in [None, Some("invited"), Some("revoked"), None, Some("invited"), Some("revoked")].into_iter().enumerate() {
        let id = invited(&app, &format!("user-{round}@example.com")).await;
        app.advance(if round < 3 { MINUTE } else { Duration::from_secs(8 * 86_400) });
        let call = match body {
            None => resend(&id),
            Some(state) => Call::set_state(&id, state),
        };
        let call = call.key(&app.full).header("idempotency-key", &format!("key-{round}"));
        let responses = race(&processes, repeat_n(call, 30)).await;

        let first = responses.iter().find(|it| it.header("idempotent-replayed").is_none()).expect("one is not a replay");
        assert_eq!((first.status, first.json()), (200, describe(&app, &id).await));
        let replays = responses.iter().filter(|response| **response == replay_of(first)).count();
        assert_eq!(replays, 29, "{body:?}");
        let expected_state = if body == Some("revoked") { "revoked" } else { "invited" };
        assert_eq!(first.json()["state"], json!(expected_state));
        assert_eq!(counts(&app).await[2], round + 1);
        assert_consistent(&app).await;
    }
}
