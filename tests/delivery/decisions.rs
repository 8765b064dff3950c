//! What the holder of a link can do, and the responses.

use serde_json::json;
use support::{
    ACCOUNT, Call,
    faults::{Barrier, Fault},
};

use crate::helpers::{COOLDOWN, EMAIL, LATER, LIFETIME, describe, invited, resend, revoke, start, use_link};

#[tokio::test]
async fn a_lookup_shows_what_the_invitee_may_see_and_changes_nothing() {
    // T6: the token alone decides what is shown, and the response to an answer shows it again.
    let (app, mut workers) = start().await;
    let (_, token) = invited(&app, &mut workers).await;
    let before = app.rows().await;
    let expiry = app.now().floor_to_second().plus(LIFETIME).to_string();
    let seen = use_link(&app, "lookup", &token).await.expect(200);
    let expected = json!({
        "account": ACCOUNT,
        "email": EMAIL,
        "roleID": "full-access",
        "state": "invited",
        "expiry": expiry,
        "binding": "bearer",
        "display": { "locales": [] },
    });
    assert_eq!(seen.json(), expected);
    assert_eq!((seen.header("cache-control"), seen.header("content-type")), (Some("no-store"), Some("application/json")));
    assert_eq!(app.rows().await.len(), before.len());
    assert!(app.rows().await.iter().all(|row| before.contains(row)));
}

#[tokio::test]
async fn a_lookup_shows_the_accounts_display_settings() {
    let (app, mut workers) = start().await;
    let set = json!({ "action": "set", "account": ACCOUNT, "name": "Example Ltd", "colour": "#0b5fff", "redirect": "https://app.example.com/in", "locale": "de" });
    app.manage_settings(&set).await;
    let (_, token) = invited(&app, &mut workers).await;
    let display = use_link(&app, "lookup", &token).await.expect(200).json()["display"].clone();
    assert_eq!(display, json!({ "name": "Example Ltd", "colour": "#0b5fff", "locales": ["de"], "redirect": "https://app.example.com/in" }));

    // The invitation's language comes before the account's.
    let body = json!({ "email": "user.two@example.com", "roleID": "read-only", "locale": "fr-CA" });
    app.send(Call::post("/invitations").json(&body).key(&app.full)).await.expect(201);
    workers.deliver().await;
    let token = workers.last_token("user.two@example.com");
    assert_eq!(use_link(&app, "lookup", &token).await.expect(200).json()["display"]["locales"], json!(["fr-CA", "de"]));
}

#[tokio::test]
async fn accepting_twice_is_a_200_both_times() {
    let (app, mut workers) = start().await;
    let (id, token) = invited(&app, &mut workers).await;
    app.advance(COOLDOWN);
    let accepted = use_link(&app, "accept", &token).await.expect(200).json();
    assert_eq!(accepted["state"], "accepted");
    let seen = describe(&app, &id).await;
    assert_eq!((&seen["state"], &seen["acceptedAt"]), (&json!("accepted"), &json!(app.now().to_string())));
    assert!(app.rows_of(ACCOUNT, "P#").await.is_empty(), "the address can be invited again");

    let before = app.rows().await;
    app.advance(COOLDOWN);
    assert_eq!(use_link(&app, "accept", &token).await.expect(200).json(), accepted);
    assert!(app.rows().await.iter().all(|row| before.contains(row)), "accepting again writes nothing");
    use_link(&app, "decline", &token).await.expect_error(400, "already-accepted");
    revoke(&app, &id).await.expect_error(400, "already-accepted");
    resend(&app, &id).await.expect_error(400, "already-accepted");
    app.invite(EMAIL).await;
}

#[tokio::test]
async fn declining_twice_is_a_200_both_times() {
    let (app, mut workers) = start().await;
    let (id, token) = invited(&app, &mut workers).await;
    assert_eq!(use_link(&app, "decline", &token).await.expect(200).json()["state"], "declined");
    assert_eq!(use_link(&app, "decline", &token).await.expect(200).json()["state"], "declined");
    use_link(&app, "accept", &token).await.expect_error(400, "already-declined");
    assert_eq!(describe(&app, &id).await["declinedAt"], json!(app.now().to_string()));
    app.invite(EMAIL).await;
}

