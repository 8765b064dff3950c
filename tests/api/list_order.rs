//! `GET /invitations` with `order`.

use std::time::Duration;

use serde_json::{Value, json};
use support::{Call, TestApp};

use crate::{
    helpers::{COOLDOWN, LIFETIME, assert_error, number, text, with},
    list_filters::{close, invite, revoke, shows},
};

/// Asserts a list in its natural order, which can also be requested, and the other way round.
async fn shows_in_both_orders(app: &TestApp, query: &str, natural: &str, expected: &[Value]) {
    let reversed: Vec<Value> = expected.iter().rev().cloned().collect();
    let other = if natural == "asc" { "desc" } else { "asc" };
    shows(app, query, expected).await;
    shows(app, &format!("{query}&order={natural}"), expected).await;
    shows(app, &format!("order={other}&{query}"), &reversed).await;
}

#[tokio::test]
async fn lists_by_creation_are_newest_first_unless_asc_is_requested() {
    let app = TestApp::start().await;
    let mut of_user = Vec::new();
    for role in ["full-access", "read-only", "full-access", "full-access"] {
        of_user.insert(0, revoke(&app, &invite(&app, "user@example.com", role).await).await);
    }
    let other = invite(&app, "other@example.com", "full-access").await;
    shows_in_both_orders(&app, "email=user@example.com", "desc", &of_user).await;
    let full_access = [other.clone(), of_user[0].clone(), of_user[1].clone(), of_user[3].clone()];
    shows_in_both_orders(&app, "roleID=full-access", "desc", &full_access).await;
    shows_in_both_orders(&app, "email=user@example.com&roleID=full-access", "desc", &full_access[1..]).await;
    shows_in_both_orders(&app, "email=user@example.com&state=revoked", "desc", &of_user).await;
    let mut all = vec![other];
    all.extend(of_user);
    shows_in_both_orders(&app, "", "desc", &all).await;
}

#[tokio::test]
async fn the_list_of_invited_is_soonest_first_unless_desc_is_requested() {
    let app = TestApp::start().await;
    let mut by_expiry = Vec::new();
    for (name, days) in [("a", 3), ("b", 1), ("c", 2)] {
        let expiry = app.now().floor_to_second().plus(Duration::from_secs(days * 86_400)).to_string();
        let body = json!({ "email": format!("{name}@example.com"), "roleID": "full-access", "expiry": expiry });
        by_expiry.push(app.send(Call::post("/invitations").json(&body).key(&app.full)).await.expect(201).json());
    }
    by_expiry.sort_by_key(|it| text(it, "expiry"));
    assert_eq!(by_expiry.iter().map(|it| text(it, "email")).collect::<Vec<_>>(), ["b@example.com", "c@example.com", "a@example.com"]);
    revoke(&app, &invite(&app, "d@example.com", "full-access").await).await;
    shows_in_both_orders(&app, "state=invited", "asc", &by_expiry).await;
    shows_in_both_orders(&app, "state=invited&roleID=full-access", "asc", &by_expiry).await;
}

#[tokio::test]
async fn the_list_of_expired_is_latest_first_unless_asc_is_requested() {
    let app = TestApp::start().await;
    let mut created = Vec::new();
    for name in ["a", "b", "c"] {
        created.insert(0, invite(&app, &format!("{name}@example.com"), "full-access").await);
    }
    let last = number(&crate::helpers::invitation_row(&app, &text(&created[0], "id")).await, "exp");
    let just_before = u64::try_from(last - 1 - app.now().as_millis()).expect("time is left");
    app.advance(Duration::from_millis(just_before));
    let expired: Vec<Value> = created.iter().map(|it| with(it, json!({ "state": "expired" }))).collect();
    shows_in_both_orders(&app, "state=expired", "desc", &expired[1..]).await;
    app.advance(COOLDOWN);
    shows_in_both_orders(&app, "state=expired", "desc", &expired).await;
}

#[tokio::test]
async fn lists_by_a_closed_state_are_latest_first_unless_asc_is_requested() {
    let app = TestApp::start().await;
    for state in ["accepted", "declined", "revoked"] {
        let mut created = Vec::new();
        for n in 0..3 {
            created.push(invite(&app, &format!("{state}.{n}@example.com"), "full-access").await);
        }
        // Neither in the order of creation nor against it.
        let mut closed = Vec::new();
        for n in [1, 2, 0] {
            closed.insert(0, if state == "revoked" { revoke(&app, &created[n]).await } else { close(&app, &created[n], state).await });
        }
        shows_in_both_orders(&app, &format!("state={state}"), "desc", &closed).await;
    }
}

