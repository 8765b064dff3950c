//! An operation finds its own effect: it committed, but the function does not know that and retries.
//!
//! Without the ids of applied operations in the row, each of these requests would conflict with itself.

use std::time::Duration;

use serde_json::json;
use support::{
    ACCOUNT, Call, Response, TestApp,
    faults::{
        Barrier,
        Fault::{self, Held, LateConflict, ReplyLost},
    },
};

use crate::common::{assert_consistent, charged, counts, describe, number, resend, stored};

const MINUTE: Duration = Duration::from_secs(60);

async fn invited(app: &TestApp, email: &str) -> String {
    app.invite(email).await["id"].as_str().expect("an id").to_owned()
}

/// The same call, without and with an Idempotency-Key.
fn without_and_with_key(call: &Call, key: &str) -> [Call; 2] {
    [call.clone(), call.clone().header("idempotency-key", key)]
}

/// Why an operation does not know that its transaction succeeded.
#[derive(Clone, Copy)]
enum Unknown {
    /// A conflict is reported: the operation retries.
    Conflict,
    /// All replies to the SDK are lost: the operation reads back.
    NoReply,
}

const UNKNOWN: [Unknown; 2] = [Unknown::Conflict, Unknown::NoReply];

/// Sends `call`. Its first transaction, after `reads` reads, stays `unknown`; `meanwhile` runs before the retry.
async fn interrupted(app: &TestApp, call: Call, reads: usize, unknown: Unknown, meanwhile: impl AsyncFnOnce()) -> Response {
    let barrier = Barrier::default();
    let second = app.another(&[]);
    second.warm(&app.full).await;
    let faults = match unknown {
        Unknown::Conflict => vec![LateConflict(barrier.clone())],
        Unknown::NoReply => vec![ReplyLost, ReplyLost, ReplyLost, Held(barrier.clone(), Box::new(Fault::None))],
    };
    app.faults.next(vec![Fault::None; reads].into_iter().chain(faults));
    let (response, ()) = tokio::join!(second.send(call), async {
        barrier.arrived().await;
        meanwhile().await;
        barrier.open();
    });
    assert_eq!(app.faults.left(), 0);
    assert_eq!(response.header("idempotent-replayed"), None, "it is not a replay");
    response
}

#[tokio::test]
async fn a_create_that_finds_its_own_effect_is_a_201() {
    let app = TestApp::start().await;
    let mut made = 0;
    for unknown in UNKNOWN {
        for call in without_and_with_key(&Call::create("ann@example.com", "full-access").key(&app.full), &format!("key-{made}")) {
            made += 1;
            let created = interrupted(&app, call, 0, unknown, async || {}).await.expect(201);
            let id = created.str("id");
            assert_eq!(created.json(), describe(&app, &id).await);
            assert_consistent(&app).await;
            app.send(Call::set_state(&id, "revoked").key(&app.full)).await.expect(200);
        }
    }
    assert_eq!((counts(&app).await, charged(&app).await), ([made, 0, 2], 4));
}

#[tokio::test]
async fn a_create_that_is_revoked_before_its_retry_still_succeeds() {
    let app = TestApp::start().await;
    for (n, unknown) in UNKNOWN.into_iter().enumerate() {
        for call in without_and_with_key(&Call::create("ann@example.com", "full-access").key(&app.full), &format!("key-{}", n)) {
            let mut seen = None;
            let created = interrupted(&app, call, 0, unknown, async || {
                let open = app.send(Call::get("/invitations?state=invited").key(&app.full)).await.expect(200).json();
                let made = open["invitations"][0].clone();
                // Time passes, too: the response still has the time of the creation.
                app.advance(Duration::from_secs(5));
                app.send(Call::set_state(made["id"].as_str().expect("an id"), "revoked").key(&app.full)).await.expect(200);
                seen = Some(made);
            })
            .await
            .expect(201);
            assert_eq!(Some(created.json()), seen, "as stored at its creation");
            assert_eq!(describe(&app, &created.str("id")).await["state"], "revoked");
        }
    }
    assert_eq!((counts(&app).await, charged(&app).await), ([4, 0, 2], 4));
    assert_consistent(&app).await;
}

#[tokio::test]
async fn a_create_whose_expiry_is_too_near_at_its_retry_still_succeeds() {
    let app = TestApp::start().await;
    for (n, unknown) in UNKNOWN.into_iter().enumerate() {
        let hour = app.now().plus(Duration::from_secs(3600)).to_string();
        let body = json!({ "email": format!("user-{n}@example.com"), "roleID": "full-access", "expiry": hour });
        let call = Call::post("/invitations").json(&body).key(&app.full);
        let created = interrupted(&app, call, 0, unknown, async || app.advance(Duration::from_secs(5))).await.expect(201);
        assert_eq!((created.json(), created.str("expiry")), (describe(&app, &created.str("id")).await, hour));
    }
    assert_eq!((counts(&app).await, charged(&app).await), ([2, 2, 0], 2));
    assert_consistent(&app).await;
}

