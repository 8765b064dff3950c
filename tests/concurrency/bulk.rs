//! Bulk with an Idempotency-Key: one effect, and the same results, whatever happened since or in between.

use std::time::Duration;

use serde_json::{Value, json};
use support::{ACCOUNT, Call, Response, TestApp};

use crate::{
    common::{charged, counts, describe, key_reused, number, purge, text},
    idempotency::replay_of,
};

pub(crate) const HOUR: Duration = Duration::from_secs(3600);
const TICK: Duration = Duration::from_millis(1);

/// A row of a request.
pub(crate) fn row(email: &str) -> Value {
    json!({ "email": email, "roleID": "full-access" })
}

/// Rows with the addresses user-0, user-1 and so on.
pub(crate) fn rows(count: usize) -> Vec<Value> {
    (0..count).map(|number| row(&format!("user-{number}@example.com"))).collect()
}

/// A request with a key.
pub(crate) fn keyed(app: &TestApp, rows: &[Value]) -> Call {
    Call::bulk(rows).key(&app.full).header("idempotency-key", "k")
}

/// The results of a response.
pub(crate) fn results(response: &Response) -> Vec<Value> {
    response.json()["results"].as_array().expect("results").clone()
}

/// The id of a created invitation.
pub(crate) fn id(result: &Value) -> String {
    result["invitation"]["id"].as_str().unwrap_or_else(|| panic!("not created: {result}")).to_owned()
}

pub(crate) fn statuses(response: &Response) -> Vec<u64> {
    results(response).iter().map(|result| result["status"].as_u64().expect("a status")).collect()
}

/// Rows with every kind of result, and what makes them so. With a quota of 8, of which 2 are used up.
async fn mixed(app: &TestApp) -> (Vec<Value>, Vec<u64>) {
    app.advance_to_window();
    app.invite("taken@example.com").await;
    app.invite("taken-2@example.com").await;
    let soon = app.now().plus(Duration::from_secs(600)).to_string();
    let mut rows = rows(9);
    rows[1] = row("taken@example.com");
    rows[2] = row("user-0@example.com");
    rows[3] = row("nobody");
    rows[4] = json!({ "email": "soon@example.com", "roleID": "full-access", "expiry": soon });
    rows[5] = json!({ "email": "guest@example.com", "roleID": "guest" });
    rows.extend((9..14).map(|number| row(&format!("user-{number}@example.com"))));
    (rows, vec![201, 400, 400, 400, 400, 403, 201, 201, 201, 201, 201, 429, 429, 429])
}

const ROLES: &str = r#"{"full-access":{"can":["invitations:read","invitations:create","invitations:modify"],"mayGrant":["full-access"]},
    "read-only":{"can":["invitations:read"],"mayGrant":[]}}"#;

#[tokio::test]
async fn a_repeated_request_returns_the_first_results_whatever_changed_since() {
    let app = TestApp::with(&[("SEND_QUOTA", "8"), ("ROLES", ROLES)]).await;
    let (rows, expected) = mixed(&app).await;
    let call = keyed(&app, &rows);
    let first = app.send(call.clone()).await.expect(200);
    assert_eq!((statuses(&first), first.header("idempotent-replayed")), (expected, None));
    let found = results(&first);
    for result in found.iter().filter(|result| result["status"] == 201) {
        assert_eq!(result["invitation"], describe(&app, &id(result)).await);
    }
    let replayed = async |after: &str| assert_eq!(app.send(call.clone()).await, replay_of(&first), "{after}");
    replayed("at once").await;
    app.advance(Duration::from_secs(61));
    replayed("when less time is left in the window").await;
    app.close_as_invitee(&id(&found[0]), "accepted").await;
    app.send(Call::set_state(&id(&found[6]), "revoked").key(&app.full)).await.expect(200);
    replayed("after one was accepted and one revoked").await;
    app.advance(HOUR);
    app.send(Call::post(&format!("/invitations/{}", id(&found[7]))).key(&app.full)).await.expect(200);
    app.invite("user-6@example.com").await;
    app.invite("user-12@example.com").await;
    replayed("after the quota's window, a resend, and other invitations of the same addresses").await;
    assert_eq!(app.erase(&json!({ "account": ACCOUNT, "email": "user-8@example.com" })).await, json!({ "erased": 1 }));
    purge(&app, &id(&found[9])).await;
    replayed("after one was erased and one purged").await;
    let open = &found[1]["error"]["message"].as_str().expect("a message")["email: this address already has an open invitation, ".len()..];
    app.send(Call::set_state(&open[..32], "revoked").key(&app.full)).await.expect(200);
    replayed("after the taken address became free").await;
    app.advance(HOUR * 24 - HOUR - Duration::from_secs(61) - TICK);
    replayed("for 24 hours").await;
    app.advance(TICK);
    let again = app.send(call).await.expect(200);
    assert_eq!(again.header("idempotent-replayed"), None);
    assert_ne!(statuses(&again), statuses(&first));
}

