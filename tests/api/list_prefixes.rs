//! `GET /invitations` with `emailPrefix`.

use serde_json::{Value, json};
use support::{Call, TestApp};

use crate::{
    helpers::{LIFETIME, assert_error, text, with},
    list_filters::{close, invite, revoke, shows},
};

#[tokio::test]
async fn a_prefix_finds_every_address_that_begins_with_it_in_order() {
    let app = TestApp::start().await;
    let mut invited = Vec::new();
    for email in ["a@b.com", "a@b.co", "A@B.co.example", "a@b.co-op.example", "a@b.coo", "ab@b.co", "a@b.c.co"] {
        invited.push(invite(&app, email, "full-access").await);
    }
    let found = |places: &[usize]| places.iter().map(|n| invited[*n].clone()).collect::<Vec<Value>>();
    // In ASCII: '#' ends an address in the index, and precedes '-', '.', digits and letters.
    shows(&app, "emailPrefix=a@b.co", &found(&[1, 3, 2, 0, 4])).await;
    shows(&app, "emailPrefix=a@b.com", &found(&[0])).await;
    shows(&app, "emailPrefix=a@b.co.", &found(&[2])).await;
    shows(&app, "emailPrefix=a@b", &found(&[6, 1, 3, 2, 0, 4])).await;
    shows(&app, "emailPrefix=ab%40", &found(&[5])).await;
    shows(&app, "emailPrefix=a@b.como", &[]).await;
}

#[tokio::test]
async fn a_prefix_matches_in_either_case_and_the_ascii_form_of_a_domain() {
    let app = TestApp::start().await;
    let found = [invite(&app, " User@Bücher.example", "full-access").await];
    for prefix in ["use", "USER@", "user@XN--bcher-kva", "user@xn--bcher-kva.example"] {
        shows(&app, &format!("emailPrefix={prefix}"), &found).await;
    }
    shows(&app, "emailPrefix=user@bucher", &[]).await;
}

#[tokio::test]
async fn every_character_of_an_address_can_end_a_prefix_or_follow_it() {
    let app = TestApp::start().await;
    let mut invited = Vec::new();
    for c in "!#$%&'*+-./=?^_`{|}~09az".chars() {
        invited.push(invite(&app, &format!("joe{c}x@example.com"), "full-access").await);
    }
    // In the order of the characters. '@' is one of them.
    let at = invite(&app, "joe@example.com", "full-access").await;
    invited.push(at);
    invited.sort_by_key(|it| text(it, "email"));
    shows(&app, "emailPrefix=joe", &invited).await;
    for it in &invited {
        let typed = text(it, "email");
        let encoded: String = typed[..4].bytes().map(|byte| format!("%{byte:02X}")).collect();
        shows(&app, &format!("emailPrefix={encoded}"), std::slice::from_ref(it)).await;
    }
}

#[tokio::test]
async fn the_invitations_of_one_address_follow_each_other_oldest_first() {
    let app = TestApp::start().await;
    let first = revoke(&app, &invite(&app, "user@example.com", "full-access").await).await;
    let neighbour = invite(&app, "user@example.com.au", "full-access").await;
    let second = close(&app, &invite(&app, "USER@example.com", "read-only").await, "declined").await;
    let third = invite(&app, "user@example.com", "full-access").await;
    let all = [first, second, third, neighbour];
    shows(&app, "emailPrefix=user@example.com", &all).await;
    shows(&app, "emailPrefix=use", &all).await;
    let reversed: Vec<Value> = all.iter().rev().cloned().collect();
    shows(&app, "emailPrefix=user@example.com&order=desc", &reversed).await;
}

#[tokio::test]
async fn the_longest_addresses_have_a_token_of_at_most_400_characters() {
    let app = TestApp::start().await;
    let label = "d".repeat(63);
    let mut all = Vec::new();
    for last in ["a", "b", "c"] {
        let longest = format!("{}@{label}.{label}.{}{last}", "l".repeat(64), "d".repeat(60));
        assert_eq!(longest.len(), 254);
        all.push(invite(&app, &longest, "full-access").await);
    }
    for length in [3, 64, 65, 66, 253] {
        let prefix = text(&all[0], "email")[..length].to_owned();
        shows(&app, &format!("emailPrefix={prefix}"), &all).await;
        let first = app.send(Call::get(&format!("/invitations?limit=1&emailPrefix={prefix}")).key(&app.full)).await.expect(200);
        assert_eq!(first.str("next").len(), ((49 + 254 - length) * 4).div_ceil(3));
    }
    shows(&app, &format!("emailPrefix={}", text(&all[1], "email")), &all[1..2]).await;
}

