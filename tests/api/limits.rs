//! Cooldown, quota and the maximum of sendings. `Retry-After` is exact: waiting that long succeeds (T13).

use std::time::Duration;

use support::{Call, TestApp};

use crate::helpers::{
    COOLDOWN, LIFETIME, TICK, advance_to_expiry, assert_error, assert_retry_after, charged, invitation_row, number, resend, row, table,
    text,
};

const HOUR: i64 = 3_600_000;

fn cooldown(seconds: u64) -> String {
    format!("the invitation was sent too recently; it can be sent again in {seconds} s")
}

fn used_up(quota: u32, seconds: u64) -> String {
    format!("the account has reached its limit of {quota} sends per 3600 s; the next window starts in {seconds} s")
}

#[tokio::test]
async fn a_resend_within_the_cooldown_gets_the_exact_seconds_to_wait() {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    let before = table(&app).await;
    for (wait, seconds) in [(0, 60), (1, 60), (998, 60), (1, 59), (29_000, 30), (29_999, 1), (0, 1)] {
        app.advance(Duration::from_millis(wait));
        assert_retry_after(&app.send(resend(&id).key(&app.full)).await, 429, "resend-cooldown", seconds, &cooldown(seconds));
    }
    assert_eq!(table(&app).await, before);
    // 59,999 ms have passed.
    app.advance(TICK);
    app.send(resend(&id).key(&app.full)).await.expect(200);
    assert_retry_after(&app.send(resend(&id).key(&app.full)).await, 429, "resend-cooldown", 60, &cooldown(60));
}

#[tokio::test]
async fn waiting_for_retry_after_succeeds() {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    app.advance(Duration::from_millis(12_345));
    let refused = app.send(resend(&id).key(&app.full)).await.expect(429);
    let seconds: u64 = refused.header("retry-after").and_then(|value| value.parse().ok()).expect("a number");
    app.advance(Duration::from_secs(seconds));
    app.send(resend(&id).key(&app.full)).await.expect(200);
}

#[tokio::test]
async fn the_cooldown_applies_to_expired_invitations_and_to_the_state_invited() {
    let app = TestApp::with(&[("RESEND_COOLDOWN_SECONDS", "86400"), ("INVITATION_LIFETIME_SECONDS", "3600")]).await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    let since = app.now();
    advance_to_expiry(&app, &id).await;
    let left = Duration::from_secs(86_400) - app.now().since(since);
    let seconds = u64::try_from(left.as_millis().div_ceil(1000)).expect("a day");
    for call in [resend(&id), Call::set_state(&id, "invited")] {
        assert_retry_after(&app.send(call.key(&app.full)).await, 429, "resend-cooldown", seconds, &cooldown(seconds));
    }
    app.advance(left);
    app.send(Call::set_state(&id, "invited").key(&app.full)).await.expect(200);
}

#[tokio::test]
async fn revoking_and_requests_without_a_change_ignore_the_cooldown() {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    app.send(Call::set_state(&id, "invited").key(&app.full)).await.expect(200);
    app.send(Call::set_state(&id, "revoked").key(&app.full)).await.expect(200);
    app.invite("user.one@example.com").await;
}

#[tokio::test]
async fn an_invitation_is_sent_at_most_ten_times() {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    for _ in 1..10 {
        app.advance(COOLDOWN);
        app.send(resend(&id).key(&app.full)).await.expect(200);
    }
    let before = table(&app).await;
    let message = "the invitation has been sent 10 times, the maximum; revoke it and create a new one";
    // Waiting does not help, so there is no Retry-After: within the cooldown, after it, and after the expiry.
    for wait in [Duration::ZERO, COOLDOWN, LIFETIME] {
        app.advance(wait);
        assert_error(&app.send(resend(&id).key(&app.full)).await, 400, "max-sends", None, message);
    }
    assert_eq!(table(&app).await, before);
    assert_eq!((number(&invitation_row(&app, &id).await, "sends"), charged(&app).await), (10, 10));
    app.send(Call::set_state(&id, "revoked").key(&app.full)).await.expect(200);
    app.invite("user.one@example.com").await;
}

