//! Races of many callers for one address.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;
use support::{Call, Response, TestApp};

use crate::common::{
    already_invited, already_revoked, assert_consistent, charged, cooldown, counts, describe, key_reused, number, processes, race, resend,
    staggered, stored, text,
};

/// The responses with this status.
fn with_status(responses: &[Response], status: u16) -> Vec<&Response> {
    responses.iter().filter(|response| response.status == status).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_200_creates_for_one_address_one_succeeds_and_199_get_its_id() {
    let app = TestApp::start().await;
    let spellings = ["ann@example.com", "Ann@Example.COM", " ann@example.com", "ANN@EXAMPLE.COM  ", "aNN@example.com"];
    let calls = (0..200).map(|n| Call::create(spellings[n % spellings.len()], "full-access").key(&app.full));
    let responses = race(&processes(&app, 8), calls).await;

    let created = with_status(&responses, 201);
    assert_eq!(created.len(), 1);
    let id = created[0].str("id");
    assert_eq!(created[0].header("location"), Some(format!("/invitations/{id}").as_str()));
    assert_eq!(created[0].json(), describe(&app, &id).await);
    let refused = with_status(&responses, 400);
    let other = responses.iter().find(|response| !matches!(response.status, 201 | 400));
    assert_eq!((refused.len(), other), (199, None));
    for response in refused {
        assert_eq!(response.json(), already_invited(&id));
    }
    assert_eq!((counts(&app).await, charged(&app).await), ([1, 1, 0], 1));
    assert_consistent(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_creates_with_one_key_are_one_create_and_199_replays() {
    let app = TestApp::start().await;
    let call = Call::create("ann@example.com", "full-access").key(&app.full).header("idempotency-key", "one");
    let responses = race(&processes(&app, 8), std::iter::repeat_n(call, 200)).await;

    let first = responses.iter().find(|response| response.header("idempotent-replayed").is_none()).expect("one is not a replay");
    let mut replayed = first.clone();
    replayed.headers.insert("idempotent-replayed".to_owned(), "true".to_owned());
    assert_eq!((first.status, first.json()), (201, describe(&app, &first.str("id")).await));
    assert_eq!(responses.iter().filter(|response| **response == replayed).count(), 199);
    assert_eq!((counts(&app).await, charged(&app).await), ([1, 1, 1], 1));
    assert_consistent(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn creates_with_one_key_and_two_requests_are_one_create_its_replays_and_rejections() {
    let app = TestApp::start().await;
    let processes = processes(&app, 4);
    for round in 0..10 {
        let address = |n: usize| format!("{}-{round}@example.com", ["ann", "bob"][n % 2]);
        let call = |n| Call::create(&address(n), "full-access").key(&app.full).header("idempotency-key", &format!("key-{round}"));
        let responses = race(&processes, (0..20).map(call)).await;
        let won = responses.iter().position(|response| response.status == 201).expect("one request wins");
        for (n, response) in responses.iter().enumerate() {
            if n % 2 == won % 2 {
                assert_eq!((response.status, &response.text), (201, &responses[won].text));
            } else {
                assert_eq!((response.status, response.json()), (400, key_reused()));
            }
        }
        assert_eq!(counts(&app).await, [round + 1; 3]);
    }
    assert_eq!(charged(&app).await, 10);
    assert_consistent(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_creates_never_exceed_the_quota() {
    let app = TestApp::with(&[("SEND_QUOTA", "10")]).await;
    let calls = (0..60).map(|n| Call::create(&format!("user-{n}@example.com"), "full-access").key(&app.full));
    let responses = race(&processes(&app, 4), calls).await;
    assert_eq!(with_status(&responses, 201).len(), 10);
    for response in with_status(&responses, 429) {
        assert_eq!(response.json()["code"], "send-quota");
    }
    assert_eq!(with_status(&responses, 429).len(), 50);
    assert_eq!((counts(&app).await, charged(&app).await), ([10, 10, 0], 10));
    assert_consistent(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_invited_again_only_after_the_old_invitation_has_expired() {
    let app = TestApp::start().await;
    let processes = processes(&app, 4);
    for round in 0..20 {
        let address = format!("user-{round}@example.com");
        let old = app.invite(&address).await;
        let old_id = old["id"].as_str().expect("an id");
        let expiry = number(&stored(&app, old_id).await, "exp");
        let left = u64::try_from(expiry - app.now().as_millis()).expect("it is open");
        app.advance(Duration::from_millis(left - 3));

        // The clock passes the expiry while the calls run.
        let calls = (0..8).map(|_| Call::create(&address, "full-access").key(&app.full));
        let (responses, ()) = tokio::join!(race(&processes, calls), async {
            for _ in 0..6 {
                tokio::time::sleep(Duration::from_millis(1)).await;
                app.advance(Duration::from_millis(1));
            }
        });

        let created = with_status(&responses, 201);
        assert!(created.len() <= 1, "{created:?}");
        let new_id = created.first().map(|response| response.str("id"));
        if let Some(id) = &new_id {
            assert!(number(&stored(&app, id).await, "created") >= expiry, "the old one had expired");
        }
        for response in with_status(&responses, 400) {
            let named = [Some(old_id), new_id.as_deref()].into_iter().flatten().map(already_invited).any(|body| body == response.json());
            assert!(named, "{}", response.text);
        }
        assert_eq!(created.len() + with_status(&responses, 400).len(), 8);
        assert_eq!(describe(&app, old_id).await["state"], "expired");
        assert_consistent(&app).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_creates_and_resends_for_one_address_exactly_one_succeeds() {
    let app = TestApp::with(&[("SEND_QUOTA", "10000")]).await;
    let processes = processes(&app, 4);
    let mut winners = BTreeSet::new();
    for round in 0..24 {
        let address = format!("user-{round}@example.com");
        let mut expired = Vec::new();
        for _ in 0..2 {
            expired.push(app.invite(&address).await["id"].as_str().expect("an id").to_owned());
            app.advance(Duration::from_secs(8 * 86_400));
        }
        let create = Call::create(&address, "full-access").key(&app.full);
        // A resend reads first; without a delay the creates would always win.
        let delay = [0, 4, 10, 20][round % 4];
        let calls = [(delay, create), (0, resend(&expired[0]).key(&app.full)), (delay / 8, resend(&expired[1]).key(&app.full))];
        let responses = staggered(&processes, calls.into_iter().cycle().skip(round % 3).take(9)).await;

        let won: Vec<&Response> = responses.iter().filter(|response| response.status < 300).collect();
        assert_eq!(won.len(), 1, "{responses:?}");
        let id = won[0].str("id");
        winners.insert(expired.iter().position(|old| *old == id));
        assert_eq!(won[0].json(), describe(&app, &id).await);
        for (n, response) in responses.iter().enumerate().filter(|(_, response)| response.status >= 300) {
            let of_winner = [None, Some(&expired[0]), Some(&expired[1])][(n + round) % 3] == Some(&id);
            let expected = if of_winner { (429, cooldown(60)) } else { (400, already_invited(&id)) };
            assert_eq!((response.status, response.json()), expected);
        }
        assert_consistent(&app).await;
    }
    assert!(winners.len() > 1, "the race has more than one outcome: {winners:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_that_races_a_revocation_succeeds_or_names_the_old_invitation() {
    let app = TestApp::start().await;
    let processes = processes(&app, 4);
    for round in 0..25 {
        let address = format!("user-{round}@example.com");
        let old = app.invite(&address).await["id"].as_str().expect("an id").to_owned();
        let create = Call::create(&address, "full-access").key(&app.full);
        let revoke = Call::set_state(&old, "revoked").key(&app.full);
        let calls = [create.clone(), create.clone(), revoke, create.clone(), create];
        let responses = race(&processes, calls).await;

        assert_eq!((responses[2].status, responses[2].json()), (200, describe(&app, &old).await));
        let created = with_status(&responses, 201);
        assert!(created.len() <= 1);
        let new = created.first().map(|response| response.str("id"));
        for response in with_status(&responses, 400) {
            let named = [Some(old.as_str()), new.as_deref()].into_iter().flatten().any(|id| already_invited(id) == response.json());
            assert!(named, "{}", response.text);
        }
        assert_eq!(text(&stored(&app, &old).await, "st"), "revoked");
        assert_consistent(&app).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_wins_over_a_concurrent_resend_and_both_get_their_own_result() {
    let app = TestApp::with(&[("SEND_QUOTA", "10000")]).await;
    let processes = processes(&app, 4);
    let mut ends = BTreeSet::new();
    for round in 0..40 {
        let id = app.invite(&format!("user-{round}@example.com")).await["id"].as_str().expect("an id").to_owned();
        app.advance(Duration::from_secs(if round % 4 == 3 { 8 * 86_400 } else { 61 }));
        let now = app.now();
        let mut calls = vec![Call::set_state(&id, "revoked").key(&app.full), resend(&id).key(&app.full)];
        if round % 2 == 1 {
            calls.reverse();
        }
        let mut responses = race(&processes, calls).await;
        if round % 2 == 1 {
            responses.reverse();
        }

        let end = describe(&app, &id).await;
        let row = stored(&app, &id).await;
        assert_eq!((responses[0].status, responses[0].json()), (200, end.clone()));
        assert_eq!((&end["state"], &end["revokedAt"]), (&json!("revoked"), &json!(now.to_string())));
        match responses[1].status {
            200 => {
                // The resend came first: its response lacks only the changes of the revocation.
                let mut between = end;
                between["state"] = "invited".into();
                between.as_object_mut().expect("an object").remove("revokedAt");
                assert_eq!(responses[1].json(), between);
                assert_eq!(responses[1].str("lastSent"), now.to_string());
                assert_eq!(number(&row, "sends"), 2);
            }
            _ => {
                assert_eq!((responses[1].status, responses[1].json()), (400, already_revoked()));
                assert_eq!(number(&row, "sends"), 1);
            }
        }
        ends.insert(responses[1].status);
        assert_consistent(&app).await;
    }
    assert_eq!(ends, BTreeSet::from([200, 400]), "the race has two outcomes");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_concurrent_resends_one_is_sent_and_the_others_are_429() {
    let app = TestApp::start().await;
    let processes = processes(&app, 4);
    for round in 0..8 {
        let id = app.invite(&format!("user-{round}@example.com")).await["id"].as_str().expect("an id").to_owned();
        let before = stored(&app, &id).await;
        app.advance(Duration::from_secs(if round % 2 == 0 { 60 } else { 8 * 86_400 }));
        let responses = race(&processes, std::iter::repeat_n(resend(&id).key(&app.full), 25)).await;

        let sent = with_status(&responses, 200);
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].json(), describe(&app, &id).await);
        assert_eq!(sent[0].str("lastSent"), app.now().to_string());
        let refused = with_status(&responses, 429);
        assert_eq!(refused.len(), 24);
        for response in refused {
            assert_eq!((response.json(), response.header("retry-after")), (cooldown(60), Some("60")));
        }
        let after = stored(&app, &id).await;
        assert_eq!(number(&after, "sends"), 2);
        assert_ne!(text(&after, "th"), text(&before, "th"), "the old link is invalid");
        assert_consistent(&app).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_concurrent_revocations_are_one_and_all_return_it() {
    let app = TestApp::start().await;
    let processes = processes(&app, 4);
    for round in 0..8 {
        let id = app.invite(&format!("user-{round}@example.com")).await["id"].as_str().expect("an id").to_owned();
        let responses = race(&processes, std::iter::repeat_n(Call::set_state(&id, "revoked").key(&app.full), 25)).await;
        let end = describe(&app, &id).await;
        assert_eq!((&end["state"], &end["revokedAt"]), (&json!("revoked"), &json!(app.now().to_string())));
        for response in responses {
            assert_eq!((response.status, response.json()), (200, end.clone()));
        }
        assert_consistent(&app).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_and_an_acceptance_of_the_old_role_never_both_succeed() {
    let app = TestApp::start().await;
    let mut workers = support::Workers::of(&app).await;
    let processes = processes(&app, 4);
    let mut ends = BTreeSet::new();
    for round in 0..40 {
        let address = format!("user-{round}@example.com");
        let id = app.invite(&address).await["id"].as_str().expect("an id").to_owned();
        workers.deliver().await;
        let shown = json!({ "token": workers.last_token(&address), "roleID": "full-access" });
        let accept = Call::post("/invitations/accept").json(&shown);
        let change = Call::post(&format!("/invitations/{id}")).json(&json!({ "roleID": "read-only" })).key(&app.full);
        let responses = staggered(&processes, [(round % 4, accept), ((round / 4) % 4, change)]).await;
        let end = describe(&app, &id).await;
        let [accepted, changed] = [&responses[0], &responses[1]].map(|it| it.status);
        ends.insert((accepted, changed));
        match (accepted, changed) {
            (200, 400) => {
                assert_eq!((&end["state"], &end["roleID"]), (&json!("accepted"), &json!("full-access")));
                assert_eq!(responses[1].json()["code"], "already-accepted");
            }
            (400, 200) => {
                assert_eq!((&end["state"], &end["roleID"]), (&json!("invited"), &json!("read-only")));
                assert_eq!(responses[0].json()["code"], "role-changed");
            }
            both => panic!("{both:?}"),
        }
    }
    assert_eq!(ends.len(), 2, "the race has two outcomes");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_changes_all_succeed_and_the_lock_lasts_as_long_as_the_invitation() {
    let app = TestApp::start().await;
    let processes = processes(&app, 4);
    for round in 0..10 {
        let id = app.invite(&format!("user-{round}@example.com")).await["id"].as_str().expect("an id").to_owned();
        let expiry =
            |days: i64| app.now().plus(Duration::from_secs(86_400) * u32::try_from(days).expect("small")).floor_to_second().to_string();
        let change = |body| Call::post(&format!("/invitations/{id}")).json(&body).key(&app.full);
        let calls = (1..6).map(|n| change(json!({ "roleID": format!("role-{n}"), "expiry": expiry(n) })));
        let responses = race(&processes, calls).await;
        assert_eq!(with_status(&responses, 200).len(), 5, "{responses:?}");
        let end = describe(&app, &id).await;
        assert!(responses.iter().any(|response| response.json() == end));
        assert_eq!(number(&stored(&app, &id).await, "rev"), 6);
        assert_consistent(&app).await;
    }
}
