//! Key strings: each one literally, and the order of each kind.

use aws_sdk_dynamodb::types::AttributeValue;
use proptest::prelude::*;
use shared::{
    domain::{
        AccountId, InvitationId, Principal, Resource, State, Timestamp,
        api_key::{ApiKey, ApiKeyId},
        email::Email,
        idempotency::RecordId,
        invitation::{Closing, Invitation, Status},
        page::{Cursor, List, Order, Range},
    },
    store::keys::{self, Bounds, Key},
};

use super::support::{
    ACCOUNT, ID, KEY, KEY_ID, OTHER_ACCOUNT, any_account, any_email, any_id, any_invitation, any_order, any_role, any_time, at,
    matching_filter, near_time, parsed, pending, prefix_of, principal,
};

/// The attributes of a key.
fn strings(key: &Key) -> Vec<(&str, &str)> {
    let mut strings: Vec<_> =
        key.attributes().iter().map(|(name, value)| (name.as_str(), value.as_s().map_or("not a string", String::as_str))).collect();
    strings.sort_unstable();
    strings
}

fn within(bounds: &Bounds, value: &str) -> bool {
    (bounds.from.as_str()..=bounds.to.as_str()).contains(&value)
}

/// The value of an invitation in the attribute of a range.
fn position(invitation: &Invitation, attribute: &str) -> String {
    match attribute {
        "sk" => keys::invitation(invitation.resource.id),
        "by_state" => keys::by_state(invitation),
        "by_email" => keys::by_email(invitation.resource.email.normalised(), invitation.resource.id),
        "by_role" => keys::by_role(&invitation.resource.role, invitation.resource.id),
        other => panic!("no range is over {other}"),
    }
}

fn caller() -> Principal {
    principal(ACCOUNT, "full-access")
}

#[test]
fn the_items_of_an_account_have_these_keys() {
    let who = caller();
    assert_eq!(keys::partition(who.account()).as_str(), "A#012345678912");
    assert_eq!(keys::invitation(parsed(ID)), "I#3FDCA1955AE7EB167B25D7D90AC02B9F");
    assert_eq!(keys::lock(parsed::<Email>("User.One@Bücher.example").normalised()), "P#user.one@xn--bcher-kva.example");
    assert_eq!(keys::quota(at(1_592_730_000_000)), "Q#1592730000000");
    assert_eq!(keys::quota(Timestamp::ZERO), "Q#0000000000000");
    assert_eq!(strings(&keys::key(who.account(), "I#1".to_owned())), [("pk", "A#012345678912"), ("sk", "I#1")]);
}

#[test]
fn a_stored_response_has_this_key() {
    let id = RecordId::new(&caller(), "POST /invitations", &parsed("key"));
    assert_eq!(keys::stored_response(&id), format!("K#{}", id.as_str()));
    assert!(id.as_str().len() == 64 && id.as_str().bytes().all(|b| b.is_ascii_hexdigit()));
}

#[test]
fn api_keys_have_their_own_partition() {
    let account = parsed(ACCOUNT);
    assert_eq!(keys::api_key_partition(&account).as_str(), "KEYS#012345678912");
    assert_eq!(strings(&keys::api_key(&account, &parsed(KEY_ID))), [("pk", "KEYS#012345678912"), ("sk", KEY_ID)]);
    let key: ApiKey = parsed(KEY);
    assert_eq!(keys::api_key(key.account(), key.id()), keys::api_key(&account, &parsed(KEY_ID)));
}

#[test]
fn settings_have_their_own_partition() {
    assert_eq!(strings(&keys::settings(&parsed(ACCOUNT))), [("pk", "SETTINGS#012345678912"), ("sk", "settings")]);
}

#[test]
fn an_external_id_has_its_own_partition() {
    assert_eq!(strings(&keys::external_id(&parsed("a#B/1"))), [("pk", "EXTERNAL#a#B/1"), ("sk", "account")]);
}

