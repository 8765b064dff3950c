//! Cursors and limits of lists (T4, T5).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use shared::domain::{
    AccountId, Email, State, Timestamp,
    page::{Cursor, Filter, Limit},
};

use super::support::{
    ACCOUNT, ID, OTHER_ACCOUNT, any_account, any_email, any_id, any_invitation, any_role, any_time, at, near_time, parsed, pending,
};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn any_filter() -> impl Strategy<Value = Filter> {
    let state = prop::option::of(prop::sample::select(State::ALL.to_vec()));
    let email = prop::option::of(any_email().prop_map(|email| email.normalised().clone()));
    (state, email, prop::option::of(any_role())).prop_map(|(state, email, role)| Filter { state, email, role })
}

/// A filter and a cursor that a list by it could have issued.
fn issued() -> impl Strategy<Value = (Filter, Cursor)> {
    (any_invitation(), near_time(), any::<(bool, bool, bool)>()).prop_map(|(last, as_of, (state, email, role))| {
        let filter = Filter {
            state: state.then(|| last.state(as_of)),
            email: email.then(|| last.resource.email.normalised().clone()),
            role: role.then(|| last.resource.role.clone()),
        };
        let cursor = Cursor::after(&last.resource, &filter, as_of);
        (filter, cursor)
    })
}

#[track_caller]
fn refused(token: &str, account: &AccountId, filter: &Filter) {
    let error = Cursor::decode(token, account, filter).expect_err(token).to_string();
    assert_eq!(error, "this is not the 'next' of a list with these filters; start again without a cursor");
}

#[test]
fn a_token_is_66_characters_and_stable_across_versions() {
    let filter = Filter { state: Some(State::Invited), ..Filter::default() };
    let cursor = Cursor { id: parsed(ID), time: at(1_592_730_072_000), as_of: at(1_592_730_000_123) };
    let token = cursor.encode(&parsed(ACCOUNT), &filter);
    // Computed independently: issued tokens must still be valid after a deployment.
    assert_eq!(token, "AT_coZVa5-sWeyXX2QrAK58AAAFy1hwzwAAAAXLWGxr7KIeibUE89ttxzZ50CuV5tQ");
    assert_eq!(Cursor::decode(&token, &parsed(ACCOUNT), &filter), Ok(cursor));
}

#[test]
fn a_cursor_contains_a_time_only_if_the_list_depends_on_it() {
    let invitation = pending(at(1_000_000));
    let as_of = at(2_000_000);
    let (by_state, by_email) = (Some(State::Invited), Some(invitation.resource.email.normalised().clone()));
    let cursor = |filter: Filter| Cursor::after(&invitation.resource, &filter, as_of);
    let none = Timestamp::ZERO;
    for (filter, time, frozen) in [
        (Filter::default(), none, none),
        (Filter { email: by_email.clone(), ..Filter::default() }, none, none),
        (Filter { role: Some(invitation.resource.role.clone()), ..Filter::default() }, none, none),
        (Filter { state: by_state, ..Filter::default() }, invitation.resource.expiry, as_of),
        (Filter { state: by_state, role: Some(invitation.resource.role.clone()), ..Filter::default() }, invitation.resource.expiry, as_of),
        (Filter { state: by_state, email: by_email, ..Filter::default() }, none, as_of),
        (Filter { state: Some(State::Revoked), ..Filter::default() }, invitation.resource.expiry, none),
    ] {
        assert_eq!(cursor(filter), Cursor { id: invitation.resource.id, time, as_of: frozen });
    }
}

#[test]
fn a_changed_truncated_or_extended_token_is_rejected() {
    let (account, filter) = (parsed(ACCOUNT), Filter::default());
    let token = Cursor::after(&pending(at(0)).resource, &filter, at(1)).encode(&account, &filter);
    for place in 0..token.len() {
        for other in ALPHABET.iter().chain(b"=+/ .~%") {
            let mut changed = token.clone().into_bytes();
            if changed[place] != *other {
                changed[place] = *other;
                refused(&String::from_utf8(changed).expect("ASCII"), &account, &filter);
            }
        }
        refused(&token[..place], &account, &filter);
        refused(&token[place + 1..], &account, &filter);
    }
    for addition in ["=", "==", "A", "AA", "AAAA", " ", "\n", "\0"] {
        refused(&format!("{token}{addition}"), &account, &filter);
        refused(&format!("{addition}{token}"), &account, &filter);
    }
    refused(&token.repeat(2), &account, &filter);
}

