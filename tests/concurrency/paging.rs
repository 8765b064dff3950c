//! Paging through a list without changes: complete, in order, without an empty page.

use std::time::Duration;

use serde_json::{Value, json};
use support::{Call, TestApp};

use crate::common::{describe, ids, read_pages};

async fn nothing(_: &[Value]) {}

/// Creates invitations a second apart; the newest comes first.
async fn invite_many(app: &TestApp, count: usize) -> Vec<Value> {
    let mut invited = Vec::new();
    for n in 0..count {
        invited.push(app.invite(&format!("user-{n}@example.com")).await);
        app.advance(Duration::from_secs(1));
    }
    invited.reverse();
    invited
}

fn sizes(pages: &[Vec<Value>]) -> Vec<usize> {
    pages.iter().map(Vec::len).collect()
}

#[tokio::test]
async fn thirty_invitations_fill_five_pages_of_seven_newest_first() {
    let app = TestApp::start().await;
    let all = invite_many(&app, 30).await;
    let pages = read_pages(&app, &app.full, "limit=7", nothing).await;
    assert_eq!(sizes(&pages), [7, 7, 7, 7, 2]);
    assert_eq!(pages.concat(), all);
    assert_eq!(read_pages(&app, &app.read_only, "limit=7", nothing).await, pages, "for both roles");
    assert_eq!(read_pages(&app, &app.other, "limit=7", nothing).await, [[]; 1] as [[Value; 0]; 1], "another account has none");
}

#[tokio::test]
async fn a_page_that_ends_with_the_last_invitation_has_no_next() {
    let app = TestApp::start().await;
    let all = invite_many(&app, 28).await;
    for (query, expected) in [
        ("limit=7", vec![7; 4]),
        ("limit=14", vec![14; 2]),
        ("limit=28", vec![28]),
        ("limit=27", vec![27, 1]),
        ("limit=1", vec![1; 28]),
        ("limit=0", vec![25, 3]),
        ("", vec![25, 3]),
        ("limit=1000", vec![28]),
        ("limit=7&roleID=full-access", vec![7; 4]),
        ("limit=7&state=invited", vec![7; 4]),
        ("limit=7&order=asc", vec![7; 4]),
        ("limit=7&state=invited&order=desc", vec![7; 4]),
        ("limit=7&emailPrefix=user-&order=desc", vec![7; 4]),
    ] {
        let pages = read_pages(&app, &app.full, query, nothing).await;
        assert_eq!(sizes(&pages), expected, "{query}");
        let mut read = pages.concat();
        if query.ends_with("state=invited") || query.ends_with("order=asc") {
            read.reverse(); // The oldest first.
        }
        if query.contains("emailPrefix") {
            read.sort_by_key(|it| std::cmp::Reverse(it["id"].to_string())); // By address, for which user-10 precedes user-9.
        }
        assert_eq!(read, all, "{query}");
    }
    let empty = app.send(Call::get("/invitations?state=revoked").key(&app.full)).await.expect(200);
    assert_eq!(empty.text, r#"{"invitations":[]}"#);
}

#[tokio::test]
async fn a_page_reads_at_most_a_hundred_rows_and_one() {
    let app = TestApp::start().await;
    let all = invite_many(&app, 101).await;
    let _ = app.faults.take_requests();
    let pages = read_pages(&app, &app.full, "limit=100000", nothing).await;
    assert_eq!((sizes(&pages), pages.concat()), (vec![100, 1], all));
    let limits: Vec<Value> =
        app.faults.take_requests().into_iter().filter(|(name, _)| name == "Query").map(|(_, body)| body["Limit"].clone()).collect();
    assert_eq!(limits, [json!(101), json!(101)]);
}

#[tokio::test]
async fn each_filter_alone_pages_through_its_invitations_in_order() {
    let app = TestApp::with(&[("SEND_QUOTA", "10000")]).await;
    let mut by_state: [Vec<String>; 4] = Default::default();
    let [revoked, accepted, declined, invited] = &mut by_state;
    let mut of_one_address = Vec::new();
    for n in 0..44 {
        let address = if n % 4 == 0 { "Ann@Example.com".to_owned() } else { format!("user-{n}@example.com") };
        let id = app.invite(&address).await["id"].as_str().expect("an id").to_owned();
        app.advance(Duration::from_millis(700));
        match n % 4 {
            0 => {
                app.send(Call::set_state(&id, "revoked").key(&app.full)).await.expect(200);
                of_one_address.insert(0, id.clone());
                revoked.insert(0, id);
            }
            1 => {
                app.close_as_invitee(&id, "accepted").await;
                accepted.insert(0, id);
            }
            2 => {
                app.close_as_invitee(&id, "declined").await;
                declined.insert(0, id);
            }
            _ => invited.push(id),
        }
    }
    let reversed = |ids: &[String]| ids.iter().rev().cloned().collect::<Vec<_>>();
    let oldest_first = reversed(&of_one_address);
    let lists = [
        ("state=revoked", by_state[0].clone()),
        ("state=accepted", by_state[1].clone()),
        ("state=declined", by_state[2].clone()),
        ("state=invited", by_state[3].clone()),
        ("email=ANN@example.com", of_one_address.clone()),
        ("state=revoked&order=asc", reversed(&by_state[0])),
        ("state=accepted&order=asc", reversed(&by_state[1])),
        ("state=declined&order=asc", reversed(&by_state[2])),
        ("state=invited&order=desc", reversed(&by_state[3])),
        ("email=ann@example.com&order=asc", oldest_first.clone()),
        ("emailPrefix=ANN", oldest_first.clone()),
        ("emailPrefix=ann@example.com", oldest_first),
        ("emailPrefix=ann&order=desc", of_one_address),
    ];
    for (query, expected) in lists {
        for (limit, sized) in [(3, vec![3, 3, 3, 2]), (11, vec![11])] {
            let _ = app.faults.take_requests();
            let pages = read_pages(&app, &app.full, &format!("{query}&limit={limit}"), nothing).await;
            assert_eq!((sizes(&pages), &ids(&pages.concat())), (sized.clone(), &expected), "{query}");
            let queries = app.faults.take_requests().into_iter().filter(|(name, _)| name == "Query");
            let limits: Vec<Value> = queries.map(|(_, body)| body["Limit"].clone()).collect();
            assert_eq!(limits, vec![json!(limit + 1); sized.len()], "each page reads one row more than it shows");
            for invitation in &pages.concat() {
                assert_eq!(*invitation, describe(&app, invitation["id"].as_str().expect("an id")).await);
            }
        }
    }

    app.advance(Duration::from_secs(8 * 86_400));
    let mut expired = by_state[3].clone();
    expired.reverse(); // Latest first.
    let pages = read_pages(&app, &app.full, "state=expired&limit=3", nothing).await;
    assert_eq!((sizes(&pages), ids(&pages.concat())), (vec![3, 3, 3, 2], expired));
    let pages = read_pages(&app, &app.full, "state=expired&order=asc&limit=3", nothing).await;
    assert_eq!((sizes(&pages), ids(&pages.concat())), (vec![3, 3, 3, 2], by_state[3].clone()));
    assert_eq!(read_pages(&app, &app.full, "state=invited", nothing).await.concat(), Vec::<Value>::new());
}
