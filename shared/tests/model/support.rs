//! Values for many tests, and strategies for arbitrary ones.

use std::{collections::BTreeSet, fmt::Debug, str::FromStr, time::Duration};

use proptest::prelude::*;
use shared::{
    config::DEFAULT_ROLES,
    domain::{
        AccountId, Email, Invitation, InvitationId, Principal, Resource, RoleId, Roles, State, Timestamp, Urns,
        api_key::{ApiKey, ApiKeyRecord},
        email::EmailPrefix,
        invitation::{Closing, OperationId, SendAttempts, Status},
        lifecycle::{Operation, SendLimits, SendPolicy},
        link::Link,
        outbox::Outbox,
        page::{Filter, List, Order},
    },
};

/// The account of most tests.
pub(crate) const ACCOUNT: &str = "012345678912";
/// Another account.
pub(crate) const OTHER_ACCOUNT: &str = "210987654321";
/// A well-formed key of [`ACCOUNT`]; its checksum was computed independently.
pub(crate) const KEY: &str = "ik_live_012345678912_AbCdEfGhIjKl_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg_K4a1Qh";
/// The id in [`KEY`].
pub(crate) const KEY_ID: &str = "AbCdEfGhIjKl";
/// The secret in [`KEY`].
pub(crate) const KEY_SECRET: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg";
/// The id of the contract's example.
pub(crate) const ID: &str = "3FDCA1955AE7EB167B25D7D90AC02B9F";
/// The secret of the link keys in [`policy`].
pub(crate) const LINK_SECRET: &str = "0123456789abcdef0123456789ABCDEF";

/// Parses a well-formed value.
#[track_caller]
pub(crate) fn parsed<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("the value is well-formed")
}

/// The time at these milliseconds.
#[track_caller]
pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).expect("the time is in range")
}

pub(crate) fn urns() -> Urns {
    Urns::new("cloudone".to_owned(), "ca-1".to_owned())
}

/// The record of a new key.
pub(crate) fn record(key: &ApiKey, role: &str) -> ApiKeyRecord {
    ApiKeyRecord::new(key, parsed(role), None, Timestamp::ZERO, None)
}

/// A caller with a fresh key and one of the default roles, or an unknown one.
pub(crate) fn principal(account: &str, role: &str) -> Principal {
    principal_of(&ApiKey::generate(&parsed(account)).1, role, &parsed(DEFAULT_ROLES))
}

/// The caller with a key.
pub(crate) fn principal_of(key: &ApiKey, role: &str, roles: &Roles) -> Principal {
    record(key, role).verify(key, Timestamp::ZERO, roles, &urns()).expect("the key is its own")
}

/// A caller with a role that may do everything, and grant these roles.
pub(crate) fn with_role(role: &str, grants: &[&str]) -> Principal {
    let can = r#"["invitations:read", "invitations:create", "invitations:modify"]"#;
    let roles = format!(r#"{{ "{role}": {{ "can": {can}, "mayGrant": {grants:?} }} }}"#);
    principal_of(&ApiKey::generate(&parsed(ACCOUNT)).1, role, &parsed(&roles))
}

/// The defaults, with retention.
pub(crate) fn policy() -> SendPolicy {
    SendPolicy {
        limits: SendLimits {
            lifetime: Duration::from_secs(604_800),
            max_lifetime: Duration::from_secs(2_592_000),
            cooldown: Duration::from_secs(60),
            max_sends: 10,
            quota: 500,
            quota_window: Duration::from_secs(3600),
        },
        retention: Some(Duration::from_secs(400 * 86_400)),
        link_keys: parsed(LINK_SECRET),
    }
}

pub(crate) fn operation(name: &str) -> Operation {
    Operation { id: OperationId(name.to_owned()), nonce: [7; 16] }
}

/// A pending invitation that was created, sent and changed at `created`, and lasts for seven days.
pub(crate) fn pending(created: Timestamp) -> Invitation {
    let lifetime = Duration::from_secs(604_800);
    Invitation {
        resource: Resource {
            id: parsed(ID),
            account: parsed(ACCOUNT),
            email: parsed("user.one@example.com"),
            role: parsed("full-access"),
            status: Status::Pending,
            created,
            modified: created,
            expiry: created.floor_to_second().plus(lifetime),
            last_sent: created,
            invited_by: "urn:cloudone:identity:ca-1:012345678912:apikey/AbCdEfGhIjKl".to_owned(),
            delivery: None,
            reminded: None,
            accepted_by: None,
            link_only: false,
            metadata: None,
            redirect: None,
        },
        lifetime,
        next_send: created.plus(Duration::from_secs(60)),
        sends: 1,
        link: Link { key_id: "1".to_owned(), version: 1, nonce: [1; 16], hash: [2; 32] },
        revision: 1,
        operations: [OperationId("created".to_owned())].into(),
        sender: None,
        locale: None,
        send_attempts: SendAttempts::requested_at(created),
        outbox: Outbox::default(),
        expiry_published: false,
        remind_before: None,
        feedback_since: 1,
    }
}

/// Every valid time.
pub(crate) fn any_time() -> impl Strategy<Value = Timestamp> {
    (0..=Timestamp::MAX.as_millis()).prop_map(at)
}

/// Times within few milliseconds, so that two of them are often equal or adjacent.
pub(crate) fn near_time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![(1_000_000i64..1_000_006).prop_map(at), any_time()]
}