#[tokio::test]
async fn a_key_is_rejected_for_every_other_request() {
    let app = TestApp::start().await;
    let mut first = rows(3);
    first.push(row("nobody"));
    let response = app.send(keyed(&app, &first)).await.expect(200);
    let changed = |change: fn(&mut Vec<Value>)| {
        let mut rows = first.clone();
        change(&mut rows);
        rows
    };
    for other in [
        changed(|rows| rows.swap(0, 1)),
        changed(|rows| drop(rows.pop())),
        changed(|rows| rows.push(row("user-9@example.com"))),
        changed(|rows| rows[3]["email"] = "nobody else".into()),
        changed(|rows| rows[0]["roleID"] = "read-only".into()),
        changed(|rows| rows[0]["locale"] = "de".into()),
        changed(|rows| rows[0]["email"] = "User-0@example.com".into()),
    ] {
        let refused = app.send(keyed(&app, &other)).await.expect(400);
        assert_eq!(refused.json(), key_reused(), "{other:?}");
    }
    // Create has its own keys.
    app.send(Call::create("ann@example.com", "full-access").key(&app.full).header("idempotency-key", "k")).await.expect(201);
    let text = json!({ "invitations": first }).to_string().replace(',', " ,\n");
    let same = Call::post("/invitations/bulk").text(&text).key(&app.full).header("idempotency-key", "k");
    assert_eq!(app.send(same).await, replay_of(&response));
    assert_eq!((counts(&app).await, charged(&app).await), ([4, 4, 2], 4));
}

#[tokio::test]
async fn the_same_key_of_another_caller_is_another_request() {
    let app = TestApp::start().await;
    let colleague = app.new_key(ACCOUNT, "full-access").await;
    let first = app.send(keyed(&app, &rows(2))).await.expect(200);
    let second = app.send(keyed(&app, &rows(2)).key(&colleague)).await.expect(200);
    assert_eq!((statuses(&first), statuses(&second)), (vec![201; 2], vec![400; 2]));
    let foreign = app.send(keyed(&app, &rows(2)).key(&app.other)).await.expect(200);
    assert_eq!(statuses(&foreign), [201; 2]);
}

#[tokio::test]
async fn a_caller_who_can_no_longer_grant_a_role_does_not_get_the_invitation_again() {
    let app = TestApp::start().await;
    let first = app.send(keyed(&app, &rows(1))).await.expect(200);
    let second = app.another(&[("ROLES", r#"{"full-access":{"can":["invitations:create"],"mayGrant":["guest"]}}"#)]);
    let refused = second.send(keyed(&app, &rows(1))).await.expect(200);
    assert_eq!(results(&refused)[0]["error"]["code"], "role-not-grantable");
    assert_eq!(app.send(keyed(&app, &rows(1))).await, replay_of(&first));
}

#[tokio::test]
async fn new_limits_of_a_deployment_do_not_change_results() {
    let app = TestApp::with(&[("SEND_QUOTA", "8"), ("ROLES", ROLES)]).await;
    let (rows, _) = mixed(&app).await;
    let first = app.send(keyed(&app, &rows)).await.expect(200);
    let limits = [
        ("SEND_QUOTA", "1"),
        ("SEND_QUOTA_WINDOW_SECONDS", "60"),
        ("INVITATION_LIFETIME_SECONDS", "3600"),
        ("INVITATION_MAX_LIFETIME_SECONDS", "7200"),
        ("RESEND_COOLDOWN_SECONDS", "1"),
    ];
    assert_eq!(app.another(&limits).send(keyed(&app, &rows)).await, replay_of(&first));
}

#[tokio::test]
async fn the_record_names_nobody_and_an_erasure_leaves_it() {
    let app = TestApp::with(&[("SEND_QUOTA", "8"), ("ROLES", ROLES)]).await;
    let (rows, _) = mixed(&app).await;
    let first = app.send(keyed(&app, &rows)).await.expect(200);
    let record = app.rows_of(ACCOUNT, "K#").await.remove(0);
    assert_eq!(record.len(), 10, "{record:?}");
    assert!(!format!("{record:?}").contains("example"), "{record:?}");
    assert_eq!((number(&record, "n"), text(&record, "seed").len()), (1, 22));
    assert_eq!(number(&record, "exp"), app.now().plus(HOUR * 24).as_millis());
    assert_eq!(text(&record, "results").split(' ').count(), 12, "two rows are invalid: {record:?}");
    for address in ["user-0@example.com", "taken@example.com"] {
        assert_eq!(app.erase(&json!({ "account": ACCOUNT, "email": address })).await, json!({ "erased": 1 }));
    }
    assert_eq!(app.rows_of(ACCOUNT, "K#").await, [record]);
    assert_eq!(app.send(keyed(&app, &rows)).await, replay_of(&first));
}

#[tokio::test]
async fn a_request_without_a_valid_row_needs_no_record() {
    let app = TestApp::start().await;
    for _ in 0..2 {
        let response = app.send(keyed(&app, &[row("nobody"), json!({})])).await.expect(200);
        assert_eq!((statuses(&response), response.header("idempotent-replayed")), (vec![400; 2], None));
    }
    assert_eq!(counts(&app).await, [0, 0, 0]);
    // So the corrected request can have the same key.
    assert_eq!(statuses(&app.send(keyed(&app, &rows(2))).await.expect(200)), [201; 2]);
}
