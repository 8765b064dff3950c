//! `GET /invitations`: order, pages and the cursor. Filters are in `list_filters`.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use support::{ACCOUNT, Call, Response, TestApp};

use crate::helpers::{advance_to_expiry, assert_error, assert_response, delete, table, text, with};

const WRONG_CURSOR: &str = "cursor: this is not the 'next' of a list with these filters and this order; start again without a cursor";

async fn list(app: &TestApp, query: &str) -> Response {
    app.send(Call::get(&format!("/invitations{query}")).key(&app.full)).await
}

/// Creates `count` invitations, a second apart, and returns their resources, newest first.
async fn invite_many(app: &TestApp, count: usize) -> Vec<Value> {
    let mut resources = Vec::new();
    for n in 0..count {
        resources.push(app.invite(&format!("user.{n}@example.com")).await);
        app.advance(Duration::from_secs(1));
    }
    resources.reverse();
    resources
}

#[tokio::test]
async fn an_empty_list_has_no_next() {
    let app = TestApp::start().await;
    assert_response(&list(&app, "").await, 200, &json!({ "invitations": [] }), &[]);
}

#[tokio::test]
async fn thirty_invitations_fill_five_pages_of_seven_newest_first() {
    let app = TestApp::start().await;
    let all = invite_many(&app, 30).await;
    let before = table(&app).await;
    let mut query = "?limit=7".to_owned();
    for (page, expected) in all.chunks(7).enumerate() {
        let response = list(&app, &query).await;
        if page < 4 {
            let next = response.str("next");
            assert!(next.len() <= 512 && next.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{next}");
            assert_response(&response, 200, &json!({ "next": next, "invitations": expected }), &[]);
            // Both names of the parameter in turn.
            query = format!("?limit=7&{}={next}", if page % 2 == 0 { "cursor" } else { "next" });
        } else {
            assert_response(&response, 200, &json!({ "invitations": expected }), &[]);
        }
    }
    assert_eq!(table(&app).await, before, "a list writes nothing");
}

#[tokio::test]
async fn next_is_present_only_when_at_least_one_more_exists() {
    let app = TestApp::start().await;
    let all = invite_many(&app, 4).await;
    assert_response(&list(&app, "?limit=4").await, 200, &json!({ "invitations": all }), &[]);
    assert_response(&list(&app, "?limit=5").await, 200, &json!({ "invitations": all }), &[]);
    let three = list(&app, "?limit=3").await;
    assert_response(&three, 200, &json!({ "next": three.str("next"), "invitations": all[..3] }), &[]);
}

#[tokio::test]
async fn no_limit_and_a_limit_of_0_mean_25() {
    let app = TestApp::start().await;
    let all = invite_many(&app, 26).await;
    for query in ["", "?limit=0", "?limit=25", "?limit=00025"] {
        let response = list(&app, query).await;
        assert_response(&response, 200, &json!({ "next": response.str("next"), "invitations": all[..25] }), &[]);
    }
    assert_response(&list(&app, "?limit=26").await, 200, &json!({ "invitations": all }), &[]);
}

#[tokio::test]
async fn a_limit_of_more_than_100_is_served_as_100() {
    let app = TestApp::start().await;
    let all = invite_many(&app, 101).await;
    for limit in ["100", "101", "1000", "18446744073709551616", &"9".repeat(400)] {
        let response = list(&app, &format!("?limit={limit}")).await;
        assert_response(&response, 200, &json!({ "next": response.str("next"), "invitations": all[..100] }), &[]);
    }
    let last = list(&app, &format!("?limit=999&cursor={}", list(&app, "?limit=999").await.str("next"))).await;
    assert_response(&last, 200, &json!({ "invitations": all[100..] }), &[]);
}

#[tokio::test]
async fn a_limit_that_is_negative_or_not_an_integer_is_rejected() {
    let app = TestApp::start().await;
    for wrong in ["-1", "-0", "1.5", "7.0", "1e2", "seven", "", "%20", "7%20", "0x7", "%D9%A7", "1_000", "null"] {
        let response = list(&app, &format!("?limit={wrong}")).await;
        let message = "limit: must be an integer from 0 to 100; 0 means 25, and more than 100 is served as 100";
        assert_error(&response, 400, "invalid-limit", Some("limit"), message);
    }
}

#[tokio::test]
async fn cursor_and_next_together_are_rejected() {
    let app = TestApp::start().await;
    invite_many(&app, 2).await;
    let next = list(&app, "?limit=1").await.str("next");
    let message = "cursor: cursor and next are the same parameter; send only one of them";
    for query in [format!("?cursor={next}&next={next}"), "?next=&cursor=".to_owned()] {
        assert_error(&list(&app, &query).await, 400, "invalid-query", Some("cursor"), message);
    }
}

#[tokio::test]
async fn the_list_shows_each_state_as_it_is_now() {
    let app = TestApp::start().await;
    let mut expected = BTreeMap::new();
    for state in ["expired", "invited", "accepted", "declined", "revoked"] {
        let created = app.invite(&format!("{state}@example.com")).await;
        let id = text(&created, "id");
        let now = app.now().to_string();
        let shown = match state {
            "expired" => {
                advance_to_expiry(&app, &id).await;
                with(&created, json!({ "state": "expired" }))
            }
            "revoked" => app.send(Call::set_state(&id, "revoked").key(&app.full)).await.expect(200).json(),
            "invited" => created,
            closed => {
                app.close_as_invitee(&id, closed).await;
                with(&created, json!({ "state": closed, format!("{closed}At"): now }))
            }
        };
        expected.insert(id, shown);
    }
    let expected: Vec<Value> = expected.into_values().rev().collect();
    for key in [&app.full, &app.read_only] {
        let response = app.send(Call::get("/invitations").key(key)).await;
        assert_response(&response, 200, &json!({ "invitations": expected }), &[]);
    }
}

#[tokio::test]
async fn a_damaged_truncated_or_invented_cursor_is_rejected() {
    let app = TestApp::start().await;
    invite_many(&app, 2).await;
    let next = list(&app, "?limit=1").await.str("next");
    let bytes = URL_SAFE_NO_PAD.decode(&next).expect("a token is base64url");
    let mut wrong: Vec<String> = (0..bytes.len())
        .map(|at| {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            URL_SAFE_NO_PAD.encode(damaged)
        })
        .collect();
    let longer = URL_SAFE_NO_PAD.encode([bytes.as_slice(), &[0]].concat());
    let made_up =
        ["", "A", "null", "{}", "%00", "🦀", &next[1..], &next[..next.len() - 1], &longer, &format!("{next}%3D")].map(str::to_owned);
    wrong.extend(made_up);
    wrong.extend(["A".repeat(513), "A".repeat(100_000)]);
    for token in wrong {
        assert_error(&list(&app, &format!("?cursor={token}")).await, 400, "invalid-cursor", Some("cursor"), WRONG_CURSOR);
    }
}

#[tokio::test]
async fn a_cursor_is_rejected_for_another_account_and_for_other_filters() {
    let app = TestApp::start().await;
    invite_many(&app, 3).await;
    for n in 0..3 {
        app.send(Call::create(&format!("theirs.{n}@example.com"), "full-access").key(&app.other)).await.expect(201);
    }
    let lists = ["", "state=invited", "roleID=full-access", "state=invited&roleID=full-access"];
    for issued in lists {
        let next = list(&app, &format!("?limit=1&{issued}")).await.expect(200).str("next");
        let foreign = Call::get(&format!("/invitations?limit=1&{issued}&cursor={next}")).key(&app.other);
        assert_error(&app.send(foreign).await, 400, "invalid-cursor", Some("cursor"), WRONG_CURSOR);
        let more = ["email=user.1%40example.com", "state=revoked", "roleID=read-only"];
        for used in lists.iter().chain(&more).filter(|used| **used != issued) {
            let response = list(&app, &format!("?limit=1&{used}&cursor={next}")).await;
            assert_error(&response, 400, "invalid-cursor", Some("cursor"), WRONG_CURSOR);
        }
        // The page size is not a filter: it may change between pages.
        list(&app, &format!("?limit=2&{issued}&cursor={next}")).await.expect(200);
    }
}

#[tokio::test]
async fn paging_continues_while_invitations_are_added_changed_and_deleted() {
    let app = TestApp::start().await;
    let all = invite_many(&app, 9).await;
    let first = list(&app, "?limit=3").await.expect(200);
    // The row that the cursor names is deleted, a newer one is added, and one ahead is revoked.
    delete(&app, &format!("A#{ACCOUNT}"), &format!("I#{}", text(&all[2], "id"))).await;
    app.invite("new@example.com").await;
    let revoked = app.send(Call::set_state(&text(&all[4], "id"), "revoked").key(&app.full)).await.expect(200).json();

    let second = list(&app, &format!("?limit=3&cursor={}", first.str("next"))).await.expect(200);
    assert_eq!(second.json()["invitations"], json!([all[3], revoked, all[5]]));
    let third = list(&app, &format!("?limit=3&cursor={}", second.str("next"))).await;
    assert_response(&third, 200, &json!({ "invitations": all[6..] }), &[]);
}

#[tokio::test]
async fn the_last_page_is_empty_when_the_rest_was_purged() {
    let app = TestApp::start().await;
    let all = invite_many(&app, 2).await;
    let first = list(&app, "?limit=1").await.expect(200);
    for invitation in &all {
        delete(&app, &format!("A#{ACCOUNT}"), &format!("I#{}", text(invitation, "id"))).await;
    }
    let second = list(&app, &format!("?cursor={}", first.str("next"))).await;
    assert_response(&second, 200, &json!({ "invitations": [] }), &[]);
}
