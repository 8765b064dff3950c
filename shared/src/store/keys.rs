//! Every key string of the table, and nothing else makes one.
//!
//! | item | pk | sk |
//! |---|---|---|
//! | invitation | `A#{account}` | `I#{id}` |
//! | open-invitation lock | `A#{account}` | `P#{normalised e-mail}` |
//! | kept answer of an idempotency key | `A#{account}` | `K#{hash}` |
//! | send quota | `A#{account}` | `Q#{start of the window}` |
//! | API key | `KEYS#{account}` | `{key id}` |
//! | settings of an account | `SETTINGS#{account}` | `settings` |
//!
//! Parts that are sorted by have a fixed width.

use aws_sdk_dynamodb::{operation::query::builders::QueryFluentBuilder, types::AttributeValue};

use super::Row;
use crate::domain::{
    AccountId, InvitationId, Principal, RoleId, State, Timestamp,
    api_key::ApiKeyId,
    email::NormalisedEmail,
    idempotency::RecordId,
    invitation::{Closing, Invitation, Status},
    page::{Cursor, Range, index_time},
};

/// The partition key's attribute.
pub(super) const PK: &str = "pk";
/// The sort key's attribute.
pub(super) const SK: &str = "sk";
/// The condition that there is no such row yet.
pub const ABSENT: &str = "attribute_not_exists(#pk)";
/// What every invitation's sort key starts with.
pub const INVITATION_PREFIX: &str = "I#";

/// The value of a partition key. Nothing but this module builds one, so that nothing else decides whose data is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionKey(String);

impl PartitionKey {
    /// The value as a string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An item's primary key, or an index position when it has a third attribute. Nothing but this module builds one.
#[derive(Debug, Clone, PartialEq)]
pub struct Key(Row);

impl Key {
    /// The attributes by name.
    #[must_use]
    pub fn attributes(&self) -> &Row {
        &self.0
    }

