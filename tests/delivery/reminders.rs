//! Each sending is followed by at most one reminder, with the same link, if the invitation is still open shortly before its expiry.

mod cost;
mod failures;
mod reports;
mod settings;

use std::time::Duration;

use local::{events::Behaviour, ses::SentEmail};
use serde_json::json;
use shared::{domain::courier::MARGIN, store::InvitationKey};
use support::{ACCOUNT, Call, TestApp, Workers, logged::Lines, workers::token};

use crate::helpers::{COOLDOWN, EMAIL, LATER, LIFETIME, REMIND_BEFORE, describe, invited, resend, revoke, start, start_with, use_link};

const HOUR: Duration = Duration::from_secs(3600);
/// The time between a sending and its reminder.
const WAIT: Duration = LIFETIME.saturating_sub(REMIND_BEFORE);

fn is_reminder(email: &SentEmail) -> bool {
    email.tags.get("kind").is_some_and(|kind| kind == "reminder")
}

fn reminders(workers: &Workers) -> Vec<SentEmail> {
    workers.inbox.emails().into_iter().filter(is_reminder).collect()
}

fn key(id: &str) -> InvitationKey {
    InvitationKey { account: ACCOUNT.parse().unwrap(), id: id.parse().unwrap() }
}

/// Invites [`EMAIL`]; the email arrives and is reported.
async fn delivered(app: &TestApp, workers: &mut Workers) -> (String, String) {
    let (id, token) = invited(app, workers).await;
    workers.report(&workers.last_email(EMAIL)).await;
    workers.deliver().await;
    (id, token)
}

/// Runs the reconciler and the stream until nothing is left to do.
async fn settle(workers: &mut Workers) {
    for _ in 0..3 {
        workers.reconcile().await;
        workers.deliver().await;
    }
}

/// Whether the invitee is reminded at any time.
async fn is_ever_reminded(app: &TestApp, workers: &mut Workers) -> bool {
    for _ in 0..LIFETIME.as_secs() / 86_400 {
        app.advance(24 * HOUR);
        settle(workers).await;
    }
    !reminders(workers).is_empty()
}

#[tokio::test]
async fn two_days_before_the_expiry_the_invitee_is_reminded_once_with_the_same_link() {
    let (app, mut workers) = start().await;
    let (id, first) = delivered(&app, &mut workers).await;
    let before = describe(&app, &id).await;
    app.advance(WAIT - COOLDOWN);
    settle(&mut workers).await;
    assert_eq!(workers.inbox.emails().len(), 1, "not yet");
    app.advance(COOLDOWN);
    settle(&mut workers).await;
    let reminder = workers.last_email(EMAIL);
    let tags = [("account", ACCOUNT), ("invitation", &id), ("kind", "reminder"), ("sending", "1")];
    assert_eq!(reminder.tags, tags.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    assert_eq!((reminder.subject.as_str(), token(&reminder)), ("Reminder: You are invited", first.clone()));
    assert_eq!(reminder.headers, [("Auto-Submitted".to_owned(), "auto-generated".to_owned())]);
    assert!(reminder.text.as_deref().unwrap().starts_with("This is a reminder. You have been invited to an account"), "{reminder:?}");
    // It is shown, and nothing else changes: it is not a sending.
    let mut expected = before.clone();
    expected["reminded"] = app.now().to_string().into();
    assert_eq!(describe(&app, &id).await, expected);
    let listed = app.send(Call::get("/invitations").key(&app.full)).await.expect(200).json();
    assert_eq!(listed["invitations"], json!([expected]));
    let filtered = app.send(Call::get("/invitations?state=invited").key(&app.full)).await.expect(200).json();
    assert_eq!(filtered["invitations"], json!([expected]));
    let event = workers.bus.events().pop().unwrap();
    assert_eq!((event.detail_type.as_str(), &event.detail["type"]), ("Invitation Reminded", &json!("reminded")));
    assert_eq!((&event.detail["time"], &event.detail["invitation"]["expiry"]), (&expected["reminded"], &expected["expiry"]));
    assert_eq!(workers.event_types(), ["created", "delivered", "reminded"]);

    app.advance(LATER);
    settle(&mut workers).await;
    assert_eq!(workers.inbox.emails().len(), 2);
    use_link(&app, "accept", &first).await.expect(200);
}

#[tokio::test]
async fn the_expiry_follows_the_reminder() {
    let (app, mut workers) = start().await;
    let (id, _) = delivered(&app, &mut workers).await;
    app.advance(WAIT);
    settle(&mut workers).await;
    app.advance(REMIND_BEFORE + MARGIN);
    settle(&mut workers).await;
    assert_eq!(workers.event_types(), ["created", "delivered", "reminded", "expired"]);
    assert_eq!(describe(&app, &id).await["state"], "expired");
    let row = &app.rows_of(ACCOUNT, "I#").await[0];
    assert!(!["due_at", "late_at", "shard", "remind"].iter().any(|name| row.contains_key(*name)), "{row:?}");
}

#[tokio::test]
async fn an_invitation_that_was_answered_or_revoked_has_no_reminder() {
    let (app, mut workers) = start().await;
    for verb in ["accept", "decline", "revoke"] {
        let (id, token) = delivered(&app, &mut workers).await;
        app.advance(WAIT - COOLDOWN);
        match verb {
            "revoke" => revoke(&app, &id).await.expect(200),
            verb => use_link(&app, verb, &token).await.expect(200),
        };
        workers.deliver().await;
        app.advance(COOLDOWN);
        settle(&mut workers).await;
        assert_eq!(reminders(&workers).len(), 0, "{verb}");
    }
    assert_eq!(workers.reconcile().await.processed, 0);
}

#[tokio::test]
async fn every_sending_has_a_reminder_of_its_own() {
    let (app, mut workers) = start().await;
    let (id, first) = delivered(&app, &mut workers).await;
    app.advance(WAIT - HOUR);
    resend(&app, &id).await.expect(200);
    workers.deliver().await;
    let second = workers.last_token(EMAIL);
    app.advance(WAIT - COOLDOWN);
    settle(&mut workers).await;
    assert_eq!(reminders(&workers).len(), 0, "the first sending's time has passed");
    app.advance(COOLDOWN);
    settle(&mut workers).await;
    // Not a sending: there is no cooldown.
    resend(&app, &id).await.expect(200);
    assert_eq!(describe(&app, &id).await.get("reminded"), None);
    workers.deliver().await;
    app.advance(WAIT);
    settle(&mut workers).await;
    let tokens: Vec<_> = reminders(&workers).iter().map(token).collect();
    assert_eq!(tokens, [second.clone(), workers.last_token(EMAIL)]);
    assert!(first != second && tokens[0] != tokens[1]);
    let sendings: Vec<_> = reminders(&workers).iter().map(|email| email.tags["sending"].clone()).collect();
    assert_eq!(sendings, ["2", "3"]);
}

#[tokio::test]
async fn nobody_is_reminded_of_a_link_that_was_handed_out_without_an_email() {
    let roles = r#"{ "full-access": { "can": ["invitations:read", "invitations:create", "invitations:modify", "invitations:link"],
        "mayGrant": ["*"] }, "read-only": { "can": ["invitations:read"], "mayGrant": [] } }"#;
    let (app, mut workers) = start_with(&[("ROLES", roles)]).await;
    let (id, _) = delivered(&app, &mut workers).await;
    app.advance(COOLDOWN);
    app.send(Call::post(&format!("/invitations/{id}?send=false")).key(&app.full)).await.expect(200);
    assert!(!is_ever_reminded(&app, &mut workers).await);
}

