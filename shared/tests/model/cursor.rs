//! Cursors and limits of lists (T4, T5).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use shared::domain::{
    AccountId, Email, State, Timestamp,
    email::EmailPrefix,
    page::{Cursor, Filter, Limit, List, Order},
};

use super::support::{
    ACCOUNT, ID, OTHER_ACCOUNT, any_account, any_id, any_invitation, any_list, any_order, any_time, at, matching_filter, near_time, parsed,
    pending,
};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A list in its natural order.
fn natural(filter: Filter) -> List {
    List::new(filter, None)
}

fn by_prefix(prefix: &str) -> Filter {
    Filter { email_prefix: Some(parsed(prefix)), ..Filter::default() }
}

/// A list and a cursor that it could have issued.
fn issued() -> impl Strategy<Value = (List, Cursor)> {
    let order = prop::option::of(any_order());
    (any_invitation(), near_time(), order, any::<(bool, bool, bool, bool)>(), 3usize..40).prop_map(|(last, as_of, order, parts, length)| {
        let list = List::new(matching_filter(&last, as_of, parts, length), order);
        let cursor = Cursor::after(&last.resource, &list, as_of);
        (list, cursor)
    })
}

#[track_caller]
fn refused(token: &str, account: &AccountId, list: &List) {
    let error = Cursor::decode(token, account, list).expect_err(token).to_string();
    assert_eq!(error, "this is not the 'next' of a list with these filters and this order; start again without a cursor");
}

#[test]
fn a_token_is_66_characters_and_stable_across_versions() {
    let list = natural(Filter { state: Some(State::Invited), ..Filter::default() });
    let cursor = Cursor { id: parsed(ID), time: at(1_592_730_072_000), as_of: at(1_592_730_000_123), rest: String::new() };
    let token = cursor.encode(&parsed(ACCOUNT), &list);
    // Computed independently: issued tokens must still be valid after a deployment.
    assert_eq!(token, "AT_coZVa5-sWeyXX2QrAK58AAAFy1hwzwAAAAXLWGxr7ztEG_YAalmrtyWSNMnMv3Q");
    assert_eq!(Cursor::decode(&token, &parsed(ACCOUNT), &list), Ok(cursor));
}

#[test]
fn the_token_of_a_list_by_prefix_contains_the_rest_of_the_address() {
    let list = natural(by_prefix("user."));
    let cursor = Cursor { id: parsed(ID), time: Timestamp::ZERO, as_of: Timestamp::ZERO, rest: "one@example.com".to_owned() };
    let token = cursor.encode(&parsed(ACCOUNT), &list);
    // Computed independently, too.
    assert_eq!(token, "AT_coZVa5-sWeyXX2QrAK58AAAAAAAAAAAAAAAAAAAAAb25lQGV4YW1wbGUuY29tf8_kvkvqqAGmyPyCpQMTOA");
    assert_eq!(Cursor::decode(&token, &parsed(ACCOUNT), &list), Ok(cursor));
}

#[test]
fn the_token_of_the_longest_address_has_400_characters() {
    let label = "d".repeat(63);
    let longest = format!("{}@{label}.{label}.{}", "l".repeat(64), "d".repeat(61));
    assert_eq!(longest.len(), 254);
    let mut last = pending(at(0)).resource;
    last.email = parsed(&longest);
    let account = parsed(ACCOUNT);
    for (prefix, length) in [(&longest[..3], 400), (&longest[..4], 399), (&longest[..253], 67), (longest.as_str(), 66)] {
        let list = natural(by_prefix(prefix));
        let cursor = Cursor::after(&last, &list, at(1));
        assert_eq!(cursor.rest, longest[prefix.len()..]);
        let token = cursor.encode(&account, &list);
        assert_eq!(token.len(), length);
        assert_eq!(Cursor::decode(&token, &account, &list), Ok(cursor));
    }
}