#[tokio::test]
async fn a_create_whose_address_is_taken_before_its_retry_returns_its_own_invitation() {
    let app = TestApp::start().await;
    for (n, unknown) in UNKNOWN.into_iter().enumerate() {
        for call in without_and_with_key(&Call::create("ann@example.com", "full-access").key(&app.full), &format!("key-{}", n)) {
            let mut ids = Vec::new();
            let created = interrupted(&app, call, 0, unknown, async || {
                let open = app.send(Call::get("/invitations?state=invited").key(&app.full)).await.expect(200).json();
                ids.push(open["invitations"][0]["id"].as_str().expect("an id").to_owned());
                app.send(Call::set_state(&ids[0], "revoked").key(&app.full)).await.expect(200);
                ids.push(invited(&app, "ann@example.com").await);
            })
            .await
            .expect(201);
            assert_eq!((created.str("id"), created.str("state").as_str()), (ids[0].clone(), "invited"));
            assert_consistent(&app).await;
            app.send(Call::set_state(&ids[1], "revoked").key(&app.full)).await.expect(200);
        }
    }
    assert_eq!((counts(&app).await, charged(&app).await), ([8, 0, 2], 8));
}

#[tokio::test]
async fn a_resend_that_finds_its_own_effect_is_a_200_and_not_a_429() {
    let app = TestApp::start().await;
    for (n, unknown) in UNKNOWN.into_iter().enumerate() {
        let id = invited(&app, &format!("user-{n}@example.com")).await;
        for (sends, call) in (2..).zip(without_and_with_key(&resend(&id).key(&app.full), &format!("key-{n}"))) {
            app.advance(MINUTE);
            let sent = interrupted(&app, call, 1, unknown, async || {}).await.expect(200);
            assert_eq!((sent.json(), sent.str("lastSent")), (describe(&app, &id).await, app.now().to_string()));
            assert_eq!(number(&stored(&app, &id).await, "sends"), sends);
        }
    }
    assert_eq!(charged(&app).await, 6);
    assert_consistent(&app).await;
}

#[tokio::test]
async fn a_resend_that_is_revoked_before_its_retry_still_succeeds() {
    let app = TestApp::start().await;
    for (n, unknown) in UNKNOWN.into_iter().enumerate() {
        for call in [false, true] {
            let id = invited(&app, &format!("user-{n}@example.com")).await;
            app.advance(MINUTE);
            let [plain, keyed] = without_and_with_key(&resend(&id).key(&app.full), &format!("key-{n}"));
            let mut seen = None;
            let sent = interrupted(&app, if call { keyed } else { plain }, 1, unknown, async || {
                seen = Some(describe(&app, &id).await);
                app.advance(Duration::from_secs(5));
                app.send(Call::set_state(&id, "revoked").key(&app.full)).await.expect(200);
            })
            .await
            .expect(200);
            assert_eq!(Some(sent.json()), seen, "as stored at its sending");
            assert_eq!(describe(&app, &id).await["state"], "revoked");
        }
    }
    assert_eq!((counts(&app).await, charged(&app).await), ([4, 0, 2], 8));
    assert_consistent(&app).await;
}

/// The last applied operation alone would not be enough: it belongs to another request.
#[tokio::test]
async fn a_resend_recognises_itself_after_later_resends() {
    let app = TestApp::with(&[("RESEND_COOLDOWN_SECONDS", "0")]).await;
    for (n, unknown) in UNKNOWN.into_iter().enumerate() {
        let id = invited(&app, &format!("user-{n}@example.com")).await;
        let [plain, keyed] = without_and_with_key(&resend(&id).key(&app.full), &format!("key-{n}"));
        for (call, sends) in [(plain, 4), (keyed, 7)] {
            let mut seen = None;
            let sent = interrupted(&app, call, 1, unknown, async || {
                seen = Some(describe(&app, &id).await);
                for _ in 0..2 {
                    app.send(resend(&id).key(&app.full)).await.expect(200);
                }
            })
            .await
            .expect(200);
            assert_eq!(Some(sent.json()), seen);
            assert_eq!(number(&stored(&app, &id).await, "sends"), sends, "it was not sent again");
        }
    }
    assert_consistent(&app).await;
}