#[tokio::test]
async fn a_prefix_can_be_combined_with_the_other_filters() {
    let app = TestApp::start().await;
    let a1 = revoke(&app, &invite(&app, "ann@example.com", "full-access").await).await;
    let a2 = invite(&app, "ann@example.com", "read-only").await;
    let b = close(&app, &invite(&app, "anna@example.com", "full-access").await, "accepted").await;
    let c = invite(&app, "bob@example.com", "full-access").await;
    let none: [Value; 0] = [];
    shows(&app, "emailPrefix=ann&state=revoked", std::slice::from_ref(&a1)).await;
    shows(&app, "emailPrefix=ann&roleID=full-access", &[a1.clone(), b.clone()]).await;
    shows(&app, "emailPrefix=ann&roleID=full-access&state=accepted", std::slice::from_ref(&b)).await;
    shows(&app, "emailPrefix=bob&state=revoked", &none).await;
    // With a whole address, it is a condition like the others.
    shows(&app, "emailPrefix=ann&email=ann@example.com", &[a2.clone(), a1.clone()]).await;
    shows(&app, "emailPrefix=ann@example.com&email=ANN@example.com&order=asc", &[a1, a2.clone()]).await;
    shows(&app, "emailPrefix=anna&email=ann@example.com", &none).await;
    shows(&app, "emailPrefix=bob&email=ann@example.com", &none).await;

    app.advance(LIFETIME);
    let expired = |it: &Value| with(it, json!({ "state": "expired" }));
    shows(&app, "emailPrefix=ann&state=expired", &[expired(&a2)]).await;
    shows(&app, "emailPrefix=bob&state=expired&roleID=full-access", &[expired(&c)]).await;
    shows(&app, "emailPrefix=ann&state=invited", &none).await;
}

#[tokio::test]
async fn a_prefix_that_no_address_can_have_is_rejected() {
    let app = TestApp::start().await;
    let length = "it must have 3 to 254 characters";
    let local = "the part before the @ must be 1 to 64 ASCII letters, digits, dots or !#$%&'*+-/=?^_`{|}~";
    let domain = "the part after the @ must be ASCII letters, digits, dots or -; an international domain begins with xn--";
    let long = "a".repeat(65);
    let longer = format!("a@{}", "d".repeat(253));
    for (query, shown, why) in [
        ("", "", length),
        ("ab", "ab", length),
        ("a@", "a@", length),
        ("%C3%BCb", "üb", length),
        (&longer, &format!("{}…", &longer[..64]), length),
        ("@example.com", "@example.com", local),
        ("b%C3%BCcher", "bücher", local),
        ("a%20b", "a b", local),
        ("user%00", "user\u{fffd}", local),
        ("user%0A", "user\u{fffd}", local),
        ("%22user%22", "\"user\"", local),
        ("user%F4%8F%BF%BF", "user\u{10ffff}", local),
        // A + that was not encoded is a blank. Without it, the list would be another one.
        ("user+", "user ", local),
        ("+user", " user", local),
        (&long, &format!("{}…", &long[..64]), local),
        ("a@b%23", "a@b#", domain),
        ("a@b@c", "a@b@c", domain),
        ("a@b_c", "a@b_c", domain),
        ("a@b~", "a@b~", domain),
        ("a@b.c%20", "a@b.c ", domain),
        ("a@b%C3%BC", "a@bü", domain),
    ] {
        let response = app.send(Call::get(&format!("/invitations?emailPrefix={query}")).key(&app.full)).await;
        let message = format!("emailPrefix: '{shown}' is not the beginning of an e-mail address: {why}; in a query, write + as %2B");
        assert_error(&response, 400, "invalid-email-prefix", Some("emailPrefix"), &message);
    }
}
