//! DynamoDB deletes a row some time after its TTL, so nothing may be due for it by then.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use local::events::Behaviour;
use support::{ACCOUNT, TestApp};

use crate::helpers::{COOLDOWN, EMAIL, LATER, LIFETIME, id, invited, resend, revoke, start_with};

const DAY: Duration = Duration::from_secs(86_400);

/// The TTL of the only invitation, in seconds.
async fn ttl(app: &TestApp) -> Option<i64> {
    let row = app.rows_of(ACCOUNT, "I#").await.pop().expect("there is an invitation");
    row.get("ttl").map(|ttl: &AttributeValue| ttl.as_n().expect("a number").parse().expect("seconds"))
}

#[tokio::test]
async fn an_invitation_gets_no_ttl_before_its_last_event_is_published() {
    let (app, mut workers) = start_with(&[("RETENTION_DAYS", "1")]).await;
    let (id, _) = invited(&app, &mut workers).await;
    assert_eq!(ttl(&app).await, None);
    workers.bus.answer_with(|_| Behaviour::Error { status: 500, code: "InternalException" });
    let closed = app.now();
    revoke(&app, &id).await.expect(200);
    workers.deliver().await;
    app.advance(3 * DAY);
    workers.reconcile().await;
    assert_eq!(ttl(&app).await, None, "the bus has been down for longer than the retention");
    workers.bus.answer_with(|_| Behaviour::Accept);
    app.advance(LATER);
    workers.reconcile().await;
    assert_eq!(workers.event_types(), ["created", "revoked"]);
    assert_eq!(ttl(&app).await, Some(closed.plus(DAY).as_secs()));
    // A late report removes the TTL again, until its event is published.
    workers.bus.answer_with(|_| Behaviour::Error { status: 500, code: "InternalException" });
    app.advance(LATER);
    workers.report(&workers.last_email(EMAIL)).await;
    assert_eq!(ttl(&app).await, None);
}

#[tokio::test]
async fn an_open_invitation_never_has_a_ttl_and_an_expired_one_gets_it_with_its_event() {
    for (days, kept) in [("0", None), ("2", Some(2 * DAY))] {
        let (app, mut workers) = start_with(&[("RETENTION_DAYS", days)]).await;
        let id = id(&app.invite(EMAIL).await);
        workers.deliver().await;
        app.advance(LIFETIME - COOLDOWN);
        resend(&app, &id).await.expect(200);
        workers.deliver().await;
        let expiry = app.now().floor_to_second().plus(LIFETIME);
        app.advance(LIFETIME);
        workers.reconcile().await;
        assert_eq!(ttl(&app).await, None, "it has expired, but its event is not published");
        app.advance(LATER);
        workers.reconcile().await;
        assert_eq!(workers.event_types(), ["created", "resent", "expired"]);
        assert_eq!(ttl(&app).await, kept.map(|kept| expiry.plus(kept).as_secs()));
    }
}