#[tokio::test]
async fn a_revocation_that_finds_its_own_effect_succeeds() {
    let app = TestApp::start().await;
    for (n, unknown) in UNKNOWN.into_iter().enumerate() {
        for keyed in [false, true] {
            let id = invited(&app, "ann@example.com").await;
            let call =
                without_and_with_key(&Call::set_state(&id, "revoked").key(&app.full), &format!("key-{n}"))[usize::from(keyed)].clone();
            let revoked = interrupted(&app, call, 1, unknown, async || {
                app.advance(Duration::from_secs(5));
                // Another revocation changes nothing, and the address can be invited again.
                app.send(Call::set_state(&id, "revoked").key(&app.full)).await.expect(200);
                let other = invited(&app, "ann@example.com").await;
                app.send(Call::set_state(&other, "revoked").key(&app.full)).await.expect(200);
            })
            .await
            .expect(200);
            assert_eq!((revoked.json(), revoked.str("state").as_str()), (describe(&app, &id).await, "revoked"));
            assert_eq!(number(&stored(&app, &id).await, "rev"), 2);
        }
    }
    assert_eq!((counts(&app).await, charged(&app).await), ([8, 0, 2], 8));
    assert_consistent(&app).await;
}

/// The stored response is the one that the caller got, even if the operation had to find its own effect.
#[tokio::test]
async fn the_response_after_a_late_success_is_the_stored_one() {
    let app = TestApp::start().await;
    for (n, unknown) in UNKNOWN.into_iter().enumerate() {
        let create =
            Call::create(&format!("user-{n}@example.com"), "full-access").key(&app.full).header("idempotency-key", &format!("c-{n}"));
        let created = interrupted(&app, create.clone(), 0, unknown, async || app.advance(Duration::from_secs(5))).await.expect(201);
        assert_eq!(app.send(create).await.text, created.text);
        let id = created.str("id");
        app.advance(MINUTE);
        let call = resend(&id).key(&app.full).header("idempotency-key", &format!("r-{n}"));
        let sent = interrupted(&app, call.clone(), 1, unknown, async || app.advance(Duration::from_secs(5))).await.expect(200);
        assert_eq!(app.send(call).await.text, sent.text);
        assert_eq!(sent.json(), describe(&app, &id).await);
    }
    assert_eq!(app.rows_of(ACCOUNT, "K#").await.len(), 4);
    assert_consistent(&app).await;
}

/// A request without a change leaves no trace but the stored response.
#[tokio::test]
async fn a_response_without_a_change_that_finds_itself_stored_is_not_a_replay() {
    let app = TestApp::start().await;
    for (n, unknown) in UNKNOWN.into_iter().enumerate() {
        let id = invited(&app, &format!("user-{n}@example.com")).await;
        let call = Call::set_state(&id, "invited").key(&app.full).header("idempotency-key", &format!("key-{n}"));
        let first = interrupted(&app, call.clone(), 1, unknown, async || {}).await.expect(200);
        let again = app.send(call).await.expect(200);
        assert_eq!((again.header("idempotent-replayed"), &again.text), (Some("true"), &first.text));
    }
    assert_consistent(&app).await;
}

#[tokio::test]
async fn a_write_before_the_expiry_is_returned_as_it_was_even_when_read_back_later() {
    let app = TestApp::start().await;
    for (n, unknown) in UNKNOWN.into_iter().enumerate() {
        let week = async || app.advance(Duration::from_secs(7 * 86_400));
        let call = Call::create(&format!("user-{n}@example.com"), "full-access").key(&app.full);
        let created = interrupted(&app, call, 0, unknown, week).await.expect(201);
        assert_eq!(created.str("state"), "invited");
        let id = created.str("id");
        let sent = interrupted(&app, resend(&id).key(&app.full), 1, unknown, week).await.expect(200);
        assert_eq!(sent.str("state"), "invited");
        assert_eq!(describe(&app, &id).await["state"], "expired");
    }
}

#[tokio::test]
async fn a_resend_followed_by_another_returns_its_own_time() {
    let app = TestApp::start().await;
    for (n, unknown) in UNKNOWN.into_iter().enumerate() {
        let id = invited(&app, &format!("user-{n}@example.com")).await;
        app.advance(MINUTE);
        let mut seen = None;
        let sent = interrupted(&app, resend(&id).key(&app.full), 1, unknown, async || {
            seen = Some(describe(&app, &id).await);
            app.advance(MINUTE);
            app.send(resend(&id).key(&app.full)).await.expect(200);
        })
        .await
        .expect(200);
        assert_eq!(Some(sent.json()), seen, "as at its own sending");
    }
    assert_consistent(&app).await;
}
