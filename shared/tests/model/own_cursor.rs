//! Cursors of a person's own invitations (T4, T5).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use shared::domain::{
    Email, State,
    page::{Cursor, Filter, List, OwnCursor},
};

use super::support::{ACCOUNT, any_account, any_email, any_time, at, parsed, pending};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const TOKEN: &str = "AQAAAXLWHDPAMDEyMzQ1Njc4OTEy1hsQiZNn_FpO6vF9kkSPdA";

fn invitee() -> Email {
    parsed("user.one@example.com")
}

#[track_caller]
fn refused(token: &str, invitee: &Email) {
    let error = OwnCursor::decode(token, invitee.normalised()).expect_err(token).to_string();
    assert_eq!(error, "this is not the 'next' of a list of your invitations; start again without a cursor");
}

#[test]
fn a_token_is_50_characters_and_stable_across_versions() {
    let cursor = OwnCursor { expiry: at(1_592_730_072_000), account: parsed(ACCOUNT) };
    let token = cursor.encode(invitee().normalised());
    // Computed independently: issued tokens must still be valid after a deployment.
    assert_eq!((token.as_str(), token.len()), (TOKEN, 50));
    assert_eq!(OwnCursor::decode(&token, invitee().normalised()), Ok(cursor));
}

#[test]
fn a_changed_truncated_or_extended_token_is_rejected() {
    for place in 0..TOKEN.len() {
        for other in ALPHABET.iter().chain(b"=+/ .~%") {
            let mut changed = TOKEN.to_owned().into_bytes();
            if changed[place] != *other {
                changed[place] = *other;
                refused(&String::from_utf8(changed).expect("ASCII"), &invitee());
            }
        }
        refused(&TOKEN[..place], &invitee());
        refused(&TOKEN[place + 1..], &invitee());
    }
    for addition in ["=", "A", "AAAA", " ", "\0"] {
        refused(&format!("{TOKEN}{addition}"), &invitee());
        refused(&format!("{addition}{TOKEN}"), &invitee());
    }
    refused(&"A".repeat(1_000_000), &invitee());
}

/// A token of any content with a valid digest: the digest needs no secret.
fn forged(version: u8, payload: &[u8]) -> String {
    let versioned = [&[version], payload].concat();
    let digest = Sha256::digest([&b"own\0user.one@example.com\0"[..], &versioned].concat());
    URL_SAFE_NO_PAD.encode([&versioned, &digest[..16]].concat())
}

#[test]
fn a_forged_token_that_names_no_time_or_no_account_is_rejected() {
    let payload = |time: i64, account: &[u8]| [&time.to_be_bytes(), account].concat();
    assert!(OwnCursor::decode(&forged(1, &payload(7, b"012345678912")), invitee().normalised()).is_ok(), "the forgery is valid");
    refused(&forged(0, &payload(7, b"012345678912")), &invitee());
    refused(&forged(2, &payload(7, b"012345678912")), &invitee());
    for time in [-1, i64::MIN, i64::MAX, 10_000_000_000_000] {
        refused(&forged(1, &payload(time, b"012345678912")), &invitee());
    }
    for account in [&b""[..], b"01234567891", b"0123456789123", b"01234567891a", b"A#0123456789", b"\xff12345678912"] {
        refused(&forged(1, &payload(7, account)), &invitee());
    }
    refused(&forged(1, b""), &invitee());
}

#[test]
fn the_token_of_an_accounts_list_is_not_one_of_an_invitee() {
    let last = pending(at(0)).resource;
    for state in [None, Some(State::Invited)] {
        let list = List::new(Filter { state, email: Some(invitee().normalised().clone()), ..Filter::default() }, None);
        refused(&Cursor::after(&last, &list, at(1)).encode(&parsed(ACCOUNT), &list), &invitee());
        assert!(Cursor::decode(TOKEN, &parsed(ACCOUNT), &list).is_err());
    }
}

proptest! {
    #[test]
    fn a_token_is_valid_for_its_address_in_every_spelling_and_for_no_other(
        (expiry, account, one, other) in (any_time(), any_account(), any_email(), any_email()),
    ) {
        let cursor = OwnCursor { expiry, account };
        let token = cursor.encode(one.normalised());
        let again: Email = parsed(&one.as_entered().to_uppercase());
        prop_assert_eq!(OwnCursor::decode(&token, again.normalised()), Ok(cursor));
        if one.normalised() != other.normalised() {
            refused(&token, &other);
        }
    }
}
