//! Everything at once, over a table that loses replies and conflicts at random: whoever was told a success has had it, and the
//! table is consistent whatever happened.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;
use support::{
    ACCOUNT, Call, Response, TestApp,
    faults::Fault::{Cancelled, ConflictAfterwards, Error, ErrorAfterwards, Refused, ReplyLost},
    random::Random,
};

use crate::common::{assert_consistent, charged, describe, ids, processes, race, resend, walk};

/// One round's calls: on three addresses and on invitations that there are.
fn calls(choices: &mut Random, key: &str, known: &[String], round: usize) -> Vec<Call> {
    let one = |n: usize| {
        let mut id = || if known.is_empty() { "0".repeat(32) } else { known[choices.below(known.len().min(4))].clone() };
        let call = match n % 5 {
            0 | 1 => Call::create(&format!("user-{}@example.com", n % 3), "full-access"),
            2 => resend(&id()),
            3 => Call::set_state(&id(), "revoked"),
            _ => Call::set_state(&id(), "invited"),
        };
        if n.is_multiple_of(2) { call.key(key).header("idempotency-key", &format!("{round}-{}", n / 10)) } else { call.key(key) }
    };
    (0..20).map(one).collect()
}

/// How many sendings the answers speak of, each first answer counted once.
fn sendings_told(responses: &[Response], sent_at: &str) -> BTreeMap<(String, String), usize> {
    let mut told = BTreeMap::new();
    for response in responses.iter().filter(|it| it.status < 300 && it.header("idempotent-replayed").is_none()) {
        let body = response.json();
        if body["lastSent"] == sent_at && body["state"] == "invited" {
            *told.entry((response.str("id"), response.str("lastSent"))).or_default() += 1;
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn random_histories_over_a_failing_table_keep_every_promise() {
    let app = TestApp::with(&[("SEND_QUOTA", "100000"), ("MAX_SENDS", "20")]).await;
    let processes = processes(&app, 4);
    let faults = vec![
        ReplyLost,
        ErrorAfterwards,
        ConflictAfterwards,
        Refused,
        Cancelled(vec!["TransactionConflict"]),
        Error(500, "InternalServerError"),
    ];
    let mut choices = Random::new(20_260_101);
    let (mut met, mut successes) = (0, 0);
    for round in 0..8 {
        race(&processes, (0..4).map(|_| Call::get("/invitations").key(&app.full))).await;
        let known = ids(&walk(&app, &app.full, "limit=100", async |_: &[Value]| ()).await.concat());
        let calls = calls(&mut choices, &app.full, &known, round);
        let sent_at = app.now().to_string();
        let before = charged(&app).await;
        app.faults.sometimes(round as u64, 5, faults.clone());
        let responses = race(&processes, calls).await;
        met += app.faults.met();
        app.faults.clear();

        for response in &responses {
            let code = response.json()["code"].as_str().unwrap_or_default().to_owned();
            let allowed = match response.status {
                200 | 201 => true,
                400 => ["already-invited", "already-revoked", "idempotency-key-reused", "max-sends"].contains(&code.as_str()),
                404 => known.is_empty(),
                429 => code == "resend-cooldown",
                503 => true,
                _ => false,
            };
            assert!(allowed, "{}", response.text);
            if response.status < 300 {
                successes += 1;
                let now = describe(&app, &response.str("id")).await;
                assert_eq!(now["created"], response.json()["created"]);
                assert!(
                    now["state"] == "revoked" || now == response.json() || response.json()["lastSent"] != now["lastSent"],
                    "{}",
                    response.text
                );
            }
            if code == "already-invited" {
                let told = response.str("message");
                let rows = app.rows_of(ACCOUNT, "I#").await;
                assert!(rows.iter().any(|row| row["sk"].as_s().is_ok_and(|sk| told.contains(&sk[2..]))), "{told}");
            }
        }
        assert_consistent(&app).await;
        // What was told is no more than what was done: a sending has one caller who was told of it as his own, or none, if his
        // answer was a 503; those who asked for what was so already saw it, too.
        let sent = usize::try_from(charged(&app).await - before).expect("a count");
        assert!(sendings_told(&responses, &sent_at).len() <= sent, "{sent}");
        app.advance(if round % 4 == 3 { Duration::from_secs(8 * 86_400) } else { Duration::from_secs(61) });
    }
    assert!(met > 25, "{met} faults");
    assert!(successes > 40, "{successes} successes");
}
