//! `GET /invitations` with filters, alone and combined: matches and their order.

use std::time::Duration;

use serde_json::{Value, json};
use support::{Call, TestApp};

use crate::helpers::{COOLDOWN, LIFETIME, TICK, assert_error, assert_response, resend, text, with};

/// All invitations of a list, read in pages of `limit`.
async fn read_all(app: &TestApp, query: &str, limit: usize) -> Vec<Value> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let response = app.send(Call::get(&format!("/invitations?{query}&limit={limit}{cursor}")).key(&app.full)).await.expect(200);
        let page = response.json();
        let invitations = page["invitations"].as_array().expect("a list");
        assert!(invitations.len() <= limit);
        all.extend(invitations.iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
        let filters = query.split('&').filter(|part| !part.starts_with("order="));
        assert!(filters.count() > 1 || invitations.len() == limit, "with one filter, a page that has a next is full");
    }
}

/// Asserts the matches of a filter.
#[track_caller]
fn same(found: &[Value], expected: &[Value], query: &str) {
    assert_eq!(found, expected, "{query}");
}

pub(crate) async fn shows(app: &TestApp, query: &str, expected: &[Value]) {
    for limit in [1, 2, 100] {
        same(&read_all(app, query, limit).await, expected, query);
    }
}

pub(crate) async fn invite(app: &TestApp, email: &str, role: &str) -> Value {
    app.advance(Duration::from_secs(1));
    app.send(Call::create(email, role).key(&app.full)).await.expect(201).json()
}

pub(crate) async fn revoke(app: &TestApp, invitation: &Value) -> Value {
    app.advance(Duration::from_secs(1));
    app.send(Call::set_state(&text(invitation, "id"), "revoked").key(&app.full)).await.expect(200).json()
}

pub(crate) async fn close(app: &TestApp, invitation: &Value, state: &str) -> Value {
    app.advance(Duration::from_secs(1));
    app.close_as_invitee(&text(invitation, "id"), state).await;
    with(invitation, json!({ "state": state, format!("{state}At"): app.now().to_string() }))
}

#[tokio::test]
async fn filtering_by_address_shows_invitations_of_every_state_newest_first() {
    let app = TestApp::start().await;
    let first = revoke(&app, &invite(&app, "User.One@example.com", "full-access").await).await;
    invite(&app, "user.one@example.com.example", "full-access").await;
    invite(&app, "auser.one@example.com", "full-access").await;
    let second = close(&app, &invite(&app, "user.one@EXAMPLE.com", "read-only").await, "declined").await;
    let third = invite(&app, "user.one@example.com", "full-access").await;
    for spelling in ["user.one@example.com", "USER.ONE%40Example.Com", "%20user.one@example.com%20"] {
        shows(&app, &format!("email={spelling}"), &[third.clone(), second.clone(), first.clone()]).await;
    }
    shows(&app, "email=nobody@example.com", &[]).await;
}

#[tokio::test]
async fn a_plus_in_an_address_must_be_percent_encoded_and_the_error_says_so() {
    let app = TestApp::start().await;
    let tagged = invite(&app, "user+tag@example.com", "full-access").await;
    shows(&app, "email=user%2Btag@example.com", std::slice::from_ref(&tagged)).await;
    let response = app.send(Call::get("/invitations?email=user+tag@example.com").key(&app.full)).await;
    let message = "email: 'user tag@example.com' is not an e-mail address: the part before the @ must be 1 to 64 ASCII letters, digits, \
                   dots or !#$%&'*+-/=?^_`{|}~; in a query, write + as %2B";
    assert_error(&response, 400, "invalid-email", Some("email"), message);
}

#[tokio::test]
async fn an_international_domain_is_found_in_either_form() {
    let app = TestApp::start().await;
    let found = invite(&app, "user@bücher.example", "full-access").await;
    for spelling in ["user@b%C3%BCcher.example", "user@B%C3%9CCHER.example", "user@xn--bcher-kva.example"] {
        shows(&app, &format!("email={spelling}"), std::slice::from_ref(&found)).await;
    }
}

#[tokio::test]
async fn filtering_by_role_is_newest_first_and_matches_the_whole_role() {
    let app = TestApp::start().await;
    let one = invite(&app, "one@example.com", "admin").await;
    let two = invite(&app, "two@example.com", "admin-2").await;
    let three = revoke(&app, &invite(&app, "three@example.com", "admin").await).await;
    shows(&app, "roleID=admin", &[three, one]).await;
    shows(&app, "roleID=admin-2", &[two]).await;
    shows(&app, "roleID=adm", &[]).await;
}

#[tokio::test]
async fn filtering_by_invited_shows_the_soonest_expiry_first() {
    let app = TestApp::start().await;
    let [a, b, c] = [invite(&app, "a@example.com", "full-access").await, invite(&app, "b@example.com", "full-access").await, {
        let soon = app.now().floor_to_second().plus(COOLDOWN * 120).to_string();
        let body = json!({ "email": "c@example.com", "roleID": "full-access", "expiry": soon });
        app.send(Call::post("/invitations").json(&body).key(&app.full)).await.expect(201).json()
    }];
    revoke(&app, &invite(&app, "d@example.com", "full-access").await).await;
    shows(&app, "state=invited", &[c.clone(), a.clone(), b.clone()]).await;

    // A resend moves it to the end.
    app.advance(COOLDOWN);
    let a = app.send(resend(&text(&a, "id")).key(&app.full)).await.expect(200).json();
    shows(&app, "state=invited", &[c, b, a]).await;
}

