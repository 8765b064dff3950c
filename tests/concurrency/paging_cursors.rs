//! A cursor leads neither to another account nor into another list (T4, T5).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use support::{ACCOUNT, Call, OTHER_ACCOUNT, Response, TestApp};

use crate::common::error;

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Five invitations of each account. Those of the other account contain a canary.
async fn two_accounts() -> TestApp {
    let app = TestApp::start().await;
    for n in 0..5 {
        app.invite(&format!("user-{n}@example.com")).await;
        app.send(Call::create(&format!("canary-{n}@example.com"), "full-access").key(&app.other)).await.expect(201);
    }
    app
}

async fn list(app: &TestApp, key: &str, query: &str) -> Response {
    let response = app.send(Call::get(&format!("/invitations?{query}")).key(key)).await;
    assert!(key == app.other || !(response.text.contains("canary") || response.text.contains(OTHER_ACCOUNT)), "{}", response.text);
    response
}

#[track_caller]
fn assert_refused(response: &Response, token: &str) {
    let message = "cursor: this is not the 'next' of a list with these filters and this order; start again without a cursor";
    assert_eq!((response.status, response.json()), (400, error("invalid-cursor", Some("cursor"), message)), "{token}");
}

/// What the digest binds, in this order: order, state, email, emailPrefix, roleID.
type List = [&'static str; 5];

const ALL: List = ["desc", "", "", "", ""];

/// A token with a valid digest, as the service makes it; nothing in it is secret.
fn forge(version: u8, account: &str, list: List, id: &str, (time, as_of): (i64, i64), rest: &[u8]) -> String {
    let mut payload = vec![version];
    payload.extend(u128::from_str_radix(id, 16).expect("an id").to_be_bytes());
    payload.extend(time.to_be_bytes());
    payload.extend(as_of.to_be_bytes());
    payload.extend(rest);
    let mut hasher = Sha256::new();
    hasher.update(format!("cursor\0{account}\0{}\0", list.join("\0")));
    hasher.update(&payload);
    payload.extend(&hasher.finalize()[..16]);
    URL_SAFE_NO_PAD.encode(payload)
}

#[tokio::test]
async fn a_cursor_of_another_account_or_list_is_rejected() {
    let app = two_accounts().await;
    let lists = [
        "limit=2",
        "limit=2&state=invited",
        "limit=2&roleID=full-access",
        "limit=2&state=invited&roleID=full-access",
        "limit=2&email=user-1@example.com",
        "limit=2&state=expired",
        "limit=2&roleID=read-only",
        "limit=2&order=asc",
        "limit=2&state=invited&order=desc",
        "limit=2&roleID=full-access&order=asc",
        "limit=2&emailPrefix=user",
        "limit=2&emailPrefix=user-",
        "limit=2&emailPrefix=user-&order=desc",
        "limit=2&emailPrefix=user-&state=invited",
    ];
    for (n, from) in lists.iter().enumerate() {
        let Some(own) = list(&app, &app.full, from).await.json()["next"].as_str().map(str::to_owned) else { continue };
        assert!(own.len() <= 512 && own.bytes().all(|b| ALPHABET.contains(&b)), "{own}");
        let theirs = from.replace("emailPrefix=user", "emailPrefix=canary");
        let foreign = list(&app, &app.other, &theirs).await.str("next");
        assert_refused(&list(&app, &app.full, &format!("{from}&cursor={foreign}")).await, &foreign);
        for (m, to) in lists.iter().enumerate() {
            let response = list(&app, &app.full, &format!("{to}&cursor={own}")).await;
            if n == m {
                assert_eq!(response.status, 200, "{}", response.text);
            } else {
                assert_refused(&response, &own);
            }
        }
        // The limit may change.
        let more = list(&app, &app.full, &format!("{}&next={own}", from.replace("limit=2", "limit=50"))).await.expect(200);
        assert_eq!((more.json()["invitations"].as_array().map(Vec::len), more.json().get("next")), (Some(3), None));
    }
}

#[tokio::test]
async fn a_cursor_with_any_bit_flipped_or_any_end_cut_off_is_rejected() {
    let app = two_accounts().await;
    for query in ["limit=2", "limit=2&state=invited", "limit=2&emailPrefix=user"] {
        let token = list(&app, &app.full, query).await.str("next");
        let _ = app.faults.take_operations();
        let mut damaged: Vec<String> = (0..token.len()).map(|end| token[..end].to_owned()).collect();
        damaged.extend((1..token.len()).map(|start| token[start..].to_owned()));
        damaged.extend(["A", "=", "==", "%3D", "+", "%20", "%00", "A".repeat(447).as_str()].map(|end| format!("{token}{end}")));
        damaged.extend([format!("%20{token}"), token.to_ascii_lowercase(), token.chars().rev().collect(), "A".repeat(66), "z".repeat(600)]);
        for (place, byte) in token.bytes().enumerate() {
            let value = ALPHABET.iter().position(|b| *b == byte).expect("the alphabet has it");
            for bit in 0..6 {
                let mut flipped = token.clone().into_bytes();
                flipped[place] = ALPHABET[value ^ (1 << bit)];
                damaged.push(String::from_utf8(flipped).expect("it is ASCII"));
            }
        }
        assert!(damaged.len() > 500);
        for token in damaged {
            assert_refused(&list(&app, &app.full, &format!("{query}&cursor={token}")).await, &token);
        }
        assert!(app.faults.take_operations().is_empty(), "the table is not read");
        list(&app, &app.full, &format!("{query}&cursor={token}")).await.expect(200);
    }
}

#[tokio::test]
async fn a_cursor_of_another_version_is_rejected() {
    let app = two_accounts().await;
    let last = list(&app, &app.full, "limit=2").await.json()["invitations"][1]["id"].as_str().expect("an id").to_owned();
    let real = list(&app, &app.full, "limit=2").await.str("next");
    assert_eq!(forge(1, ACCOUNT, ALL, &last, (0, 0), b""), real, "the test builds tokens like the service");
    for version in (0..=255).filter(|version| *version != 1) {
        let token = forge(version, ACCOUNT, ALL, &last, (0, 0), b"");
        assert_refused(&list(&app, &app.full, &format!("cursor={token}")).await, &token);
    }
}

/// The digest needs no secret, so anyone can make a token; the partition still comes from the caller's key alone.
#[tokio::test]
async fn a_forged_cursor_shows_only_the_callers_own_invitations() {
    let app = two_accounts().await;
    let foreign: Vec<String> = crate::common::ids(list(&app, &app.other, "").await.json()["invitations"].as_array().expect("a list"));
    let own = list(&app, &app.full, "").await.json()["invitations"].clone();
    let now = app.now().as_millis();
    let extremes = ["0".repeat(32), "F".repeat(32)];
    for id in foreign.iter().take(2).chain(&extremes) {
        let times = [0, now, now + 86_400_000, 9_999_999_999_999];
        let cases = times.iter().flat_map(|time| times.iter().map(move |as_of| (*time, *as_of)));
        for (time, as_of) in cases {
            for (query, forged, rest) in [
                ("", ALL, ""),
                ("order=asc&", ["asc", "", "", "", ""], ""),
                ("state=invited&", ["asc", "invited", "", "", ""], ""),
                ("state=invited&order=desc&", ["desc", "invited", "", "", ""], ""),
                ("state=expired&", ["desc", "expired", "", "", ""], ""),
                ("state=expired&order=asc&", ["asc", "expired", "", "", ""], ""),
                ("state=revoked&", ["desc", "revoked", "", "", ""], ""),
                ("roleID=full-access&", ["desc", "", "", "", "full-access"], ""),
                ("email=user-1@example.com&", ["desc", "", "user-1@example.com", "", ""], ""),
                ("email=canary-1@example.com&", ["desc", "", "canary-1@example.com", "", ""], ""),
                ("emailPrefix=user-&", ["asc", "", "", "user-", ""], "1@example.com"),
                ("emailPrefix=canary&", ["asc", "", "", "canary", ""], "-1@example.com"),
                ("emailPrefix=canary&order=desc&", ["desc", "", "", "canary", ""], "-1@example.com"),
            ] {
                let token = forge(1, ACCOUNT, forged, id, (time, as_of), rest.as_bytes());
                let response = list(&app, &app.full, &format!("{query}cursor={token}")).await;
                assert!(matches!(response.status, 200 | 400), "{query}{time} {as_of}: {}", response.text);
                for shown in response.json()["invitations"].as_array().into_iter().flatten() {
                    assert!(own.as_array().expect("a list").iter().any(|it| it["id"] == shown["id"]), "{shown}");
                }
                let other = forge(1, OTHER_ACCOUNT, forged, id, (time, as_of), rest.as_bytes());
                if time == now && as_of == 0 {
                    assert_refused(&list(&app, &app.full, &format!("{query}cursor={other}")).await, &other);
                }
            }
        }
    }
}

/// DynamoDB rejects a start key outside of the range of its query, which would be a 500.
#[tokio::test]
async fn a_forged_rest_of_an_address_never_leads_out_of_the_list() {
    let app = two_accounts().await;
    let id = "F".repeat(32);
    for (order, query) in [("asc", "emailPrefix=user-1"), ("desc", "emailPrefix=user-1&order=desc")] {
        let forge = |rest: &[u8]| forge(1, ACCOUNT, [order, "", "", "user-1", ""], &id, (0, 0), rest);
        let _ = app.faults.take_operations();
        let every_byte = (0..=u8::MAX).map(|byte| vec![byte]);
        let with_address = (0..=u8::MAX).map(|byte| [&[byte], &b"@example.com"[..]].concat());
        let after_address = (0..=u8::MAX).map(|byte| [&b"@example.com"[..], &[byte]].concat());
        let others = [
            "",
            "@",
            "#",
            "@example.com",
            "@example.com#",
            "@example.com#0",
            "\u{10ffff}",
            "\u{10ffff}~",
            "@example.com\u{10ffff}",
            &"a".repeat(300),
        ];
        let others = others.map(|rest| rest.as_bytes().to_vec());
        let mut accepted = Vec::new();
        for rest in every_byte.chain(with_address).chain(after_address).chain(others) {
            let token = forge(&rest);
            let response = list(&app, &app.full, &format!("{query}&cursor={token}")).await;
            if response.status == 200 {
                accepted.push(String::from_utf8(rest).expect("it is part of an address"));
            } else {
                assert_refused(&response, &token);
            }
        }
        // A character of an address before the @, or a letter or digit after the whole address.
        let before = "!#$%&'*+-/0123456789=?^_`abcdefghijklmnopqrstuvwxyz{|}~".chars().map(|c| format!("{c}@example.com"));
        let after = ('0'..='9').chain('a'..='z').map(|c| format!("@example.com{c}"));
        let whole = "@example.com".to_owned();
        assert_eq!(accepted, before.chain(after).chain([whole]).collect::<Vec<_>>(), "{query}");
        assert_eq!(app.faults.take_operations().len(), accepted.len(), "a refused token is refused unread");
    }
}
