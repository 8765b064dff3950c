//! A lost reply does not lose the effect: the caller gets a success, and there is one effect.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use support::{
    ACCOUNT, Call, Response, TestApp,
    faults::Fault::{self, ConnectionRefused, Error, ErrorAfterwards, ReplyLost},
};

use crate::{
    common::{already_invited, assert_consistent, charged, counts, describe, number, resend, stored, text},
    idempotency::replay_of,
};

/// The default roles, and whoever has full access may get links.
const ROLES: &str = r#"{ "full-access": { "can": ["invitations:read", "invitations:create", "invitations:modify", "invitations:link"],
    "mayGrant": ["*"] }, "read-only": { "can": ["invitations:read"], "mayGrant": [] } }"#;

/// Faults of the attempts of one transaction, which commits once; and whether the SDK gives up after them.
pub(crate) fn losses() -> Vec<(Vec<Fault>, bool)> {
    let in_progress = || Error(400, "TransactionInProgressException");
    vec![
        (vec![ReplyLost], false),
        (vec![ErrorAfterwards], false),
        (vec![ReplyLost, ErrorAfterwards], false),
        (vec![ConnectionRefused, ReplyLost], false),
        (vec![ReplyLost, in_progress()], false),
        (vec![ReplyLost, ReplyLost, ReplyLost], true),
        (vec![ErrorAfterwards, ErrorAfterwards, ErrorAfterwards], true),
        (vec![ConnectionRefused, ConnectionRefused, ReplyLost], true),
        (vec![ReplyLost, in_progress(), in_progress()], true),
    ]
}

async fn invited(app: &TestApp, email: &str) -> String {
    app.invite(email).await["id"].as_str().expect("an id").to_owned()
}

/// The number of transactions sent, which must all be identical, token included.
fn transactions(app: &TestApp) -> usize {
    let requests = app.faults.take_requests();
    let sent: Vec<Value> = requests.into_iter().filter(|(operation, _)| operation == "TransactWriteItems").map(|(_, body)| body).collect();
    assert!(sent[0]["ClientRequestToken"].is_string());
    assert!(sent.iter().all(|body| *body == sent[0]), "the attempts are identical");
    sent.len()
}