#[test]
fn an_invitation_has_these_index_keys() {
    let invitation = pending(at(1_592_730_072_999));
    assert_eq!(keys::by_state(&invitation), "pending#1593334872000#3FDCA1955AE7EB167B25D7D90AC02B9F");
    assert_eq!(
        keys::by_email(invitation.resource.email.normalised(), invitation.resource.id),
        "user.one@example.com#3FDCA1955AE7EB167B25D7D90AC02B9F"
    );
    assert_eq!(keys::by_role(&invitation.resource.role, invitation.resource.id), "full-access#3FDCA1955AE7EB167B25D7D90AC02B9F");
    for (closing, expected) in [
        (Closing::Accepted, "accepted#0000000000042#3FDCA1955AE7EB167B25D7D90AC02B9F"),
        (Closing::Declined, "declined#0000000000042#3FDCA1955AE7EB167B25D7D90AC02B9F"),
        (Closing::Revoked, "revoked#0000000000042#3FDCA1955AE7EB167B25D7D90AC02B9F"),
    ] {
        let closed = Invitation {
            resource: Resource { status: Status::Closed(closing, at(42)), ..invitation.resource.clone() },
            ..invitation.clone()
        };
        assert_eq!(keys::by_state(&closed), expected);
        assert_eq!(keys::closed(closing), closing.state().as_str());
    }
}

#[test]
fn ranges_have_these_bounds() {
    let (email, prefix, role) = (parsed::<Email>("user@example.com"), parsed("User@ex"), parsed("full-access"));
    let as_of = at(1_592_730_072_999);
    for (range, index, from, to) in [
        (Range::All, None, "I#", "I#~"),
        (Range::Email(email.normalised()), Some("by_email"), "user@example.com#", "user@example.com#~"),
        (Range::EmailPrefix(&prefix), Some("by_email"), "user@ex", "user@ex\u{10ffff}"),
        (Range::Role(&role), Some("by_role"), "full-access#", "full-access#~"),
        (Range::State(State::Accepted), Some("by_state"), "accepted#", "accepted#~"),
        (Range::State(State::Declined), Some("by_state"), "declined#", "declined#~"),
        (Range::State(State::Revoked), Some("by_state"), "revoked#", "revoked#~"),
        (Range::State(State::Expired), Some("by_state"), "pending#", "pending#1592730072999#~"),
        (Range::State(State::Invited), Some("by_state"), "pending#1592730072999#~", "pending#~"),
    ] {
        for (order, ascending) in [(Order::Ascending, true), (Order::Descending, false)] {
            let attribute = index.unwrap_or("sk");
            let expected = Bounds { index, attribute, from: from.to_owned(), to: to.to_owned(), ascending };
            assert_eq!(keys::bounds(range, order, as_of), expected);
        }
    }
}

#[test]
fn only_an_invitations_key_is_parsed_as_one() {
    let (account, id): (AccountId, InvitationId) = (parsed(ACCOUNT), parsed(ID));
    let (pk, sk) = (keys::partition(&account), keys::invitation(id));
    assert_eq!(keys::parse_invitation_key(pk.as_str(), &sk), Some((account.clone(), id)));
    assert_eq!(keys::parse_invitation_key(keys::api_key_partition(&account).as_str(), &sk), None);
    assert_eq!(keys::parse_invitation_key(pk.as_str(), "P#user@example.com"), None);
}

#[test]
fn the_last_byte_of_an_id_is_its_shard_of_four() {
    assert_eq!(keys::DUE_SHARDS, 4);
    for (last, shard) in [(0, "0"), (1, "1"), (3, "3"), (4, "0"), (254, "2"), (255, "3")] {
        let mut bytes = [0xff; 16];
        bytes[15] = last;
        assert_eq!(keys::due_shard(InvitationId::from_bytes(bytes)), shard, "{last}");
    }
}

#[test]
fn a_primary_key_is_exactly_both_key_attributes() {
    let key = keys::invitation_key(&parsed(ACCOUNT), parsed(ID));
    let row = key.clone().row([("email", AttributeValue::S("user@example.com".to_owned()))]);
    assert_eq!(row.len(), 3);
    assert_eq!(Key::of_row(&row), key);
}

