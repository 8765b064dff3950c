//! Each write of an invitation is one revision.

use support::ACCOUNT;

use crate::helpers::{COOLDOWN, EMAIL, id, resend, start};

#[tokio::test]
async fn a_write_that_publishes_events_and_claims_the_email_is_one_revision() {
    let (app, mut workers) = start().await;
    let id = id(&app.invite(EMAIL).await);
    assert_eq!(revision(&app).await, 1, "created");
    workers.deliver().await;
    assert_eq!(revision(&app).await, 3, "its event published and its email claimed by one write, then noted as sent");
    app.advance(COOLDOWN);
    resend(&app, &id).await.expect(200);
    assert_eq!(revision(&app).await, 4, "resent");
    workers.deliver().await;
    assert_eq!(revision(&app).await, 6);
}

async fn revision(app: &support::TestApp) -> u64 {
    let rows = app.rows_of(ACCOUNT, "I#").await;
    rows[0]["rev"].as_n().expect("a number").parse().expect("a count")
}