#[tokio::test]
async fn a_list_by_the_beginning_of_an_address_is_in_the_order_of_the_addresses_unless_desc_is_requested() {
    let app = TestApp::start().await;
    let mut all = Vec::new();
    for name in ["user-c", "user-a", "user-b"] {
        all.push(invite(&app, &format!("{name}@example.com"), "full-access").await);
    }
    all.sort_by_key(|it| text(it, "email"));
    shows_in_both_orders(&app, "emailPrefix=user-", "asc", &all).await;
    shows_in_both_orders(&app, "emailPrefix=user-&state=invited", "asc", &all).await;
}

#[tokio::test]
async fn all_pages_refer_to_the_time_of_the_first_in_both_orders() {
    let app = TestApp::start().await;
    // Expiries are whole seconds, so the clock starts in the middle of one.
    let fraction = app.now().as_millis().rem_euclid(1000).unsigned_abs();
    app.advance(Duration::from_millis(1500 - fraction));
    let mut all = Vec::new();
    for n in 0..6 {
        all.push(text(&invite(&app, &format!("user.{n}@example.com"), "full-access").await, "id"));
    }
    let page = async |query: &str| app.send(Call::get(&format!("/invitations?{query}")).key(&app.full)).await.expect(200).json();
    // Paging begins just before the first expiry in one case and just before the last in the other.
    for (state, order, wait, expected) in
        [("invited", "desc", LIFETIME - Duration::from_secs(6), &all[..]), ("expired", "asc", Duration::from_secs(4), &all[..5])]
    {
        app.advance(wait);
        let mut found = Vec::new();
        let mut query = format!("state={state}&order={order}&limit=2");
        loop {
            let page = page(&query).await;
            found.extend(page["invitations"].as_array().expect("a list").iter().map(|it| text(it, "id")));
            let Some(next) = page["next"].as_str() else { break };
            query = format!("state={state}&order={order}&limit=2&cursor={next}");
            app.advance(Duration::from_millis(600));
        }
        if order == "desc" {
            found.reverse();
        }
        assert_eq!(found, expected, "{state}");
        // The clock did pass an expiry meanwhile.
        let now = page(&format!("state={state}")).await["invitations"].as_array().map(Vec::len);
        assert_ne!(now, Some(expected.len()), "{state}");
    }
}

#[tokio::test]
async fn a_cursor_is_bound_to_the_order() {
    let app = TestApp::start().await;
    for n in 0..3 {
        revoke(&app, &invite(&app, &format!("closed.{n}@example.com"), "full-access").await).await;
        invite(&app, &format!("open.{n}@example.com"), "full-access").await;
    }
    let list = async |query: &str| app.send(Call::get(&format!("/invitations?limit=1&{query}")).key(&app.full)).await;
    let message = "cursor: this is not the 'next' of a list with these filters and this order; start again without a cursor";
    for (query, natural, other) in [
        ("", "desc", "asc"),
        ("roleID=full-access&", "desc", "asc"),
        ("state=revoked&", "desc", "asc"),
        ("state=invited&", "asc", "desc"),
        ("emailPrefix=closed.&", "asc", "desc"),
    ] {
        let next = list(query).await.expect(200).str("next");
        // Requesting the natural order makes the same list.
        assert_eq!(list(&format!("{query}order={natural}")).await.expect(200).str("next"), next);
        list(&format!("{query}order={natural}&cursor={next}")).await.expect(200);
        let response = list(&format!("{query}order={other}&cursor={next}")).await;
        assert_error(&response, 400, "invalid-cursor", Some("cursor"), message);
        let reversed = list(&format!("{query}order={other}")).await.expect(200).str("next");
        assert_error(&list(&format!("{query}cursor={reversed}")).await, 400, "invalid-cursor", Some("cursor"), message);
    }
}

#[tokio::test]
async fn an_order_other_than_asc_and_desc_is_rejected() {
    let app = TestApp::start().await;
    for (wrong, shown) in
        [("", ""), ("ASC", "ASC"), ("descending", "descending"), ("asc,desc", "asc,desc"), ("%20asc", " asc"), ("-1", "-1")]
    {
        let response = app.send(Call::get(&format!("/invitations?order={wrong}")).key(&app.full)).await;
        let message = format!("order: must be 'asc' or 'desc', not '{shown}'");
        assert_error(&response, 400, "invalid-order", Some("order"), &message);
    }
}