#[test]
fn a_cursor_contains_a_time_or_an_address_only_if_the_list_depends_on_it() {
    let invitation = pending(at(1_000_000));
    let as_of = at(2_000_000);
    let (by_state, by_email) = (Some(State::Invited), Some(invitation.resource.email.normalised().clone()));
    let role = Some(invitation.resource.role.clone());
    let expiry = invitation.resource.expiry;
    let none = Timestamp::ZERO;
    for (filter, time, frozen, rest) in [
        (Filter::default(), none, none, ""),
        (Filter { email: by_email.clone(), ..Filter::default() }, none, none, ""),
        (Filter { role: role.clone(), ..Filter::default() }, none, none, ""),
        (Filter { state: by_state, ..Filter::default() }, expiry, as_of, ""),
        (Filter { state: by_state, role: role.clone(), ..Filter::default() }, expiry, as_of, ""),
        (Filter { state: by_state, email: by_email.clone(), ..Filter::default() }, none, as_of, ""),
        (Filter { state: Some(State::Revoked), ..Filter::default() }, expiry, none, ""),
        (by_prefix("USER."), none, none, "one@example.com"),
        (Filter { state: by_state, role, ..by_prefix("user.one@example.com") }, none, as_of, ""),
        (Filter { email: by_email, ..by_prefix("user.") }, none, none, ""),
    ] {
        for order in [None, Some(Order::Ascending), Some(Order::Descending)] {
            let cursor = Cursor::after(&invitation.resource, &List::new(filter.clone(), order), as_of);
            assert_eq!(cursor, Cursor { id: invitation.resource.id, time, as_of: frozen, rest: rest.to_owned() });
        }
    }
}

#[test]
fn a_changed_truncated_or_extended_token_is_rejected() {
    let account = parsed(ACCOUNT);
    for list in [natural(Filter::default()), natural(by_prefix("user."))] {
        let token = Cursor::after(&pending(at(0)).resource, &list, at(1)).encode(&account, &list);
        for place in 0..token.len() {
            for other in ALPHABET.iter().chain(b"=+/ .~%") {
                let mut changed = token.clone().into_bytes();
                if changed[place] != *other {
                    changed[place] = *other;
                    refused(&String::from_utf8(changed).expect("ASCII"), &account, &list);
                }
            }
            refused(&token[..place], &account, &list);
            refused(&token[place + 1..], &account, &list);
        }
        for addition in ["=", "==", "A", "AA", "AAAA", " ", "\n", "\0"] {
            refused(&format!("{token}{addition}"), &account, &list);
            refused(&format!("{addition}{token}"), &account, &list);
        }
        refused(&token.repeat(2), &account, &list);
    }
}

#[test]
fn a_token_longer_than_512_characters_is_not_decoded() {
    for length in [Cursor::MAX_LENGTH, Cursor::MAX_LENGTH + 1, 1_000_000] {
        refused(&"A".repeat(length), &parsed(ACCOUNT), &natural(Filter::default()));
    }
    assert_eq!(Cursor::MAX_LENGTH, 512);
}