#[test]
fn a_token_longer_than_512_characters_is_not_decoded() {
    for length in [Cursor::MAX_LENGTH, Cursor::MAX_LENGTH + 1, 1_000_000] {
        refused(&"A".repeat(length), &parsed(ACCOUNT), &Filter::default());
    }
    assert_eq!(Cursor::MAX_LENGTH, 512);
}

/// A token of any content with a valid digest: the digest needs no secret.
fn forged(version: u8, cursor: (&str, i64, i64), account: &str, filter: &Filter) -> String {
    let id: shared::domain::InvitationId = parsed(cursor.0);
    let mut bytes = vec![version];
    bytes.extend(id.as_bytes());
    bytes.extend(cursor.1.to_be_bytes());
    bytes.extend(cursor.2.to_be_bytes());
    let state = filter.state.map_or("", State::as_str);
    let digest = Sha256::digest([format!("cursor\0{account}\0{state}\0\0\0").as_bytes(), &bytes].concat());
    bytes.extend(&digest[..16]);
    URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn a_forged_token_is_rejected_when_no_list_could_have_issued_it() {
    let account = parsed(ACCOUNT);
    let all = Filter::default();
    let of = |state| Filter { state: Some(state), ..Filter::default() };
    assert!(Cursor::decode(&forged(1, (ID, 0, 0), ACCOUNT, &all), &account, &all).is_ok(), "the forgery itself is valid");
    assert!(Cursor::decode(&forged(1, (ID, 8, 7), ACCOUNT, &of(State::Invited)), &account, &of(State::Invited)).is_ok());
    assert!(Cursor::decode(&forged(1, (ID, 7, 7), ACCOUNT, &of(State::Expired)), &account, &of(State::Expired)).is_ok());

    refused(&forged(0, (ID, 0, 0), ACCOUNT, &all), &account, &all);
    refused(&forged(2, (ID, 0, 0), ACCOUNT, &all), &account, &all);
    refused(&forged(1, (ID, -1, 0), ACCOUNT, &all), &account, &all);
    refused(&forged(1, (ID, 0, -1), ACCOUNT, &all), &account, &all);
    refused(&forged(1, (ID, 0, 10_000_000_000_000), ACCOUNT, &all), &account, &all);
    refused(&forged(1, (ID, i64::MAX, i64::MIN), ACCOUNT, &all), &account, &all);
    // DynamoDB rejects a start key outside of the range, which would be a 500.
    refused(&forged(1, (ID, 7, 7), ACCOUNT, &of(State::Invited)), &account, &of(State::Invited));
    refused(&forged(1, (ID, 8, 7), ACCOUNT, &of(State::Expired)), &account, &of(State::Expired));
    refused(&forged(1, (ID, 8, 0), ACCOUNT, &of(State::Invited)), &account, &of(State::Invited));
    refused(&forged(1, (ID, 0, 0), ACCOUNT, &of(State::Expired)), &account, &of(State::Expired));
}

#[test]
fn a_limit_is_an_integer_where_0_means_25_and_more_than_100_is_100() {
    for (text, expected) in [
        ("1", 1),
        ("7", 7),
        ("007", 7),
        ("25", 25),
        ("99", 99),
        ("100", 100),
        ("0", 25),
        ("000", 25),
        ("101", 100),
        ("255", 100),
        ("256", 100),
        ("4294967297", 100),
        ("18446744073709551617", 100),
        ("99999999999999999999999999999999999999999999", 100),
    ] {
        assert_eq!(parsed::<Limit>(text).get(), expected, "{text}");
    }
    for text in ["", " ", "-1", "-0", "+1", "1.0", "1e2", "0x10", " 1", "1 ", "ten", "１０", "1_0", "NaN", "1\0", "null"] {
        assert!(text.parse::<Limit>().is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn an_issued_token_round_trips_and_is_short_and_url_safe((filter, cursor) in issued(), account in any_account()) {
        let token = cursor.encode(&account, &filter);
        prop_assert!(token.len() <= Cursor::MAX_LENGTH && token.bytes().all(|b| ALPHABET.contains(&b)), "{}", token);
        prop_assert!(!token.contains(account.as_str()));
        prop_assert_eq!(Cursor::decode(&token, &account, &filter), Ok(cursor));
    }

    #[test]
    fn every_flipped_bit_is_rejected((filter, cursor) in issued()) {
        let account = parsed(ACCOUNT);
        let bytes = URL_SAFE_NO_PAD.decode(cursor.encode(&account, &filter)).expect("a token is base64url");
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            refused(&URL_SAFE_NO_PAD.encode(flipped), &account, &filter);
        }
    }

    #[test]
    fn a_changed_character_is_rejected((filter, cursor) in issued(), place in any::<prop::sample::Index>(), other in prop::sample::select(ALPHABET.to_vec())) {
        let account = parsed(ACCOUNT);
        let mut token = cursor.encode(&account, &filter).into_bytes();
        let place = place.index(token.len());
        prop_assume!(token[place] != other);
        token[place] = other;
        refused(&String::from_utf8(token).expect("ASCII"), &account, &filter);
    }

    #[test]
    fn a_token_of_another_account_is_rejected((filter, cursor) in issued(), account in any_account(), other in any_account()) {
        prop_assume!(account != other);
        refused(&cursor.encode(&account, &filter), &other, &filter);
    }

    #[test]
    fn a_token_of_other_filters_is_rejected((filter, cursor) in issued(), other in any_filter()) {
        prop_assume!(filter != other);
        refused(&cursor.encode(&parsed(ACCOUNT), &filter), &parsed(ACCOUNT), &other);
    }

    #[test]
    fn a_token_is_rejected_when_any_one_filter_is_added_dropped_or_changed((filter, cursor) in issued(), other in any_filter()) {
        let account = parsed(ACCOUNT);
        let token = cursor.encode(&account, &filter);
        for changed in [
            Filter { state: other.state, ..filter.clone() },
            Filter { email: other.email.clone(), ..filter.clone() },
            Filter { role: other.role.clone(), ..filter.clone() },
            Filter { state: None, ..filter.clone() },
            Filter { email: None, ..filter.clone() },
            Filter { role: None, ..filter.clone() },
        ] {
            if changed != filter {
                refused(&token, &account, &changed);
            }
        }
    }

    #[test]
    fn arbitrary_text_is_rejected_without_a_panic(text in prop_oneof![any::<String>(), "[A-Za-z0-9_-]{0,80}"], filter in any_filter()) {
        refused(&text, &parsed(OTHER_ACCOUNT), &filter);
    }

    #[test]
    fn arbitrary_bytes_are_rejected_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), filter in any_filter()) {
        refused(&URL_SAFE_NO_PAD.encode(bytes), &parsed(ACCOUNT), &filter);
    }

    #[test]
    fn a_limit_is_never_0_and_never_more_than_100(text in "[0-9]{1,40}") {
        prop_assert!((1..=100).contains(&parsed::<Limit>(&text).get()));
    }

    #[test]
    fn decoding_returns_what_was_encoded_or_nothing(id in any_id(), time in any_time(), as_of in any_time(), filter in any_filter()) {
        let (account, cursor) = (parsed(ACCOUNT), Cursor { id, time, as_of });
        if let Ok(decoded) = Cursor::decode(&cursor.encode(&account, &filter), &account, &filter) {
            prop_assert_eq!(decoded, cursor);
        }
    }
}

#[test]
fn an_address_that_differs_in_case_only_continues_the_same_list() {
    let filter = |typed: &str| Filter { email: Some(parsed::<Email>(typed).normalised().clone()), ..Filter::default() };
    let (account, one) = (parsed(ACCOUNT), filter("user@example.com"));
    let cursor = Cursor::after(&pending(at(0)).resource, &one, at(1));
    assert_eq!(Cursor::decode(&cursor.encode(&account, &one), &account, &filter("USER@Example.com")), Ok(cursor));
}