#[tokio::test]
async fn a_revoked_invitation_can_be_looked_up_but_not_answered() {
    let (app, mut workers) = start().await;
    let (id, token) = invited(&app, &mut workers).await;
    revoke(&app, &id).await.expect(200);
    assert_eq!(use_link(&app, "lookup", &token).await.expect(200).json()["state"], "revoked");
    use_link(&app, "accept", &token).await.expect_error(400, "already-revoked");
    use_link(&app, "decline", &token).await.expect_error(400, "already-revoked");
}

#[tokio::test]
async fn an_invitation_is_expired_from_the_millisecond_of_its_expiry() {
    let (app, mut workers) = start().await;
    let (_, token) = invited(&app, &mut workers).await;
    let expiry = app.now().floor_to_second().plus(LIFETIME);
    app.advance(expiry.since(app.now()) - std::time::Duration::from_millis(1));
    assert_eq!(use_link(&app, "lookup", &token).await.expect(200).json()["state"], "invited");
    app.advance(std::time::Duration::from_millis(1));
    assert_eq!(use_link(&app, "lookup", &token).await.expect(200).json()["state"], "expired");
    use_link(&app, "accept", &token).await.expect_error(400, "expired");
    use_link(&app, "decline", &token).await.expect_error(400, "expired");
}

#[tokio::test]
async fn an_answer_given_in_time_counts_even_if_its_retry_is_after_the_expiry() {
    for (verb, state) in [("accept", "accepted"), ("decline", "declined")] {
        let (app, mut workers) = start().await;
        let (id, token) = invited(&app, &mut workers).await;
        let expiry = app.now().floor_to_second().plus(LIFETIME);
        app.advance(expiry.since(app.now()) - std::time::Duration::from_millis(1));
        // It commits, and a conflict is reported after the expiry.
        let barrier = Barrier::default();
        app.faults.transactions([Fault::LateConflict(barrier.clone())]);
        let (answered, ()) = tokio::join!(use_link(&app, verb, &token), async {
            barrier.arrived().await;
            app.advance(LATER);
            barrier.open();
        });
        assert_eq!(answered.expect(200).json()["state"], state);
        assert_eq!(describe(&app, &id).await["state"], state);
    }
}

#[tokio::test]
async fn an_answer_that_was_not_written_is_a_503() {
    for verb in ["accept", "decline"] {
        let (app, mut workers) = start().await;
        let (id, token) = invited(&app, &mut workers).await;
        app.faults.transactions(vec![Fault::ConnectionRefused; 3]);
        use_link(&app, verb, &token).await.expect_error(503, "unavailable");
        assert_eq!(app.faults.left(), 0);
        assert_eq!(describe(&app, &id).await["state"], "invited");
    }
}

#[tokio::test]
async fn a_retried_revocation_returns_what_it_stored_even_if_a_report_came_since() {
    let (app, mut workers) = start().await;
    let (id, _) = invited(&app, &mut workers).await;
    let email = workers.last_email(EMAIL);
    let revocation = || Call::set_state(&id, "revoked").key(&app.full).header("idempotency-key", "k");
    // It commits, and a conflict is reported after the email.
    let barrier = Barrier::default();
    app.faults.transactions([Fault::LateConflict(barrier.clone())]);
    let (revoked, ()) = tokio::join!(app.send(revocation()), async {
        barrier.arrived().await;
        workers.report(&email).await;
        barrier.open();
    });
    let revoked = revoked.expect(200);
    assert_eq!((revoked.header("idempotent-replayed"), revoked.json()["delivery"]["state"].as_str()), (None, Some("sent")));
    assert_eq!(describe(&app, &id).await["delivery"]["state"], "delivered");
    assert_eq!(app.send(revocation()).await.expect(200).text, revoked.text);
}