#[test]
fn a_cold_start_reads_from_no_accounts_partition() {
    assert_eq!(strings(&keys::nothing()), [("pk", "KEYS#"), ("sk", "nothing")]);
    assert_eq!(keys::parse_api_key_partition("KEYS#"), None);
}

#[test]
fn malformed_keys_are_not_parsed() {
    for sk in ["", ID, "I#", "I#3FDCA195", "P#3FDCA1955AE7EB167B25D7D90AC02B9F", "i#3FDCA1955AE7EB167B25D7D90AC02B9F", "I##"] {
        assert_eq!(keys::parse_invitation(sk), None, "{sk}");
    }
    for pk in ["", "A#", ACCOUNT, "A#01234567891", "A#0123456789123", "KEYS#012345678912", "A#KEYS#012345678912"] {
        assert_eq!(keys::parse_partition(pk), None, "{pk}");
    }
    for pk in ["", "KEYS#", "A#012345678912", "KEYS#A#012345678912", "KEYS#01234567891x"] {
        assert_eq!(keys::parse_api_key_partition(pk), None, "{pk}");
    }
}

#[test]
fn a_page_starts_after_this_key() {
    let (who, email, role) = (caller(), parsed::<Email>("user@example.com"), parsed("full-access"));
    let prefix = parsed("User@ex");
    let cursor = Cursor { id: parsed(ID), time: at(42), as_of: at(41), rest: "ample.com".to_owned() };
    let (pk, sk) = (("pk", "A#012345678912"), ("sk", "I#3FDCA1955AE7EB167B25D7D90AC02B9F"));
    let starts = |range| keys::start_key(who.account(), range, &cursor);
    assert_eq!(strings(&starts(Range::All)), [pk, sk]);
    for (range, position) in [
        (Range::Email(email.normalised()), ("by_email", "user@example.com#3FDCA1955AE7EB167B25D7D90AC02B9F")),
        (Range::EmailPrefix(&prefix), ("by_email", "user@example.com#3FDCA1955AE7EB167B25D7D90AC02B9F")),
        (Range::Role(&role), ("by_role", "full-access#3FDCA1955AE7EB167B25D7D90AC02B9F")),
        (Range::State(State::Invited), ("by_state", "pending#0000000000042#3FDCA1955AE7EB167B25D7D90AC02B9F")),
        (Range::State(State::Expired), ("by_state", "pending#0000000000042#3FDCA1955AE7EB167B25D7D90AC02B9F")),
        (Range::State(State::Accepted), ("by_state", "accepted#0000000000042#3FDCA1955AE7EB167B25D7D90AC02B9F")),
        (Range::State(State::Declined), ("by_state", "declined#0000000000042#3FDCA1955AE7EB167B25D7D90AC02B9F")),
        (Range::State(State::Revoked), ("by_state", "revoked#0000000000042#3FDCA1955AE7EB167B25D7D90AC02B9F")),
    ] {
        assert_eq!(strings(&starts(range)), [position, pk, sk]);
    }
}

#[test]
fn a_range_ends_where_its_page_starts() {
    let start = |attribute: &str| {
        Key::next_page(Some([(attribute.to_owned(), AttributeValue::S("m".to_owned()))].into())).expect("a key that is not empty")
    };
    let bounds = |ascending| Bounds { index: None, attribute: "sk", from: "a".to_owned(), to: "z".to_owned(), ascending };
    assert_eq!(bounds(true).starting_at(Some(&start("sk"))), Bounds { from: "m".to_owned(), ..bounds(true) });
    assert_eq!(bounds(false).starting_at(Some(&start("sk"))), Bounds { to: "m".to_owned(), ..bounds(false) });
    assert_eq!(bounds(false).starting_at(Some(&start("by_role"))), bounds(false));
    assert_eq!(bounds(false).starting_at(None), bounds(false));
}

#[test]
fn a_page_starts_in_the_callers_partition_for_every_cursor() {
    let cursor = Cursor { id: parsed(ID), time: Timestamp::ZERO, as_of: Timestamp::ZERO, rest: String::new() };
    let start = keys::start_key(&parsed(OTHER_ACCOUNT), Range::All, &cursor);
    assert_eq!(start.attributes().get("pk"), Some(&AttributeValue::S("A#210987654321".to_owned())));
}

