//! Bulk at the same time as itself and as other requests.

use std::collections::BTreeSet;

use serde_json::Value;
use support::{
    ACCOUNT, Call, TestApp, Workers,
    faults::{
        Barrier,
        Fault::{self, Cancelled, ConflictAfterwards, ErrorAfterwards, ReplyLost},
    },
};

use crate::{
    bulk::{id, keyed, results, row, rows, statuses},
    common::{assert_consistent, charged, counts, describe, key_reused, processes, race},
};

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_runs_with_one_key_have_one_effect_and_one_response() {
    for (runs, count) in [(2, 100), (8, 60), (20, 30)] {
        let app = TestApp::start().await;
        let responses = race(&processes(&app, 8), std::iter::repeat_n(keyed(&app, &rows(count)), runs)).await;
        let first = responses.iter().find(|response| response.header("idempotent-replayed").is_none()).expect("one is not a replay");
        assert_eq!(statuses(&first.clone().expect(200)), vec![201; count]);
        for response in &responses {
            assert_eq!((response.status, &response.text), (200, &first.text));
        }
        let replays = responses.iter().filter(|response| response.header("idempotent-replayed").is_some()).count();
        assert_eq!(replays, runs - 1);
        for result in results(first) {
            assert_eq!(result["invitation"], describe(&app, &id(&result)).await);
        }
        assert_eq!((counts(&app).await, charged(&app).await), ([count, count, 1], count as i64));
        assert_consistent(&app).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_runs_with_one_key_agree_under_faults() {
    for seed in 0..12 {
        let app = TestApp::with(&[("SEND_QUOTA", "45")]).await;
        app.advance_to_window();
        app.invite("user-7@example.com").await;
        app.invite("user-29@example.com").await;
        let call = keyed(&app, &rows(60));
        let conflict = || Cancelled(vec!["TransactionConflict"]);
        app.faults.sometimes(seed, 3, vec![ReplyLost, ErrorAfterwards, ConflictAfterwards, conflict()]);
        let mut responses = race(&processes(&app, 4), std::iter::repeat_n(call.clone(), 6)).await;
        app.faults.clear();
        responses.push(app.send(call).await);
        responses.retain(|response| response.status != 503);
        for response in &responses {
            assert_eq!((response.status, &response.text), (200, &responses[0].text), "seed {seed}");
        }
        let fresh = responses.iter().filter(|response| response.header("idempotent-replayed").is_none()).count();
        assert!(fresh <= 1, "seed {seed}: {fresh} runs recorded the results");
        let found = results(&responses[0]);
        let created = found.iter().filter(|result| result["status"] == 201).count();
        assert_eq!((created, counts(&app).await[0], charged(&app).await), (43, 45, 45), "seed {seed}");
        for result in found.iter().filter(|result| result["status"] == 201) {
            assert_eq!(result["invitation"], describe(&app, &id(result)).await);
        }
        assert_consistent(&app).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_requests_with_one_key_one_wins() {
    let app = TestApp::start().await;
    for round in 0..10 {
        let rows = |other: bool| -> Vec<Value> { (0..5).map(|n| row(&format!("user-{round}-{other}-{n}@example.com"))).collect() };
        let call = |n: usize| Call::bulk(&rows(n.is_multiple_of(2))).key(&app.full).header("idempotency-key", &format!("k-{round}"));
        let responses = race(&processes(&app, 4), (0..8).map(call)).await;
        let won = responses.iter().position(|response| response.status == 200).expect("one request wins");
        for (n, response) in responses.iter().enumerate() {
            if n % 2 == won % 2 {
                assert_eq!((response.status, &response.text), (200, &responses[won].text));
            } else {
                assert_eq!((response.status, response.json()), (400, key_reused()));
            }
        }
        assert_eq!(counts(&app).await, [5 * (round + 1), 5 * (round + 1), round + 1]);
    }
    assert_consistent(&app).await;
}

/// The invitations that responses name as open, and those that they created.
fn named(responses: &[Vec<Value>], row: usize) -> (Vec<String>, Vec<String>) {
    let mut open = Vec::new();
    let mut created = Vec::new();
    for results in responses {
        match results[row]["status"].as_u64() {
            Some(201) => created.push(id(&results[row])),
            _ => {
                let message = results[row]["error"]["message"].as_str().expect("a message");
                let start = message.find("open invitation, ").unwrap_or_else(|| panic!("{message}")) + "open invitation, ".len();
                open.push(message[start..start + 32].to_owned());
            }
        }
    }
    (open, created)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_requests_for_the_same_addresses_each_address_has_one_winner() {
    let app = TestApp::start().await;
    let orders: [Vec<Value>; 2] = [rows(70), rows(70).into_iter().rev().collect()];
    let calls = (0..6).map(|n| Call::bulk(&orders[n % 2]).key(&app.full));
    let responses: Vec<Vec<Value>> = race(&processes(&app, 6), calls).await.into_iter().map(|it| results(&it.expect(200))).collect();
    let mut in_order = responses.clone();
    in_order.iter_mut().skip(1).step_by(2).for_each(|results| results.reverse());
    for row in 0..70 {
        let (open, created) = named(&in_order, row);
        assert_eq!((created.len(), open.len()), (1, 5), "user-{row}");
        assert!(open.iter().all(|id| *id == created[0]), "user-{row}: {open:?}");
    }
    assert_eq!((counts(&app).await, charged(&app).await), ([70, 70, 0], 70));
    assert_consistent(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_and_creates_of_its_addresses_invite_each_once() {
    let app = TestApp::start().await;
    let creates = (0..50).map(|n| Call::create(&format!("user-{n}@example.com"), "full-access").key(&app.full));
    let calls = creates.chain([Call::bulk(&rows(50)).key(&app.full)]);
    let mut responses = race(&processes(&app, 5), calls).await;
    let bulk = results(&responses.pop().expect("the bulk").expect(200));
    for (create, result) in responses.iter().zip(&bulk) {
        let (open, created) = named(&[vec![result.clone()]], 0);
        match create.status {
            201 => assert_eq!((open, created), (vec![create.str("id")], vec![])),
            400 => assert!(create.str("message").contains(&created[0]), "{}", create.text),
            _ => panic!("{}", create.text),
        }
    }
    assert_eq!((counts(&app).await, charged(&app).await), ([50, 50, 0], 50));
    assert_consistent(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_never_exceed_the_quota() {
    let app = TestApp::with(&[("SEND_QUOTA", "100")]).await;
    app.advance_to_window();
    let call = |n: usize| Call::bulk(&(0..30).map(|row_| row(&format!("user-{n}-{row_}@example.com"))).collect::<Vec<_>>()).key(&app.full);
    let responses = race(&processes(&app, 6), (0..6).map(call)).await;
    let statuses: Vec<u64> = responses.iter().flat_map(statuses).collect();
    let count = |status| statuses.iter().filter(|it| **it == status).count();
    assert_eq!((count(201), count(429)), (100, 80));
    assert_eq!((counts(&app).await, charged(&app).await), ([100, 100, 0], 100));
    assert_consistent(&app).await;
}

/// An accept frees the address while a bulk for it runs: the bulk names the invitation, or creates another one.
#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_and_accepts_of_its_addresses_agree() {
    let app = TestApp::start().await;
    let mut workers = Workers::of(&app).await;
    for n in 0..30 {
        app.invite(&format!("user-{n}@example.com")).await;
    }
    workers.deliver().await;
    let accepts = (0..30).map(|n| Call::holder("accept", &workers.last_token(&format!("user-{n}@example.com"))));
    let calls = [Call::bulk(&rows(30)).key(&app.full)].into_iter().chain(accepts);
    let mut responses = race(&processes(&app, 4), calls).await;
    let bulk = results(&responses.remove(0).expect(200));
    assert!(responses.iter().all(|response| response.status == 200));
    let accepted: BTreeSet<String> = {
        let list = app.send(Call::get("/invitations?state=accepted&limit=100").key(&app.full)).await.expect(200).json();
        list["invitations"].as_array().expect("a list").iter().map(|it| it["id"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(accepted.len(), 30);
    let mut created = 0;
    for row in 0..30 {
        let (open, new) = named(std::slice::from_ref(&bulk), row);
        created += new.len();
        assert!(open.iter().all(|id| accepted.contains(id)));
        assert!(new.iter().all(|id| !accepted.contains(id)));
    }
    assert_eq!(app.rows_of(ACCOUNT, "I#").await.len(), 30 + created);
    assert_eq!(app.rows_of(ACCOUNT, "P#").await.len(), created);
}

/// One email is left. The bulk tries its first row with it, but its second row is invited by someone else meanwhile, who uses it up.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_invited_while_the_quota_ran_out_is_already_invited() {
    let app = TestApp::with(&[("SEND_QUOTA", "3")]).await;
    app.advance_to_window();
    app.warm(&app.full).await;
    app.invite("user-7@example.com").await;
    app.invite("user-8@example.com").await;
    let barrier = Barrier::default();
    // Both rows are too many; then the first one alone.
    app.faults.transactions([Fault::None, Fault::Held(barrier.clone(), Box::new(Fault::None))]);
    let other = app.another(&[]);
    let (response, single) = tokio::join!(app.send(Call::bulk(&rows(2)).key(&app.full)), async {
        barrier.arrived().await;
        let single = other.send(Call::create("user-1@example.com", "full-access").key(&app.full)).await.expect(201);
        barrier.open();
        single
    });
    let found = results(&response.expect(200));
    assert_eq!((found[0]["status"].as_i64(), found[0]["error"]["code"].as_str()), (Some(429), Some("send-quota")));
    assert_eq!((found[1]["status"].as_i64(), found[1]["error"]["code"].as_str()), (Some(400), Some("already-invited")));
    assert!(found[1]["error"]["message"].as_str().is_some_and(|message| message.contains(&single.str("id"))), "{found:?}");
    assert_eq!(charged(&app).await, 3);
}