#[tokio::test]
async fn filtering_by_expired_shows_the_latest_first_to_the_millisecond() {
    let app = TestApp::start().await;
    let mut all = Vec::new();
    for name in ["a", "b", "c"] {
        all.push(invite(&app, &format!("{name}@example.com"), "full-access").await);
    }
    let last = crate::helpers::number(&crate::helpers::invitation_row(&app, &text(&all[2], "id")).await, "exp");
    app.advance(Duration::from_millis(u64::try_from(last - app.now().as_millis() - 1).expect("time is left")));
    let expired: Vec<Value> = all.iter().rev().map(|it| with(it, json!({ "state": "expired" }))).collect();
    shows(&app, "state=expired", &expired[1..]).await;
    shows(&app, "state=invited", &all[2..]).await;
    app.advance(TICK);
    shows(&app, "state=expired", &expired).await;
    shows(&app, "state=invited", &[]).await;
}

#[tokio::test]
async fn filtering_by_a_closed_state_shows_the_last_closed_first() {
    let app = TestApp::start().await;
    for state in ["accepted", "declined", "revoked"] {
        let mut created = Vec::new();
        for n in 0..3 {
            created.push(invite(&app, &format!("{state}.{n}@example.com"), "full-access").await);
        }
        // Neither in the order of creation nor against it.
        let mut closed = Vec::new();
        for n in [1, 2, 0] {
            closed.push(if state == "revoked" { revoke(&app, &created[n]).await } else { close(&app, &created[n], state).await });
        }
        closed.reverse();
        shows(&app, &format!("state={state}"), &closed).await;
    }
}

#[tokio::test]
async fn paging_while_invitations_expire_misses_none_and_repeats_none() {
    let app = TestApp::start().await;
    let mut all = Vec::new();
    for n in 0..6 {
        all.push(invite(&app, &format!("user.{n}@example.com"), "full-access").await);
    }
    for state in ["invited", "expired"] {
        let mut found = Vec::new();
        let mut query = format!("/invitations?state={state}&limit=2");
        // Paging begins just before the first expiry in one case and just after the last in the other.
        let until = if state == "invited" { LIFETIME - Duration::from_secs(6) } else { Duration::from_secs(10) };
        app.advance(until);
        loop {
            let page = app.send(Call::get(&query).key(&app.full)).await.expect(200).json();
            found.extend(page["invitations"].as_array().expect("a list").iter().map(|it| text(it, "id")));
            let Some(next) = page["next"].as_str() else { break };
            query = format!("/invitations?state={state}&limit=2&cursor={next}");
            app.advance(Duration::from_secs(2));
        }
        found.sort();
        assert_eq!(found, all.iter().map(|it| text(it, "id")).collect::<Vec<_>>(), "{state}");
    }
}

#[tokio::test]
async fn combined_filters_show_only_invitations_that_match_all_of_them() {
    let app = TestApp::start().await;
    let a1 = revoke(&app, &invite(&app, "a@example.com", "full-access").await).await;
    let a2 = revoke(&app, &invite(&app, "a@example.com", "read-only").await).await;
    let a3 = invite(&app, "a@example.com", "full-access").await;
    let b1 = close(&app, &invite(&app, "b@example.com", "full-access").await, "accepted").await;
    let b2 = invite(&app, "b@example.com", "read-only").await;
    let none: [Value; 0] = [];
    shows(&app, "email=a@example.com&state=revoked", &[a2.clone(), a1.clone()]).await;
    shows(&app, "email=a@example.com&roleID=full-access", &[a3.clone(), a1.clone()]).await;
    shows(&app, "state=invited&roleID=read-only", std::slice::from_ref(&b2)).await;
    shows(&app, "state=revoked&roleID=full-access", std::slice::from_ref(&a1)).await;
    shows(&app, "roleID=full-access&email=b@example.com&state=accepted", &[b1]).await;
    shows(&app, "roleID=full-access&email=b@example.com&state=declined", &none).await;

    // They follow the clock, too.
    app.advance(LIFETIME);
    shows(&app, "state=invited&roleID=full-access", &none).await;
    shows(&app, "email=a@example.com&state=expired", &[with(&a3, json!({ "state": "expired" }))]).await;
    shows(&app, "state=expired&roleID=read-only", &[with(&b2, json!({ "state": "expired" }))]).await;
}

#[tokio::test]
async fn filters_show_nothing_of_another_account() {
    let app = TestApp::start().await;
    invite(&app, "user.one@example.com", "full-access").await;
    for query in [
        "",
        "?email=user.one@example.com",
        "?emailPrefix=user.one",
        "?state=invited",
        "?roleID=full-access",
        "?state=invited&roleID=full-access",
    ] {
        let response = app.send(Call::get(&format!("/invitations{query}")).key(&app.other)).await;
        assert_response(&response, 200, &json!({ "invitations": [] }), &[]);
    }
}

#[tokio::test]
async fn an_invalid_filter_is_rejected() {
    let app = TestApp::start().await;
    for (query, code, field, message) in [
        ("state=pending", "invalid-state", "state", "'pending' is not a state: invited, accepted, declined, revoked, expired"),
        ("state=Invited", "invalid-state", "state", "'Invited' is not a state: invited, accepted, declined, revoked, expired"),
        ("state=", "invalid-state", "state", "'' is not a state: invited, accepted, declined, revoked, expired"),
        ("email=user", "invalid-email", "email", "'user' is not an e-mail address; in a query, write + as %2B"),
        ("roleID=Admin", "invalid-role-id", "roleID", "'Admin' is not a role id: it must have 1 to 64 characters from a-z, 0-9 and -"),
        ("roleID=", "invalid-role-id", "roleID", "'' is not a role id: it must have 1 to 64 characters from a-z, 0-9 and -"),
    ] {
        let response = app.send(Call::get(&format!("/invitations?{query}")).key(&app.full)).await;
        assert_error(&response, 400, code, Some(field), &format!("{field}: {message}"));
    }
}