proptest! {
    #[test]
    fn every_key_round_trips(id in any_id(), account in any_account(), time in any_time()) {
        prop_assert_eq!(keys::parse_invitation(&keys::invitation(id)), Some(id));
        let who = principal(account.as_str(), "full-access");
        prop_assert_eq!(keys::parse_partition(keys::partition(who.account()).as_str()), Some(account.clone()));
        prop_assert_eq!(keys::parse_api_key_partition(keys::api_key_partition(&account).as_str()), Some(account));
        let window = keys::quota(time);
        prop_assert_eq!(window.len(), 15);
        prop_assert_eq!(window[2..].parse(), Ok(time.as_millis()));
    }

    #[test]
    fn arbitrary_text_makes_no_parser_panic(text in any::<String>(), prefix in "(A#|I#|KEYS#)?") {
        let text = prefix + &text;
        let _: (Option<InvitationId>, Option<AccountId>, Option<AccountId>) =
            (keys::parse_invitation(&text), keys::parse_partition(&text), keys::parse_api_key_partition(&text));
    }

    #[test]
    fn the_order_of_quota_windows_is_the_order_of_time(one in any_time(), other in any_time()) {
        prop_assert_eq!(keys::quota(one).cmp(&keys::quota(other)), one.cmp(&other));
    }

    #[test]
    fn within_a_status_the_index_by_state_is_ordered_by_time_and_then_by_id(
        one in (any_time(), any_id()),
        other in (any_time(), any_id()),
        same_time in any::<bool>(),
    ) {
        let other = if same_time { (one.0, other.1) } else { other };
        let pending = |(expiry, id)| keys::by_state(&Invitation { resource: Resource { id, expiry, ..pending(at(0)).resource }, ..pending(at(0)) });
        prop_assert_eq!(pending(one).cmp(&pending(other)), one.cmp(&other));
        let revoked =
            |(when, id)| keys::by_state(&Invitation { resource: Resource { id, status: Status::Closed(Closing::Revoked, when), ..super::support::pending(at(0)).resource }, ..super::support::pending(at(0)) });
        prop_assert_eq!(revoked(one).cmp(&revoked(other)), one.cmp(&other));
    }

    #[test]
    fn exactly_the_invitations_of_a_state_lie_in_its_range(invitation in any_invitation(), as_of in near_time(), order in any_order()) {
        let state = invitation.state(as_of);
        for asked in State::ALL {
            let bounds = keys::bounds(Range::State(asked), order, as_of);
            prop_assert_eq!(within(&bounds, &keys::by_state(&invitation)), asked == state, "{} of {:?}", asked, invitation);
        }
    }

    #[test]
    fn the_expiry_decides_to_the_millisecond_between_invited_and_expired(expiry in any_time(), later in -2i64..=2, id in any_id()) {
        let as_of = at((expiry.as_millis() + later).clamp(0, Timestamp::MAX.as_millis()));
        let position = keys::by_state(&Invitation { resource: Resource { id, expiry, ..pending(at(0)).resource }, ..pending(at(0)) });
        prop_assert_eq!(within(&keys::bounds(Range::State(State::Invited), Order::Descending, as_of), &position), expiry > as_of);
        prop_assert_eq!(within(&keys::bounds(Range::State(State::Expired), Order::Descending, as_of), &position), expiry <= as_of);
    }

    #[test]
    fn the_range_of_an_address_contains_no_other_addresss_invitation(one in any_email(), other in any_email(), id in any_id()) {
        let bounds = keys::bounds(Range::Email(one.normalised()), Order::Descending, Timestamp::ZERO);
        prop_assert_eq!(within(&bounds, &keys::by_email(other.normalised(), id)), one.normalised() == other.normalised());
        prop_assert!(within(&bounds, &keys::by_email(one.normalised(), id)));
    }

    #[test]
    fn the_range_of_a_prefix_contains_exactly_the_addresses_that_begin_with_it(
        one in any_email(),
        other in any_email(),
        length in 3usize..20,
        order in any_order(),
        id in any_id(),
    ) {
        let prefix = prefix_of(&one, length);
        let bounds = keys::bounds(Range::EmailPrefix(&prefix), order, Timestamp::ZERO);
        prop_assert_eq!(within(&bounds, &keys::by_email(other.normalised(), id)), other.normalised().as_str().starts_with(prefix.as_str()));
        prop_assert!(within(&bounds, &keys::by_email(one.normalised(), id)));
    }

    #[test]
    fn the_index_by_address_is_ordered_by_address_and_then_by_id(one in (any_email(), any_id()), other in (any_email(), any_id())) {
        let key = |(email, id): &(Email, InvitationId)| keys::by_email(email.normalised(), *id);
        let parts = |(email, id): &(Email, InvitationId)| (email.normalised().as_str().to_owned(), *id);
        prop_assert_eq!(key(&one).cmp(&key(&other)), parts(&one).cmp(&parts(&other)));
    }

    #[test]
    fn the_range_of_a_role_contains_no_other_roles_invitation(one in any_role(), other in any_role(), id in any_id()) {
        let bounds = keys::bounds(Range::Role(&one), Order::Descending, Timestamp::ZERO);
        prop_assert_eq!(within(&bounds, &keys::by_role(&other, id)), one == other);
        prop_assert!(within(&bounds, &keys::by_role(&one, id)));
    }

    #[test]
    fn no_address_makes_the_key_of_another_item(one in any_email(), other in any_email(), id in any_id()) {
        prop_assert_eq!(keys::lock(one.normalised()) == keys::lock(other.normalised()), one.normalised() == other.normalised());
        let bounds = keys::bounds(Range::All, Order::Descending, Timestamp::ZERO);
        prop_assert!(!within(&bounds, &keys::lock(one.normalised())));
        prop_assert!(within(&bounds, &keys::invitation(id)));
    }

    #[test]
    fn only_invitations_lie_in_the_range_of_all(time in any_time(), key in "[0-9A-Za-z]{1,20}") {
        let bounds = keys::bounds(Range::All, Order::Descending, time);
        prop_assert!(!within(&bounds, &keys::quota(time)));
        prop_assert!(!within(&bounds, &keys::stored_response(&RecordId::new(&caller(), "route", &parsed(&key)))));
    }

    #[test]
    fn the_next_page_starts_inside_its_own_range(
        invitation in any_invitation(),
        as_of in near_time(),
        parts in any::<(bool, bool, bool, bool)>(),
        length in 3usize..40,
        order in prop::option::of(any_order()),
    ) {
        let list = List::new(matching_filter(&invitation, as_of, parts, length), order);
        prop_assert!(list.filter.matches(&invitation.resource, as_of));
        let cursor = Cursor::after(&invitation.resource, &list, as_of);
        // Like a later page: with the time of the cursor if the filter depends on it.
        let frozen = if cursor.as_of == Timestamp::ZERO { Timestamp::MAX } else { cursor.as_of };
        let bounds = keys::bounds(list.filter.range(), list.order, frozen);
        let start = keys::start_key(caller().account(), list.filter.range(), &cursor);
        let strings = strings(&start);
        let own = strings.iter().find(|(name, _)| *name == bounds.attribute).map(|(_, value)| *value);
        let expected = position(&invitation, bounds.attribute);
        prop_assert_eq!(own, Some(expected.as_str()));
        prop_assert!(own.is_some_and(|value| within(&bounds, value)), "{:?} {:?}", bounds, strings);
    }
}

#[test]
fn an_api_keys_id_is_twelve_letters_and_digits() {
    assert_eq!(parsed::<ApiKeyId>(KEY_ID).as_str(), KEY_ID);
    for text in ["", "AbCdEfGhIjK", "AbCdEfGhIjKlM", "AbCdEfGhIj_l", "AbCdEfGhIj#l", "AbCdEfGhIjé"] {
        assert!(text.parse::<ApiKeyId>().is_err(), "{text}");
    }
}