pub(crate) fn any_id() -> impl Strategy<Value = InvitationId> {
    any::<[u8; 16]>().prop_map(InvitationId::from_bytes)
}

pub(crate) fn any_account() -> impl Strategy<Value = AccountId> {
    "[0-9]{12}".prop_map(|digits| parsed(&digits))
}

/// Roles, many of them prefixes of each other.
pub(crate) fn any_role() -> impl Strategy<Value = RoleId> {
    prop_oneof!["[a-b-]{1,3}", "[a-z0-9-]{1,64}"].prop_map(|name| parsed(&name))
}

/// Addresses with every character of a local part, many of them prefixes of each other.
pub(crate) fn any_email() -> impl Strategy<Value = Email> {
    let local = prop_oneof![4 => "[a#~]{1,2}", 1 => "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]{1,12}(\\.[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]{1,6}){0,2}"];
    let domain = prop_oneof![3 => "a\\.co", 3 => "a\\.com", 1 => "[a-z0-9]{1,12}(\\.[a-z0-9]{1,6})?\\.[a-z]{2,6}"];
    (local, domain).prop_map(|(local, domain)| parsed(&format!("{local}@{domain}")))
}

/// The beginning of an address, or all of it if it is shorter than `length`.
pub(crate) fn prefix_of(email: &Email, length: usize) -> EmailPrefix {
    let text = email.normalised().as_str();
    parsed(&text[..length.min(text.len())])
}

pub(crate) fn any_prefix() -> impl Strategy<Value = EmailPrefix> {
    (any_email(), 3usize..40).prop_map(|(email, length)| prefix_of(&email, length))
}

/// Those of the filters by state, address, prefix of `length` characters and role that are chosen, with the values of an invitation.
pub(crate) fn matching_filter(
    Invitation { resource, .. }: &Invitation,
    as_of: Timestamp,
    (state, email, prefix, role): (bool, bool, bool, bool),
    length: usize,
) -> Filter {
    Filter {
        state: state.then(|| resource.state(as_of)),
        email: email.then(|| resource.email.normalised().clone()),
        email_prefix: prefix.then(|| prefix_of(&resource.email, length)),
        role: role.then(|| resource.role.clone()),
        invited_by: None,
    }
}

/// The URNs of two principals of [`ACCOUNT`].
pub(crate) fn any_inviter() -> impl Strategy<Value = String> {
    prop::sample::select(vec![KEY_ID, "LmNoPqRsTuVw"]).prop_map(|id| format!("urn:cloudone:identity:ca-1:{ACCOUNT}:apikey/{id}"))
}

pub(crate) fn any_filter() -> impl Strategy<Value = Filter> {
    let state = prop::option::of(prop::sample::select(State::ALL.to_vec()));
    let email = prop::option::of(any_email().prop_map(|email| email.normalised().clone()));
    let invited_by = prop::option::of(any_inviter().prop_map(|urn| parsed(&urn)));
    (state, email, prop::option::of(any_prefix()), prop::option::of(any_role()), invited_by)
        .prop_map(|(state, email, email_prefix, role, invited_by)| Filter { state, email, email_prefix, role, invited_by })
}

pub(crate) fn any_order() -> impl Strategy<Value = Order> {
    prop_oneof![Just(Order::Ascending), Just(Order::Descending)]
}

pub(crate) fn any_list() -> impl Strategy<Value = List> {
    (any_filter(), prop::option::of(any_order())).prop_map(|(filter, order)| List::new(filter, order))
}

pub(crate) fn any_status() -> impl Strategy<Value = Status> {
    let closing = prop_oneof![Just(Closing::Accepted), Just(Closing::Declined), Just(Closing::Revoked)];
    prop_oneof![2 => Just(Status::Pending), 3 => (closing, near_time()).prop_map(|(how, when)| Status::Closed(how, when))]
}

/// Invitations that differ in everything that affects lists and decisions.
pub(crate) fn any_invitation() -> impl Strategy<Value = Invitation> {
    let sending = (near_time(), near_time(), near_time(), 1u32..25, 0u64..5_000_000);
    (any_id(), any_email(), any_role(), any_inviter(), any_status(), sending, 1u64..1000).prop_map(
        |(id, email, role, invited_by, status, (expiry, last_sent, next_send, sends, lifetime), revision)| Invitation {
            resource: Resource { id, email, role, invited_by, status, expiry, last_sent, ..pending(last_sent).resource },
            next_send,
            sends,
            lifetime: Duration::from_secs(lifetime),
            revision,
            operations: BTreeSet::from([OperationId("created".to_owned())]),
            ..pending(last_sent)
        },
    )
}