#[tokio::test]
async fn an_invitation_without_its_lock_is_expired_even_for_a_clock_that_is_behind() {
    let (app, mut workers) = start().await;
    let (first, token) = invited(&app, &mut workers).await;
    app.advance(LIFETIME);
    let second = crate::helpers::id(&app.invite(EMAIL).await);
    // For a process whose clock is behind the first one is still open.
    app.set_back(LATER);
    use_link(&app, "accept", &token).await.expect_error(400, "expired");
    assert_eq!(describe(&app, &first).await["state"], "invited");
    app.advance(LATER);
    workers.deliver().await;
    use_link(&app, "accept", &workers.last_token(EMAIL)).await.expect(200);
    assert_eq!(describe(&app, &second).await["state"], "accepted");
}

#[tokio::test]
async fn t8_t19_every_invalid_token_gets_the_same_404_on_every_route() {
    let (app, mut workers) = start().await;
    let (id, token) = invited(&app, &mut workers).await;
    let secret = token.rsplit_once('.').unwrap().1.to_owned();
    let mut reversed: Vec<char> = secret.chars().collect();
    reversed.reverse();
    let wrong: String = reversed.into_iter().collect::<String>().replace(|c: char| "048AEIMQUYcgkosw".contains(c), "A");
    let hostile = [
        String::new(),
        " ".to_owned(),
        "null".to_owned(),
        "i1...".to_owned(),
        format!(" {token}"),
        format!("{token}\n"),
        format!("i2{}", &token[2..]),
        format!("i1.{ACCOUNT}.{id}.{}", &wrong[..42].to_owned().as_str().to_owned()) + "A",
        format!("i1.{ACCOUNT}.{}.{secret}", "0".repeat(32)),
        format!("i1.210987654321.{id}.{secret}"),
        token.to_lowercase(),
        "x".repeat(10_000),
    ];
    let before = app.rows().await;
    let mut answers = std::collections::BTreeSet::new();
    for token in hostile {
        for verb in ["lookup", "accept", "decline"] {
            let answer = use_link(&app, verb, &token).await.expect_error(404, "not-found");
            answers.insert((answer.text, format!("{:?}", answer.headers)));
        }
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(app.rows().await.iter().all(|row| before.contains(row)));
}

#[tokio::test]
async fn a_body_without_a_token_is_a_400_that_does_not_repeat_it() {
    let (app, mut workers) = start().await;
    let (_, token) = invited(&app, &mut workers).await;
    let body = |text: &str| text.replace("TOKEN", &token);
    for (text, code) in [
        ("", "invalid-json"),
        ("TOKEN", "invalid-json"),
        ("\"TOKEN\"", "invalid-json"),
        ("[\"TOKEN\"]", "invalid-json"),
        ("{}", "missing-field"),
        ("{\"token\": null}", "invalid-field"),
        ("{\"token\": [\"TOKEN\"]}", "invalid-field"),
        ("{\"token\": {\"$ne\": \"\"}}", "invalid-field"),
        ("{\"token\": \"TOKEN\", \"token\": \"\"}", "invalid-json"),
        ("{\"token\": \"TOKEN\", \"account\": \"1\"}", "unknown-field"),
        ("{\"token\": \"TOKEN\", \"state\": \"accepted\"}", "unknown-field"),
    ] {
        for verb in ["lookup", "accept", "decline"] {
            let answer = app.send(Call::post(&format!("/invitations/{verb}")).text(&body(text))).await.expect_error(400, code);
            assert!(!answer.text.contains(&token), "{}", answer.text);
        }
    }
    // T18: a form of another site can send text/plain without a preflight, but not JSON.
    let form = Call::holder("accept", &token).header("content-type", "text/plain");
    app.send(form).await.expect_error(400, "invalid-content-type");
    use_link(&app, "accept", &token).await.expect(200);
}

#[tokio::test]
async fn a_token_in_a_query_or_a_header_is_ignored_or_rejected() {
    let (app, mut workers) = start().await;
    let (_, token) = invited(&app, &mut workers).await;
    let query = Call::post(&format!("/invitations/accept?token={token}")).json(&json!({ "token": "" }));
    let answer = app.send(query).await.expect_error(400, "unknown-parameter");
    assert!(!answer.text.contains(&token));
    let header = Call::holder("accept", "").header("authorization", &format!("Bearer {token}"));
    app.send(header).await.expect_error(401, "unauthorized");
    assert_eq!(use_link(&app, "lookup", &token).await.expect(200).json()["state"], "invited");
}