/// Moves the expiry to so long from now.
async fn expire_in(app: &TestApp, id: &str, left: Duration) {
    let body = json!({ "expiry": app.now().plus(left).to_string() });
    app.send(Call::post(&format!("/invitations/{id}")).json(&body).key(&app.full)).await.expect(200);
}

#[tokio::test]
async fn a_reminder_follows_the_expiry_when_it_is_moved_and_stays_the_only_one() {
    const DAY: Duration = Duration::from_secs(86_400);
    for (days_left, reminded_after) in [(20, 18), (4, 2), (1, 0)] {
        let (app, mut workers) = start().await;
        let (id, _) = delivered(&app, &mut workers).await;
        app.advance(3 * DAY);
        expire_in(&app, &id, days_left * DAY).await;
        workers.deliver().await;
        app.advance((reminded_after * DAY).saturating_sub(COOLDOWN));
        settle(&mut workers).await;
        assert_eq!(reminders(&workers).len(), usize::from(reminded_after == 0), "{days_left}");
        app.advance(COOLDOWN);
        settle(&mut workers).await;
        assert_eq!(reminders(&workers).len(), 1, "{days_left}");
        expire_in(&app, &id, 10 * DAY).await;
        for _ in 0..9 {
            app.advance(DAY);
            settle(&mut workers).await;
        }
        assert_eq!(reminders(&workers).len(), 1, "{days_left}");
    }
}

#[tokio::test]
async fn the_event_of_a_reminder_shows_the_expiry_of_its_time_even_if_it_is_published_after_a_change() {
    for resent in [true, false] {
        let (app, mut workers) = start().await;
        let (id, _) = delivered(&app, &mut workers).await;
        let expiry = describe(&app, &id).await["expiry"].clone();
        app.advance(WAIT);
        workers.bus.answer_with(|_| Behaviour::Error { status: 400, code: "AccessDeniedException" });
        workers.reconcile().await;
        if resent {
            resend(&app, &id).await.expect(200);
        } else {
            expire_in(&app, &id, 20 * 24 * HOUR).await;
        }
        workers.bus.answer_with(|_| Behaviour::Accept);
        app.advance(LATER);
        settle(&mut workers).await;
        assert_eq!(workers.event_types()[2..], ["reminded", if resent { "resent" } else { "changed" }]);
        assert_eq!(workers.bus.events()[2].detail["invitation"]["expiry"], expiry);
    }
}

#[tokio::test]
async fn a_reminder_counts_for_no_limit() {
    let (app, mut workers) = start_with(&[("MAX_SENDS", "2"), ("SEND_QUOTA", "2"), ("SEND_QUOTA_WINDOW_SECONDS", "2592000")]).await;
    app.advance_to_window();
    let (id, _) = delivered(&app, &mut workers).await;
    app.advance(WAIT);
    settle(&mut workers).await;
    assert_eq!(reminders(&workers).len(), 1);
    resend(&app, &id).await.expect(200);
}

#[tokio::test]
async fn the_log_says_which_email_was_sent() {
    let (app, mut workers) = start().await;
    delivered(&app, &mut workers).await;
    app.advance(WAIT);
    let (lines, _guard) = Lines::as_deployed();
    settle(&mut workers).await;
    workers.report(&workers.last_email(EMAIL)).await;
    let logged = lines.take();
    let kinds = |message: &str| logged.lines().filter(|line| line.contains(message) && line.contains(r#""kind":"reminder""#)).count();
    assert_eq!((kinds("email sent"), kinds("email event")), (1, 1), "{logged}");
    assert!(!logged.contains("example.com") && !logged.contains("i1."), "{logged}");
}