/// A token of any content with a valid digest: the digest needs no secret.
fn forged(version: u8, (id, time, as_of): (&str, i64, i64), rest: &[u8], list: &List) -> String {
    let id: shared::domain::InvitationId = parsed(id);
    let mut bytes = vec![version];
    bytes.extend(id.as_bytes());
    bytes.extend(time.to_be_bytes());
    bytes.extend(as_of.to_be_bytes());
    bytes.extend(rest);
    let (order, state) = (list.order.as_str(), list.filter.state.map_or("", State::as_str));
    let prefix = list.filter.email_prefix.as_ref().map_or("", EmailPrefix::as_str);
    let digest = Sha256::digest([format!("cursor\0{ACCOUNT}\0{order}\0{state}\0\0{prefix}\0\0").as_bytes(), &bytes].concat());
    bytes.extend(&digest[..16]);
    URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn a_forged_token_is_rejected_when_no_list_could_have_issued_it() {
    let account = parsed(ACCOUNT);
    for order in [Order::Ascending, Order::Descending] {
        let of = |state| List::new(Filter { state, ..Filter::default() }, Some(order));
        let [all, invited, expired] = [None, Some(State::Invited), Some(State::Expired)].map(of);
        let accepted =
            |cursor, list| assert!(Cursor::decode(&forged(1, cursor, b"", list), &account, list).is_ok(), "the forgery is valid");
        accepted((ID, 0, 0), &all);
        accepted((ID, 8, 7), &invited);
        accepted((ID, 7, 7), &expired);

        let refused = |version, cursor, list| refused(&forged(version, cursor, b"", list), &account, list);
        refused(0, (ID, 0, 0), &all);
        refused(2, (ID, 0, 0), &all);
        refused(1, (ID, -1, 0), &all);
        refused(1, (ID, 0, -1), &all);
        refused(1, (ID, 0, 10_000_000_000_000), &all);
        refused(1, (ID, i64::MAX, i64::MIN), &all);
        // DynamoDB rejects a start key outside of the range, which would be a 500.
        refused(1, (ID, 7, 7), &invited);
        refused(1, (ID, 8, 7), &expired);
        refused(1, (ID, 8, 0), &invited);
        refused(1, (ID, 0, 0), &expired);
    }
}

#[test]
fn a_forged_token_is_rejected_when_its_rest_does_not_complete_an_address() {
    let account = parsed(ACCOUNT);
    let zero = (ID, 0, 0);
    let list = natural(by_prefix("a@b.co"));
    for rest in ["", "m", ".uk", "nference.example", "m.xn--bcher-kva.example"] {
        let cursor = Cursor::decode(&forged(1, zero, rest.as_bytes(), &list), &account, &list);
        assert_eq!(cursor.map(|cursor| cursor.rest), Ok(rest.to_owned()), "the forgery is valid");
    }
    let long = format!(".{}", "d".repeat(248));
    let rests = ["#", "m#", "M", "m ", " ", "\0", "@c.example", ".", "..uk", "-", ".1", ".b\u{fc}cher", "\u{10ffff}", "~", &long];
    for rest in rests.map(str::as_bytes).into_iter().chain([&b"\xff"[..], b"m\x80", b"\xf4\x90\x80\x80"]) {
        refused(&forged(1, zero, rest, &list), &account, &list);
    }
    // In every other list nothing may remain.
    for filter in [Filter::default(), Filter { state: Some(State::Revoked), ..Filter::default() }] {
        let list = natural(filter);
        assert!(Cursor::decode(&forged(1, zero, b"", &list), &account, &list).is_ok());
        refused(&forged(1, zero, b"m", &list), &account, &list);
    }
    let invited = natural(Filter { state: Some(State::Invited), ..Filter::default() });
    refused(&forged(1, (ID, 8, 7), b"m", &invited), &account, &invited);
}

#[test]
fn requesting_the_natural_order_continues_the_same_list_and_the_other_order_does_not() {
    let (account, last) = (parsed(ACCOUNT), pending(at(0)).resource);
    let state = |state| Filter { state: Some(state), ..Filter::default() };
    for (filter, order, other) in [
        (Filter::default(), Order::Descending, Order::Ascending),
        (Filter { email: Some(last.email.normalised().clone()), ..Filter::default() }, Order::Descending, Order::Ascending),
        (Filter { role: Some(last.role.clone()), ..Filter::default() }, Order::Descending, Order::Ascending),
        (state(State::Invited), Order::Ascending, Order::Descending),
        (state(State::Revoked), Order::Descending, Order::Ascending),
        (by_prefix("user."), Order::Ascending, Order::Descending),
    ] {
        let list = natural(filter.clone());
        let cursor = Cursor::after(&last, &list, at(1));
        let token = cursor.encode(&account, &list);
        assert_eq!(Cursor::decode(&token, &account, &List::new(filter.clone(), Some(order))), Ok(cursor));
        refused(&token, &account, &List::new(filter, Some(other)));
    }
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
    fn an_issued_token_round_trips_and_is_short_and_url_safe((list, cursor) in issued(), account in any_account()) {
        let token = cursor.encode(&account, &list);
        prop_assert!(token.len() <= Cursor::MAX_LENGTH && token.bytes().all(|b| ALPHABET.contains(&b)), "{}", token);
        prop_assert!(!token.contains(account.as_str()));
        prop_assert_eq!(Cursor::decode(&token, &account, &list), Ok(cursor));
    }

    #[test]
    fn every_flipped_bit_is_rejected((list, cursor) in issued()) {
        let account = parsed(ACCOUNT);
        let bytes = URL_SAFE_NO_PAD.decode(cursor.encode(&account, &list)).expect("a token is base64url");
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            refused(&URL_SAFE_NO_PAD.encode(flipped), &account, &list);
        }
    }

    #[test]
    fn a_changed_character_is_rejected((list, cursor) in issued(), place in any::<prop::sample::Index>(), other in prop::sample::select(ALPHABET.to_vec())) {
        let account = parsed(ACCOUNT);
        let mut token = cursor.encode(&account, &list).into_bytes();
        let place = place.index(token.len());
        prop_assume!(token[place] != other);
        token[place] = other;
        refused(&String::from_utf8(token).expect("ASCII"), &account, &list);
    }

    #[test]
    fn a_token_of_another_account_is_rejected((list, cursor) in issued(), account in any_account(), other in any_account()) {
        prop_assume!(account != other);
        refused(&cursor.encode(&account, &list), &other, &list);
    }

    #[test]
    fn a_token_of_another_list_is_rejected((list, cursor) in issued(), other in any_list()) {
        prop_assume!(list != other);
        refused(&cursor.encode(&parsed(ACCOUNT), &list), &parsed(ACCOUNT), &other);
    }

    #[test]
    fn a_token_is_rejected_when_any_one_filter_or_the_order_is_added_dropped_or_changed((list, cursor) in issued(), other in any_list()) {
        let account = parsed(ACCOUNT);
        let token = cursor.encode(&account, &list);
        let List { filter, order } = list.clone();
        for changed in [
            Filter { state: other.filter.state, ..filter.clone() },
            Filter { email: other.filter.email.clone(), ..filter.clone() },
            Filter { email_prefix: other.filter.email_prefix.clone(), ..filter.clone() },
            Filter { role: other.filter.role.clone(), ..filter.clone() },
            Filter { invited_by: other.filter.invited_by.clone(), ..filter.clone() },
            Filter { state: None, ..filter.clone() },
            Filter { email: None, ..filter.clone() },
            Filter { email_prefix: None, ..filter.clone() },
            Filter { role: None, ..filter.clone() },
        ] {
            if changed != filter {
                refused(&token, &account, &List { filter: changed, order });
            }
        }
        for changed in [Order::Ascending, Order::Descending] {
            if changed != order {
                refused(&token, &account, &List { filter: filter.clone(), order: changed });
            }
        }
    }

    #[test]
    fn arbitrary_text_is_rejected_without_a_panic(text in prop_oneof![any::<String>(), "[A-Za-z0-9_-]{0,80}"], list in any_list()) {
        refused(&text, &parsed(OTHER_ACCOUNT), &list);
    }

    #[test]
    fn arbitrary_bytes_are_rejected_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), list in any_list()) {
        refused(&URL_SAFE_NO_PAD.encode(bytes), &parsed(ACCOUNT), &list);
    }

    #[test]
    fn a_limit_is_never_0_and_never_more_than_100(text in "[0-9]{1,40}") {
        prop_assert!((1..=100).contains(&parsed::<Limit>(&text).get()));
    }

    #[test]
    fn decoding_returns_what_was_encoded_or_nothing(
        id in any_id(),
        time in any_time(),
        as_of in any_time(),
        rest in "[a-z@.#~]{0,3}|.{0,9}",
        list in any_list(),
    ) {
        let (account, cursor) = (parsed(ACCOUNT), Cursor { id, time, as_of, rest });
        if let Ok(decoded) = Cursor::decode(&cursor.encode(&account, &list), &account, &list) {
            prop_assert_eq!(decoded, cursor);
        }
    }
}

#[test]
fn an_address_or_a_prefix_that_differs_in_case_only_continues_the_same_list() {
    let account = parsed(ACCOUNT);
    let email = |typed: &str| natural(Filter { email: Some(parsed::<Email>(typed).normalised().clone()), ..Filter::default() });
    let prefix = |typed: &str| natural(by_prefix(typed));
    for (one, other) in [(email("user@example.com"), email("USER@Example.com")), (prefix("user."), prefix("USer."))] {
        let cursor = Cursor::after(&pending(at(0)).resource, &one, at(1));
        assert_eq!(Cursor::decode(&cursor.encode(&account, &one), &account, &other), Ok(cursor));
    }
}