/// Sends the call of `prepare` with each of these faults, without and with an Idempotency-Key, each time to another table.
/// Returns each service with the response.
async fn lose(reads: usize, prepare: impl AsyncFn(&TestApp) -> Call) -> Vec<(TestApp, Response)> {
    let cases = losses().into_iter().flat_map(|loss| [(loss.clone(), false), (loss, true)]);
    join_all(cases.map(async |((faults, gives_up), keyed)| {
        let app = TestApp::with(&[("ROLES", ROLES)]).await;
        let mut call = prepare(&app).await.key(&app.full);
        if keyed {
            call = call.header("idempotency-key", "k");
        }
        app.warm(&app.full).await;
        let _ = app.faults.take_requests();
        app.faults.next(vec![Fault::None; reads].into_iter().chain(faults.clone()));
        let response = app.send(call.clone()).await;
        assert_eq!(app.faults.left(), 0);
        assert_eq!(transactions(&app), if gives_up { 3 } else { faults.len() + 1 });
        assert_eq!(response.header("idempotent-replayed"), None, "it is not a replay");
        if keyed {
            assert_eq!(app.send(call).await, replay_of(&response));
        }
        assert_eq!(counts(&app).await[2], usize::from(keyed));
        assert_consistent(&app).await;
        (app, response)
    }))
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_whose_reply_is_lost_succeeds() {
    for (app, created) in lose(0, async |_| Call::create("ann@example.com", "full-access")).await {
        let created = created.expect(201);
        let id = created.str("id");
        assert_eq!(created.json(), describe(&app, &id).await);
        assert_eq!(created.header("location"), Some(format!("/invitations/{id}").as_str()));
        assert_eq!((counts(&app).await[..2].to_vec(), charged(&app).await), (vec![1, 1], 1));
        assert_eq!(number(&stored(&app, &id).await, "rev"), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resend_whose_reply_is_lost_succeeds() {
    let prepare = async |app: &TestApp| {
        let id = invited(app, "ann@example.com").await;
        app.advance(Duration::from_secs(60));
        resend(&id)
    };
    for (app, sent) in lose(1, prepare).await {
        let sent = sent.expect(200);
        assert_eq!((sent.json(), sent.str("lastSent")), (describe(&app, &sent.str("id")).await, app.now().to_string()));
        let row = stored(&app, &sent.str("id")).await;
        assert_eq!([number(&row, "sends"), number(&row, "tv"), number(&row, "rev"), charged(&app).await], [2; 4]);
    }
}

/// Such a link is stored nowhere, so a success without it would be a loss.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_whose_reply_is_lost_is_returned_and_works() {
    let create = async |_: &TestApp| {
        Call::post("/invitations").json(&serde_json::json!({ "email": "ann@example.com", "roleID": "full-access", "send": false }))
    };
    let resend = async |app: &TestApp| {
        let id = invited(app, "ann@example.com").await;
        app.advance(Duration::from_secs(60));
        Call::post(&format!("/invitations/{id}?send=false"))
    };
    for (sends, results) in [(1, lose(0, create).await), (2, lose(1, resend).await)] {
        for (app, response) in results {
            let link = response.str("link");
            let token = link.strip_prefix("https://api.example.com/accept#").expect("a link to the page");
            app.send(Call::holder("lookup", token)).await.expect(200);
            let row = stored(&app, &response.str("id")).await;
            assert_eq!([number(&row, "sends"), number(&row, "tv"), number(&row, "rev"), charged(&app).await], [sends; 4]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_whose_reply_is_lost_succeeds() {
    let prepare = async |app: &TestApp| Call::set_state(&invited(app, "ann@example.com").await, "revoked");
    for (app, revoked) in lose(1, prepare).await {
        let revoked = revoked.expect(200);
        assert_eq!((revoked.json(), revoked.str("state").as_str()), (describe(&app, &revoked.str("id")).await, "revoked"));
        assert_eq!((number(&stored(&app, &revoked.str("id")).await, "rev"), counts(&app).await[1]), (2, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_reply_is_lost_succeeds() {
    let prepare = async |app: &TestApp| {
        let id = invited(app, "ann@example.com").await;
        let expiry = app.now().plus(Duration::from_secs(86_400)).to_string();
        Call::post(&format!("/invitations/{id}")).json(&serde_json::json!({ "roleID": "read-only", "expiry": expiry }))
    };
    for (app, changed) in lose(1, prepare).await {
        let changed = changed.expect(200);
        assert_eq!((changed.json(), changed.str("roleID").as_str()), (describe(&app, &changed.str("id")).await, "read-only"));
        let row = stored(&app, &changed.str("id")).await;
        assert_eq!([number(&row, "rev"), number(&row, "events"), charged(&app).await], [2, 2, 1]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_response_without_a_change_survives_a_lost_reply() {
    let all = losses().into_iter().map(async |(faults, _)| {
        let app = TestApp::start().await;
        let id = invited(&app, "ann@example.com").await;
        let call = Call::set_state(&id, "invited").key(&app.full).header("idempotency-key", "k");
        app.faults.next([Fault::None].into_iter().chain(faults));
        let first = app.send(call.clone()).await.expect(200);
        assert_eq!((first.json(), app.faults.left()), (describe(&app, &id).await, 0));
        let again = app.send(call).await;
        assert_eq!((again.status, &again.text, again.header("idempotent-replayed")), (200, &first.text, Some("true")));
        assert_eq!((counts(&app).await, number(&stored(&app, &id).await, "rev")), ([1, 1, 1], 1));
    });
    join_all(all).await;
}

#[tokio::test]
async fn when_the_read_back_fails_too_it_is_a_503_and_a_retry_with_the_key_succeeds() {
    let app = TestApp::start().await;
    app.invite("warm@example.com").await;
    let create = Call::create("ann@example.com", "full-access").key(&app.full);
    let keyed = create.clone().header("idempotency-key", "k");
    app.faults.next(vec![ReplyLost; 3].into_iter().chain(vec![Error(500, "InternalServerError"); 3]));
    let failed = app.send(keyed.clone()).await.expect_error(503, "unavailable");
    assert_eq!(failed.header("retry-after"), Some("2"));
    let row = app.rows_of(ACCOUNT, "I#").await.into_iter().find(|row| text(row, "email") == "ann@example.com").expect("it was created");
    let id = &text(&row, "sk")[2..];
    let replay = app.send(keyed).await.expect(201);
    assert_eq!((replay.json(), replay.header("idempotent-replayed")), (describe(&app, id).await, Some("true")));
    assert_eq!(app.send(create).await.expect(400).json(), already_invited(id), "without the key the error names it");
    assert_eq!((counts(&app).await, charged(&app).await), ([2, 2, 1], 2));
    assert_consistent(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_failed_is_not_reported_as_a_success() {
    let fails = async |reads: usize, call: fn(&str) -> Call| {
        let app = TestApp::start().await;
        let id = invited(&app, "ann@example.com").await;
        app.advance(Duration::from_secs(61));
        let before = (app.rows().await.len(), describe(&app, &id).await);
        app.faults.next(vec![Fault::None; reads].into_iter().chain(vec![ConnectionRefused; 3]));
        app.send(call(&id).key(&app.full)).await.expect_error(503, "unavailable");
        assert_eq!(app.faults.left(), 0);
        assert_eq!(((app.rows().await.len(), describe(&app, &id).await), charged(&app).await), (before, 1));
    };
    tokio::join!(
        fails(0, |_| Call::create("bob@example.com", "full-access")),
        fails(1, resend),
        fails(1, |id| Call::set_state(id, "revoked")),
        fails(1, |id| Call::set_state(id, "invited").header("idempotency-key", "k")),
    );
}
