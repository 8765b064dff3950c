//! Links for callers, under concurrency and faults: of all links that were handed out, at most the last one works.

use std::collections::BTreeSet;

use serde_json::json;
use support::{
    Call, Response, TestApp,
    faults::{
        Barrier,
        Fault::{self, ConflictAfterwards, Error, ErrorAfterwards, ReplyLost},
    },
    random::Random,
};

use crate::common::{assert_consistent, number, processes, race, resend, stored};

const ROLES: &str = r#"{ "full-access": { "can": ["invitations:read", "invitations:create", "invitations:modify", "invitations:link"],
    "mayGrant": ["*"] }, "read-only": { "can": ["invitations:read"], "mayGrant": [] } }"#;

/// The token in the link of a response.
fn token(response: &Response) -> Option<String> {
    let link = response.json().get("link")?.as_str()?.to_owned();
    Some(link.strip_prefix("https://api.example.com/accept#").expect("a link to the page").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_links_of_concurrent_sendings_only_the_last_one_works() {
    for seed in 0..4 {
        let mut random = Random::new(seed);
        let app = TestApp::with(&[("ROLES", ROLES), ("RESEND_COOLDOWN_SECONDS", "0"), ("MAX_SENDS", "20")]).await;
        let processes = processes(&app, 4);
        let create = Call::post("/invitations").json(&json!({ "email": "ann@example.com", "roleID": "full-access", "send": false }));
        let created = app.send(create.key(&app.full)).await.expect(201);
        let id = created.str("id");
        let mut handed_out = vec![token(&created).expect("a link")];
        app.faults.sometimes(random.bits(), 8, vec![ReplyLost, ErrorAfterwards, ConflictAfterwards, Error(503, "ServiceUnavailable")]);
        let mut calls = Vec::new();
        for n in 0..14 {
            let call = match random.below(5) {
                0 => Call::post(&format!("/invitations/{id}")).json(&json!({ "roleID": *random.pick(&["full-access", "guest"]) })),
                1 => resend(&id),
                _ => Call::post(&format!("/invitations/{id}?send=false")),
            };
            let keyed = random.chance(1, 2);
            let call = call.key(&app.full);
            calls.push(if keyed { call.header("idempotency-key", &format!("k{}", n / 2)) } else { call });
        }
        let responses = race(&processes, calls).await;
        app.faults.clear();
        app.faults.wait_until_idle().await;
        handed_out.extend(responses.iter().filter_map(token));
        assert_consistent(&app).await;
        let row = stored(&app, &id).await;
        let mut working = BTreeSet::new();
        for token in &handed_out {
            let lookup = app.send(Call::holder("lookup", token)).await;
            assert!([200, 404].contains(&lookup.status), "seed {seed}: {}", lookup.text);
            working.extend((lookup.status == 200).then_some(token));
        }
        // None works if the last sending was an email, or its response was lost.
        assert!(working.len() <= 1, "seed {seed}");
        if row.contains_key("link_only") && responses.iter().all(|it| it.status != 503) {
            assert_eq!(working.len(), 1, "seed {seed}: {}", number(&row, "tv"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_whose_reply_was_lost_returns_its_own_link_also_after_a_later_sending() {
    for create in [true, false] {
        let app = TestApp::with(&[("ROLES", ROLES), ("RESEND_COOLDOWN_SECONDS", "0")]).await;
        let body = json!({ "email": "ann@example.com", "roleID": "full-access", "send": false });
        let new = || Call::post("/invitations").json(&body).key(&app.full).header("idempotency-key", "k");
        let mut id = String::new();
        let call = if create {
            new()
        } else {
            id = app.send(new()).await.expect(201).str("id");
            Call::post(&format!("/invitations/{id}?send=false")).key(&app.full).header("idempotency-key", "l")
        };
        app.warm(&app.full).await;
        let barrier = Barrier::default();
        // A resend reads the invitation first. The reply to the write is lost, and then the operation looks for its own commit.
        let before = usize::from(!create);
        let writes = [Fault::ReplyLost, Fault::Held(barrier.clone(), Box::new(Fault::None))];
        app.faults.next(vec![Fault::None; before].into_iter().chain(writes));
        let other = app.another(&[]);
        let (response, later) = tokio::join!(app.send(call), async {
            barrier.arrived().await;
            if create {
                id = app.rows_of(support::ACCOUNT, "I#").await[0]["sk"].as_s().expect("a key").trim_start_matches("I#").to_owned();
            }
            let later = other.send(Call::post(&format!("/invitations/{id}?send=false")).key(&app.full)).await;
            barrier.open();
            later
        });
        app.faults.clear();
        let (own, later) = (token(&response).expect("its own link"), token(&later.expect(200)).expect("a link"));
        assert!(response.status < 300 && response.header("idempotent-replayed").is_none(), "{response:?}");
        assert_ne!(own, later);
        app.send(Call::holder("lookup", &own)).await.expect(404);
        app.send(Call::holder("lookup", &later)).await.expect(200);
    }
}
