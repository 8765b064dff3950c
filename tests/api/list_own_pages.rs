//! The pages of `GET /invitations/mine`.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;
use support::{Call, People, TestApp};

use crate::{
    helpers::{LIFETIME, assert_error, delete},
    list_own_invitations::{EMAIL, OTHERS, ids, invite_to_accounts, mine, mine_of},
};

const NOT_A_CURSOR: &str = "cursor: this is not the 'next' of a list of your invitations; start again without a cursor";

/// All pages of [`EMAIL`]. `between` runs after each page but the last.
async fn pages(app: &TestApp, people: &People, limit: usize, mut between: impl AsyncFnMut(&[String])) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = mine(app, people, &format!("?limit={limit}{cursor}")).await.expect(200).json();
        pages.push(ids(page["invitations"].as_array().expect("a list")));
        let Some(next) = page["next"].as_str() else { return pages };
        assert!(next.len() <= 512 && next.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{next}");
        cursor = format!("&cursor={next}");
        assert!(pages.len() < 50, "paging does not end");
        between(pages.last().expect("a page")).await;
    }
}

#[tokio::test]
async fn pages_contain_every_invitation_once_also_those_that_expire_in_the_same_second() {
    let (app, people) = People::start().await;
    let expiry = app.now().floor_to_second().plus(Duration::from_secs(86_400)).to_string();
    let mut invited = BTreeSet::new();
    for number in 0..9 {
        let key = app.new_key(&format!("{number:012}"), "full-access").await;
        let body = json!({ "email": EMAIL, "roleID": "full-access", "expiry": expiry });
        invited.insert(app.send(Call::post("/invitations").json(&body).key(&key)).await.expect(201).str("id"));
    }
    for (limit, sizes) in [(1, vec![1; 9]), (3, vec![3; 3]), (4, vec![4, 4, 1]), (8, vec![8, 1]), (9, vec![9]), (0, vec![9])] {
        let pages = pages(&app, &people, limit, async |_| ()).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
        assert_eq!(pages.concat().into_iter().collect::<BTreeSet<_>>(), invited);
    }
}

#[tokio::test]
async fn a_page_has_25_invitations_by_default_and_100_at_most() {
    let (app, people) = People::start().await;
    let invited: Vec<String> = invite_to_accounts(&app, 103).await.into_iter().map(|(id, _)| id).collect();
    let sizes = async |limit| pages(&app, &people, limit, async |_| ()).await.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(sizes(0).await, [25, 25, 25, 25, 3]);
    let _ = app.faults.take_operations();
    let pages = pages(&app, &people, 1000, async |_| ()).await;
    // 200 rows take two requests, and 6 take one.
    assert_eq!(app.faults.take_operations(), ["Query", "BatchGetItem", "BatchGetItem", "Query", "BatchGetItem"]);
    assert_eq!((pages.iter().map(Vec::len).collect::<Vec<_>>(), pages.concat()), (vec![100, 3], invited));
}

#[tokio::test]
async fn a_page_can_be_short_or_empty_while_next_is_present() {
    let (app, people) = People::start().await;
    let invited = invite_to_accounts(&app, 6).await;
    // Their entries remain, as they do for a moment after a decision.
    for (id, account) in &invited[..3] {
        delete(&app, &format!("A#{account}"), &format!("I#{id}")).await;
    }
    let pages = pages(&app, &people, 2, async |_| ()).await;
    let left: Vec<String> = invited[3..].iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(pages, [vec![], vec![left[0].clone()], left[1..].to_vec()]);
}

#[tokio::test]
async fn a_page_continues_after_an_invitation_that_has_expired_or_is_gone_meanwhile() {
    let (app, people) = People::start().await;
    let invited: Vec<String> = invite_to_accounts(&app, 8).await.into_iter().map(|(id, _)| id).collect();
    // The next invitation expires with each page, so the start of each further page lies in the past.
    let first_expires = app.now().floor_to_second().plus(LIFETIME - Duration::from_secs(8));
    app.advance(first_expires.since(app.now()) - Duration::from_millis(1));
    people.refresh(&app).await;
    let read = pages(&app, &people, 1, async |_| app.advance(Duration::from_secs(1))).await;
    assert_eq!(read.concat(), invited, "each one is read a millisecond before it expires");
    // Two expire with each page.
    let (app, people) = People::start().await;
    let invited = invite_to_accounts(&app, 8).await;
    let first_expires = app.now().floor_to_second().plus(LIFETIME - Duration::from_secs(8));
    app.advance(first_expires.since(app.now()) - Duration::from_millis(1));
    people.refresh(&app).await;
    let read = pages(&app, &people, 1, async |_| app.advance(Duration::from_secs(2))).await;
    let expected: Vec<String> = invited.iter().step_by(2).map(|(id, _)| id.clone()).collect();
    assert_eq!(read.concat(), expected);
    // The row that the cursor points to is deleted.
    let (app, people) = People::start().await;
    let invited = invite_to_accounts(&app, 5).await;
    let read = pages(&app, &people, 2, async |page: &[String]| {
        for (id, account) in invited.iter().filter(|(id, _)| page.contains(id)) {
            delete(&app, &format!("A#{account}"), &format!("P#{EMAIL}")).await;
            delete(&app, &format!("A#{account}"), &format!("I#{id}")).await;
        }
    })
    .await;
    assert_eq!(read.concat(), invited.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>());
}

#[tokio::test]
async fn t4_a_cursor_is_valid_only_for_the_address_that_it_was_issued_to() {
    let (app, people) = People::start().await;
    invite_to_accounts(&app, 3).await;
    let next = mine(&app, &people, "?limit=1").await.expect(200).str("next");
    mine(&app, &people, &format!("?limit=1&cursor={next}")).await.expect(200);
    assert_eq!(mine_of(&app, &people, "USER.ONE@example.com", &format!("?cursor={next}")).await.status, 200);
    let _ = app.faults.take_operations();
    let theirs = mine_of(&app, &people, OTHERS, &format!("?cursor={next}")).await;
    assert_error(&theirs, 400, "invalid-cursor", Some("cursor"), NOT_A_CURSOR);
    let of_account = {
        app.send(Call::create("a@example.com", "full-access").key(&app.full)).await.expect(201);
        app.send(Call::create("b@example.com", "full-access").key(&app.full)).await.expect(201);
        app.send(Call::get("/invitations?limit=1").key(&app.full)).await.expect(200).str("next")
    };
    let _ = app.faults.take_operations();
    for bad in [&next[1..], &next[..49], "x", "", &of_account, &"A".repeat(50), &"A".repeat(513)] {
        assert_error(&mine(&app, &people, &format!("?cursor={bad}")).await, 400, "invalid-cursor", Some("cursor"), NOT_A_CURSOR);
    }
    assert_eq!(app.faults.take_operations(), [""; 0], "a bad cursor costs nothing");
    app.send(Call::get(&format!("/invitations?cursor={next}")).key(&app.full)).await.expect_error(400, "invalid-cursor");
}