#[tokio::test]
async fn creates_and_resends_share_a_quota_that_resets_with_each_window() {
    let app = TestApp::with(&[("SEND_QUOTA", "3")]).await;
    app.advance_to_window();
    let start = app.now().as_millis();
    let id = text(&app.invite("one@example.com").await, "id");
    app.invite("two@example.com").await;
    app.advance(COOLDOWN);
    app.send(resend(&id).key(&app.full)).await.expect(200);

    let before = table(&app).await;
    app.advance(COOLDOWN);
    for call in [Call::create("three@example.com", "full-access"), resend(&id)] {
        assert_retry_after(&app.send(call.key(&app.full)).await, 429, "send-quota", 3480, &used_up(3, 3480));
    }
    app.advance(Duration::from_secs(3480) - TICK);
    let response = app.send(Call::create("three@example.com", "full-access").key(&app.full)).await;
    assert_retry_after(&response, 429, "send-quota", 1, &used_up(3, 1));
    assert_eq!(table(&app).await, before);

    app.advance(TICK);
    app.invite("three@example.com").await;
    let counted = [start, start + HOUR].map(|window| format!("Q#{window:013}"));
    assert_eq!(row(&app, &counted[0]).await.map(|row| number(&row, "n")), Some(3));
    assert_eq!(row(&app, &counted[1]).await.map(|row| number(&row, "n")), Some(1));
}

#[tokio::test]
async fn each_account_has_its_own_quota() {
    let app = TestApp::with(&[("SEND_QUOTA", "1")]).await;
    app.advance_to_window();
    app.invite("one@example.com").await;
    let call = Call::create("two@example.com", "full-access");
    app.send(call.clone().key(&app.full)).await.expect_error(429, "send-quota");
    app.send(call.key(&app.other)).await.expect(201);
}

#[tokio::test]
async fn failed_requests_use_no_quota() {
    let app = TestApp::with(&[("SEND_QUOTA", "3")]).await;
    app.advance_to_window();
    let open = text(&app.invite("open@example.com").await, "id");
    let revoked = text(&app.invite("revoked@example.com").await, "id");
    app.send(Call::set_state(&revoked, "revoked").key(&app.full)).await.expect(200);
    assert_eq!(charged(&app).await, 2);
    let before = table(&app).await;
    for (call, status) in [
        (Call::create("open@example.com", "full-access").key(&app.full), 400),
        (Call::create("nobody", "full-access").key(&app.full), 400),
        (Call::create("one@example.com", "full-access").key(&app.full).header("idempotency-key", "ü"), 400),
        (Call::create("one@example.com", "full-access").key(&app.read_only), 403),
        (Call::create("one@example.com", "full-access"), 401),
        (resend(&open).key(&app.full), 429),
        (resend(&revoked).key(&app.full), 400),
        (resend(&open).key(&app.other), 404),
        (resend(&open).key(&app.read_only), 403),
        (Call::set_state(&open, "expired").key(&app.full), 400),
        (Call::set_state(&open, "invited").key(&app.full), 200),
        (Call::set_state(&revoked, "revoked").key(&app.full), 200),
    ] {
        app.send(call).await.expect(status);
    }
    assert_eq!(table(&app).await, before);
    app.invite("one@example.com").await;
    app.send(Call::create("two@example.com", "full-access").key(&app.full)).await.expect_error(429, "send-quota");
    assert_eq!(charged(&app).await, 3);
}

#[tokio::test]
async fn when_cooldown_and_quota_both_apply_the_longer_wait_is_returned() {
    let app = TestApp::with(&[("SEND_QUOTA", "1")]).await;
    app.advance_to_window();
    let id = text(&app.invite("user.one@example.com").await, "id");
    assert_retry_after(&app.send(resend(&id).key(&app.full)).await, 429, "send-quota", 3600, &used_up(1, 3600));
    // A minute before the next window the cooldown is the longer of the two.
    app.advance(Duration::from_secs(3600));
    app.send(resend(&id).key(&app.full)).await.expect(200);
    app.advance(Duration::from_secs(3570));
    let other = TestApp::another(&app, &[("RESEND_COOLDOWN_SECONDS", "60"), ("SEND_QUOTA", "2")]);
    other.send(resend(&id).key(&app.full)).await.expect(200);
    let refused = app.send(resend(&id).key(&app.full)).await;
    assert_retry_after(&refused, 429, "resend-cooldown", 60, &cooldown(60));
    app.advance(Duration::from_secs(60));
    app.send(resend(&id).key(&app.full)).await.expect(200);
}