    /// The row with this key and other attributes.
    #[must_use]
    pub fn row(mut self, attributes: impl IntoIterator<Item = (&'static str, AttributeValue)>) -> Row {
        self.0.extend(attributes.into_iter().map(|(name, value)| (name.to_owned(), value)));
        self.0
    }

    /// The primary key of a row that was read.
    #[must_use]
    pub fn of_row(row: &Row) -> Self {
        Self([PK, SK].iter().filter_map(|name| Some(((*name).to_owned(), row.get(*name)?.clone()))).collect())
    }

    /// Where DynamoDB says that a query continues, if it does.
    #[must_use]
    pub fn next_page(last_evaluated: Option<Row>) -> Option<Self> {
        last_evaluated.filter(|key| !key.is_empty()).map(Self)
    }
}

impl From<Key> for Row {
    fn from(key: Key) -> Self {
        key.0
    }
}

/// The partition of all of an account's data. The account is a verified caller's, that of a row that was read, or the one
/// that a link names; a link opens nothing without its secret.
#[must_use]
pub fn partition(account: &AccountId) -> PartitionKey {
    PartitionKey(format!("A#{account}"))
}

/// The primary key of one item of an account.
#[must_use]
pub fn key(account: &AccountId, sk: String) -> Key {
    primary(partition(account), sk)
}

/// The primary key of an invitation.
#[must_use]
pub fn invitation_key(account: &AccountId, id: InvitationId) -> Key {
    key(account, invitation(id))
}

/// The account and the id in an invitation's primary key; `None` for another item's.
#[must_use]
pub fn parse_invitation_key(pk: &str, sk: &str) -> Option<(AccountId, InvitationId)> {
    Some((parse_partition(pk)?, parse_invitation(sk)?))
}

/// How many shards the index of what is due has: each takes 1,000 writes a second.
pub const DUE_SHARDS: u8 = 4;

/// The shard that an invitation belongs to, by the last of its random digits.
#[must_use]
pub fn due_shard(id: InvitationId) -> String {
    (id.as_bytes()[15] % DUE_SHARDS).to_string()
}

fn primary(pk: PartitionKey, sk: String) -> Key {
    Key([(PK.to_owned(), AttributeValue::S(pk.0)), (SK.to_owned(), AttributeValue::S(sk))].into())
}

/// An invitation's sort key.
#[must_use]
pub fn invitation(id: InvitationId) -> String {
    format!("{INVITATION_PREFIX}{id}")
}

/// The id in an invitation's sort key.
#[must_use]
pub fn parse_invitation(sk: &str) -> Option<InvitationId> {
    sk.strip_prefix(INVITATION_PREFIX)?.parse().ok()
}

/// The primary key of an item that does not exist, beside the API keys.
#[must_use]
pub fn nothing() -> Key {
    primary(PartitionKey("KEYS#".to_owned()), "nothing".to_owned())
}

/// The account in the partition key of an account's data.
#[must_use]
pub fn parse_partition(pk: &str) -> Option<AccountId> {
    pk.strip_prefix("A#")?.parse().ok()
}

/// The sort key of the lock that an address's open invitation holds.
#[must_use]
pub fn lock(email: &NormalisedEmail) -> String {
    format!("P#{}", email.as_str())
}

/// The sort key of a kept answer.
#[must_use]
pub fn stored_response(id: &RecordId) -> String {
    format!("K#{}", id.as_str())
}

/// All kept answers.
#[must_use]
pub fn stored_response_bounds() -> Bounds {
    Bounds { index: None, attribute: SK, from: "K#".to_owned(), to: "K#~".to_owned(), ascending: true }
}

/// All API keys of an account: their ids are letters and digits.
#[must_use]
pub fn api_key_bounds() -> Bounds {
    Bounds { index: None, attribute: SK, from: "0".to_owned(), to: "~".to_owned(), ascending: true }
}

/// The lock of an address.
#[must_use]
pub fn lock_bounds(email: &NormalisedEmail) -> Bounds {
    Bounds { index: None, attribute: SK, from: lock(email), to: lock(email), ascending: true }
}

/// The sort key of a quota window's counter.
#[must_use]
pub fn quota(window: Timestamp) -> String {
    format!("Q#{:013}", window.as_millis())
}

/// The partition of an account's API keys, apart from its data.
#[must_use]
pub fn api_key_partition(account: &AccountId) -> PartitionKey {
    PartitionKey(format!("KEYS#{account}"))
}

/// The account in the partition key of an account's API keys.
#[must_use]
pub fn parse_api_key_partition(pk: &str) -> Option<AccountId> {
    pk.strip_prefix("KEYS#")?.parse().ok()
}

/// An API key's primary key.
#[must_use]
pub fn api_key(account: &AccountId, id: &ApiKeyId) -> Key {
    primary(api_key_partition(account), id.to_string())
}

/// The primary key of an account's settings, apart from its data: whoever may change them need not see an invitation.
#[must_use]
pub fn settings(account: &AccountId) -> Key {
    primary(PartitionKey(format!("SETTINGS#{account}")), "settings".to_owned())
}

/// The local indexes, each named like its sort attribute, and the global one of what is due.
pub mod index {
    /// By state and time.
    pub const BY_STATE: &str = "by_state";
    /// By normalised address.
    pub const BY_EMAIL: &str = "by_email";
    /// By role.
    pub const BY_ROLE: &str = "by_role";
    /// By the time at which an invitation is to be looked at.
    pub const DUE: &str = "due";
    /// The partition of `due`: a digit.
    pub const DUE_SHARD: &str = "due_shard";
    /// Its order: milliseconds since 1970.
    pub const DUE_AT: &str = "due_at";
}

/// What an invitation's `by_state` says: pending ones sort by expiry, closed ones by when they were closed.
#[must_use]
pub fn by_state(invitation: &Invitation) -> String {
    let status = match invitation.status {
        Status::Pending => PENDING,
        Status::Closed(closing, _) => closed(closing),
    };
    state_position(status, index_time(invitation.status, invitation.expiry), invitation.id)
}

/// What an invitation's `by_email` says.
#[must_use]
pub fn by_email(email: &NormalisedEmail, id: InvitationId) -> String {
    format!("{}#{id}", email.as_str())
}

/// What an invitation's `by_role` says.
#[must_use]
pub fn by_role(role: &RoleId, id: InvitationId) -> String {
    format!("{role}#{id}")
}

/// How a pending invitation's status is stored.
pub const PENDING: &str = "pending";

/// How a closed invitation's status is stored.
#[must_use]
pub fn closed(closing: Closing) -> &'static str {
    closing.state().as_str()
}

fn state_position(status: &str, time: Timestamp, id: InvitationId) -> String {
    format!("{status}#{:013}#{id}", time.as_millis())
}

/// A query's range: the index, its sort attribute, the bounds (inclusive), and the direction.
#[derive(Debug, PartialEq, Eq)]
pub struct Bounds {
    /// `None` for the table itself.
    pub index: Option<&'static str>,
    /// The attribute that the range is over.
    pub attribute: &'static str,
    /// The least value.
    pub from: String,
    /// The greatest value.
    pub to: String,
    /// Whether the least comes first.
    pub ascending: bool,
}

impl Bounds {
    /// What is left of the range from `start` on. It is the start key that says where a page begins; the bound keeps an engine
    /// that is built on SQL from walking there row by row.
    #[must_use]
    pub fn starting_at(mut self, start: Option<&Key>) -> Self {
        if let Some(AttributeValue::S(at)) = start.and_then(|start| start.0.get(self.attribute)) {
            let end = if self.ascending { &mut self.from } else { &mut self.to };
            end.clone_from(at);
        }
        self
    }
}

/// Makes a query read a range of a partition, strongly consistent, from `start` on.
pub(super) fn range(query: QueryFluentBuilder, partition: &PartitionKey, bounds: &Bounds, start: Option<Key>) -> QueryFluentBuilder {
    query
        .set_index_name(bounds.index.map(str::to_owned))
        .key_condition_expression("#pk = :pk AND #at BETWEEN :from AND :to")
        .expression_attribute_names("#pk", PK)
        .expression_attribute_names("#at", bounds.attribute)
        .expression_attribute_values(":pk", AttributeValue::S(partition.0.clone()))
        .expression_attribute_values(":from", AttributeValue::S(bounds.from.clone()))
        .expression_attribute_values(":to", AttributeValue::S(bounds.to.clone()))
        .set_exclusive_start_key(start.map(Row::from))
        .scan_index_forward(bounds.ascending)
        .consistent_read(true)
}

/// The bounds of a range, `invited` and `expired` separated at `as_of`.
#[must_use]
pub fn bounds(range: Range<'_>, as_of: Timestamp) -> Bounds {
    // '$' follows '#', and '~' follows everything that an id or a number is made of.
    let under =
        |index, prefix: String| Bounds { index: Some(index), attribute: index, from: prefix.clone(), to: prefix + "~", ascending: false };
    match range {
        Range::All => {
            Bounds { index: None, attribute: SK, from: INVITATION_PREFIX.to_owned(), to: format!("{INVITATION_PREFIX}~"), ascending: false }
        }
        Range::Email(email) => under(index::BY_EMAIL, format!("{}#", email.as_str())),
        Range::Role(role) => under(index::BY_ROLE, format!("{role}#")),
        Range::State(state @ (State::Accepted | State::Declined | State::Revoked)) => under(index::BY_STATE, format!("{state}#")),
        // Expired means `expiry <= as_of`: the two ranges meet at as_of's own millisecond.
        Range::State(State::Expired) => {
            Bounds { to: format!("{PENDING}#{:013}#~", as_of.as_millis()), ..under(index::BY_STATE, format!("{PENDING}#")) }
        }
        Range::State(State::Invited) => Bounds {
            from: format!("{PENDING}#{:013}#~", as_of.as_millis()),
            ascending: true,
            ..under(index::BY_STATE, format!("{PENDING}#"))
        },
    }
}

/// The `ExclusiveStartKey` that a cursor stands for: the last row's key in the caller's own partition.
#[must_use]
pub fn start_key(who: &Principal, range: Range<'_>, cursor: &Cursor) -> Key {
    let mut start = invitation_key(who.account(), cursor.id);
    let position = match range {
        Range::All => return start,
        Range::Email(email) => (index::BY_EMAIL, by_email(email, cursor.id)),
        Range::Role(role) => (index::BY_ROLE, by_role(role, cursor.id)),
        Range::State(state) => {
            let status = match state {
                State::Invited | State::Expired => PENDING,
                State::Accepted | State::Declined | State::Revoked => state.as_str(),
            };
            (index::BY_STATE, state_position(status, cursor.time, cursor.id))
        }
    };
    start.0.insert(position.0.to_owned(), AttributeValue::S(position.1));
    start
}
