//! Every earlier link is invalid, under concurrency too; and reading never changes anything.

use futures_util::future::join_all;
use support::{ACCOUNT, Call, Response};

use crate::helpers::{COOLDOWN, EMAIL, LIFETIME, describe, invited, resend, revoke, start, use_link};

#[tokio::test]
async fn t3_after_each_resend_every_earlier_link_is_a_404() {
    let (app, mut workers) = start().await;
    let (id, first) = invited(&app, &mut workers).await;
    let mut dead = vec![first];
    for _ in 0..5 {
        app.advance(COOLDOWN);
        resend(&app, &id).await.expect(200);
        // From the commit on, before any email is sent.
        for token in &dead {
            for verb in ["lookup", "accept", "decline"] {
                use_link(&app, verb, token).await.expect_error(404, "not-found");
            }
        }
        workers.deliver().await;
        let token = workers.last_token(EMAIL);
        assert_eq!(use_link(&app, "lookup", &token).await.expect(200).json()["state"], "invited");
        dead.push(token);
    }
    use_link(&app, "accept", &dead.pop().unwrap()).await.expect(200);
}

#[tokio::test]
async fn a_resend_of_an_expired_invitation_invalidates_the_expired_link() {
    let (app, mut workers) = start().await;
    let (id, token) = invited(&app, &mut workers).await;
    app.advance(LIFETIME);
    use_link(&app, "accept", &token).await.expect_error(400, "expired");
    resend(&app, &id).await.expect(200);
    use_link(&app, "accept", &token).await.expect_error(404, "not-found");
}

/// The status of a response, with the code of an error or the state.
fn summary(response: &Response) -> (u16, String) {
    let body = response.json();
    (response.status, body["code"].as_str().or(body["state"].as_str()).unwrap_or_default().to_owned())
}

/// Runs two calls at once, several times, and returns their responses with the final state.
async fn race(left: &str, right: &str) -> Vec<((u16, String), (u16, String), String)> {
    let (app, mut workers) = start().await;
    let mut seen = Vec::new();
    for round in 0..12 {
        let email = format!("user.{round}@example.com");
        let id = crate::helpers::id(&app.invite(&email).await);
        workers.deliver().await;
        app.advance(COOLDOWN);
        let token = workers.last_token(&email);
        let call = |what: &str| match what {
            "revoke" => Call::set_state(&id, "revoked").key(&app.full),
            "resend" => Call::post(&format!("/invitations/{id}")).key(&app.full),
            verb => Call::holder(verb, &token),
        };
        let processes = [app.another(&[]), app.another(&[])];
        let mut calls = [call(left), call(right)];
        if round % 2 == 1 {
            calls.reverse();
        }
        let mut answers: Vec<_> = join_all(processes.iter().zip(calls).map(|(process, call)| process.send(call))).await;
        if round % 2 == 1 {
            answers.reverse();
        }
        let state = describe(&app, &id).await["state"].as_str().unwrap().to_owned();
        let lock = app.rows_of(ACCOUNT, "P#").await.iter().any(|row| row["inv"].as_s() == Ok(&id));
        assert_eq!(lock, state == "invited", "an open invitation holds its lock");
        seen.push((summary(&answers[0]), summary(&answers[1]), state));
    }
    seen
}

fn answer(status: u16, word: &str) -> (u16, String) {
    (status, word.to_owned())
}

#[tokio::test]
async fn of_a_concurrent_accept_and_decline_one_succeeds_and_the_other_is_rejected() {
    for outcome in race("accept", "decline").await {
        let accepted = (answer(200, "accepted"), answer(400, "already-accepted"), "accepted".to_owned());
        let declined = (answer(400, "already-declined"), answer(200, "declined"), "declined".to_owned());
        assert!([accepted, declined].contains(&outcome), "{outcome:?}");
    }
}

#[tokio::test]
async fn of_a_concurrent_accept_and_revoke_one_succeeds_and_the_other_is_rejected() {
    for outcome in race("accept", "revoke").await {
        let accepted = (answer(200, "accepted"), answer(400, "already-accepted"), "accepted".to_owned());
        let revoked = (answer(400, "already-revoked"), answer(200, "revoked"), "revoked".to_owned());
        assert!([accepted, revoked].contains(&outcome), "{outcome:?}");
    }
}

#[tokio::test]
async fn in_a_race_of_accept_and_resend_the_link_works_or_is_invalid() {
    for outcome in race("accept", "resend").await {
        let accepted = (answer(200, "accepted"), answer(400, "already-accepted"), "accepted".to_owned());
        let resent = (answer(404, "not-found"), answer(200, "invited"), "invited".to_owned());
        assert!([accepted, resent].contains(&outcome), "{outcome:?}");
    }
}

#[tokio::test]
async fn many_concurrent_accepts_all_succeed_and_are_one() {
    let (app, mut workers) = start().await;
    let (_, token) = invited(&app, &mut workers).await;
    let process = app.another_patient();
    let answers = join_all((0..25).map(|_| process.send(Call::holder("accept", &token)))).await;
    assert!(answers.iter().all(|answer| summary(answer) == self::answer(200, "accepted")), "{answers:?}");
    workers.deliver().await;
    assert_eq!(workers.event_types(), ["created", "accepted"]);
}

#[tokio::test]
async fn t1_no_get_head_or_options_of_any_path_changes_anything() {
    let (app, mut workers) = start().await;
    let (id, token) = invited(&app, &mut workers).await;
    let before = app.rows().await;
    let routes = [
        "GET /invitations",
        "GET /invitations/{id}",
        "POST /invitations",
        "POST /invitations/{id}",
        "POST /invitations/lookup",
        "POST /invitations/accept",
        "POST /invitations/decline",
    ];
    for method in ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PATCH"] {
        for route in routes {
            // Whichever function a gateway routes it to, none of them accepts it.
            let path = route.split_once(' ').unwrap().1.replace("{id}", &id);
            let event = Call::new(method, &path).json(&serde_json::json!({ "token": token })).event();
            let response = app.send_event(route, &event.to_string()).await;
            assert!(response.status >= 400 || route.starts_with(method), "{method} {route}: {}", response.text);
        }
    }
    let after = app.rows().await;
    assert_eq!(after.len(), before.len());
    assert!(after.iter().all(|row| before.contains(row)));
    workers.deliver().await;
    assert_eq!(workers.inbox.emails().len(), 1);
    revoke(&app, &id).await.expect(200);
}

#[tokio::test]
async fn t4_no_token_assembled_from_parts_of_others_opens_anything() {
    let (app, mut workers) = start().await;
    let mut tokens = Vec::new();
    for (number, key) in [&app.full, &app.other, &app.full].into_iter().enumerate() {
        let email = format!("user.{number}@example.com");
        app.send(Call::create(&email, "read-only").key(key)).await.expect(201);
        workers.deliver().await;
        tokens.push(workers.last_token(&email));
    }
    let parts: Vec<Vec<&str>> = tokens.iter().map(|token| token.split('.').collect()).collect();
    let mut opened = 0;
    for account in 0..3 {
        for id in 0..3 {
            for secret in 0..3 {
                let token = ["i1", parts[account][1], parts[id][2], parts[secret][3]].join(".");
                let response = use_link(&app, "lookup", &token).await;
                let whole = tokens.contains(&token);
                assert_eq!(response.status, if whole { 200 } else { 404 }, "{account} {id} {secret}");
                opened += usize::from(whole);
            }
        }
    }
    // Accounts 0 and 2 are the same.
    assert_eq!(opened, 5);
}
