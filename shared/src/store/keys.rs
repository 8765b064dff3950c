//! Every key string of the table is built here, and nowhere else.
//!
//! | item | pk | sk |
//! |---|---|---|
//! | invitation | `A#{account}` | `I#{id}` |
//! | open-invitation lock | `A#{account}` | `P#{normalised email}` |
//! | stored response of an idempotency key | `A#{account}` | `K#{hash}` |
//! | send quota | `A#{account}` | `Q#{start of the window}` |
//! | API key | `KEYS#{account}` | `{key id}` |
//! | settings of an account | `SETTINGS#{account}` | `settings` |
//! | account with an external id | `EXTERNAL#{external id}` | `account` |
//! | keys of an issuer | `ISSUER#{name}` | `keys` |
//!
//! Sortable parts have a fixed width.

use aws_sdk_dynamodb::{
    operation::query::builders::QueryFluentBuilder,
    types::{AttributeValue, Select},
};

use super::Row;
use crate::domain::{
    AccountId, ExternalId, InvitationId, RoleId, State, Timestamp,
    api_key::ApiKeyId,
    email::NormalisedEmail,
    idempotency::RecordId,
    invitation::{Closing, Invitation, Status},
    page::{Cursor, Order, Range, index_time},
    user::IssuerName,
};

/// The name of the partition key.
pub(super) const PK: &str = "pk";
/// The name of the sort key.
pub(super) const SK: &str = "sk";
/// The condition that the row does not exist.
pub const ABSENT: &str = "attribute_not_exists(#pk)";
/// The prefix of every invitation's sort key.
pub const INVITATION_PREFIX: &str = "I#";

/// A partition key's value. Only this module builds one, so no other code decides whose data is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionKey(String);

impl PartitionKey {
    /// The value as a string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An item's primary key, or a position in an index if it has a third attribute. Only this module builds one.
#[derive(Debug, Clone, PartialEq)]
pub struct Key(Row);

impl Key {
    /// The attributes by name.
    #[must_use]
    pub fn attributes(&self) -> &Row {
        &self.0
    }

    /// The row with this key and these attributes.
    #[must_use]
    pub fn row(mut self, attributes: impl IntoIterator<Item = (&'static str, AttributeValue)>) -> Row {
        self.0.extend(attributes.into_iter().map(|(name, value)| (name.to_owned(), value)));
        self.0
    }

    /// The primary key of a row.
    #[must_use]
    pub fn of_row(row: &Row) -> Self {
        Self([PK, SK].iter().filter_map(|name| Some(((*name).to_owned(), row.get(*name)?.clone()))).collect())
    }

    /// The start of the next page of a query, if any.
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

/// The partition of an account's data. The account comes from a verified caller, from a row, or from a link, which gives access only with
/// its secret.
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

/// The account and the id in an invitation's primary key; `None` for other items.
#[must_use]
pub fn parse_invitation_key(pk: &str, sk: &str) -> Option<(AccountId, InvitationId)> {
    Some((parse_partition(pk)?, parse_invitation(sk)?))
}

/// The number of shards of an index of due invitations. Each supports 1,000 writes a second.
pub const DUE_SHARDS: u8 = 4;

/// The shard of an invitation, from the last byte of its random part.
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

/// The primary key of an item that does not exist, in the key space of the API keys.
#[must_use]
pub fn nothing() -> Key {
    primary(PartitionKey("KEYS#".to_owned()), "nothing".to_owned())
}

/// The account in an account's partition key.
#[must_use]
pub fn parse_partition(pk: &str) -> Option<AccountId> {
    pk.strip_prefix("A#")?.parse().ok()
}

/// The sort key of an address's lock, which its open invitation holds.
#[must_use]
pub fn lock(email: &NormalisedEmail) -> String {
    format!("P#{}", email.as_str())
}

/// The sort key of a stored response.
#[must_use]
pub fn stored_response(id: &RecordId) -> String {
    format!("K#{}", id.as_str())
}

/// The bounds of all stored responses.
#[must_use]
pub fn stored_response_bounds() -> Bounds {
    Bounds { index: None, attribute: SK, from: "K#".to_owned(), to: "K#~".to_owned(), ascending: true }
}

/// The bounds of all API keys of an account. Their ids consist of letters and digits.
#[must_use]
pub fn api_key_bounds() -> Bounds {
    Bounds { index: None, attribute: SK, from: "0".to_owned(), to: "~".to_owned(), ascending: true }
}

/// The bounds of an address's lock.
#[must_use]
pub fn lock_bounds(email: &NormalisedEmail) -> Bounds {
    Bounds { index: None, attribute: SK, from: lock(email), to: lock(email), ascending: true }
}

/// The sort key of a quota window's counter.
#[must_use]
pub fn quota(window: Timestamp) -> String {
    format!("Q#{:013}", window.as_millis())
}

/// The partition of an account's API keys, separate from its data.
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

/// The primary key of an account's settings, separate from its data: changing settings requires no access to invitations.
#[must_use]
pub fn settings(account: &AccountId) -> Key {
    primary(PartitionKey(format!("SETTINGS#{account}")), "settings".to_owned())
}

/// The account in the partition key of an account's settings.
#[must_use]
pub fn parse_settings(pk: &str) -> Option<AccountId> {
    pk.strip_prefix("SETTINGS#")?.parse().ok()
}

/// The primary key of the row that names the account with an external id. An external id has one row, so it has one account.
#[must_use]
pub fn external_id(id: &ExternalId) -> Key {
    primary(PartitionKey(format!("EXTERNAL#{id}")), "account".to_owned())
}

/// The primary key of the row with an issuer's public keys.
#[must_use]
pub fn issuer_keys(issuer: &IssuerName) -> Key {
    primary(PartitionKey(format!("ISSUER#{issuer}")), "keys".to_owned())
}

/// The local indexes, each named like its sort key, and the global indexes: two of due invitations, one of locks.
pub mod index {
    /// By state and time.
    pub const BY_STATE: &str = "by_state";
    /// By normalised address.
    pub const BY_EMAIL: &str = "by_email";
    /// By role.
    pub const BY_ROLE: &str = "by_role";
    /// By the time that makes work due.
    pub const DUE: &str = "due";
    /// By the time by which the stream should have triggered work.
    pub const LATE: &str = "late";
    /// The partition key of `due` and `late`: a digit.
    pub const DUE_SHARD: &str = "shard";
    /// The sort key of `due`: milliseconds since 1970.
    pub const DUE_AT: &str = "due_at";
    /// The sort key of `late`: milliseconds since 1970.
    pub const LATE_AT: &str = "late_at";
    /// By the address that a lock is for.
    pub const BY_INVITEE: &str = "by_invitee";
    /// The partition key of `by_invitee`: a normalised address.
    pub const INVITEE: &str = "invitee";
    /// The sort key of `by_invitee`: the expiry, in milliseconds since 1970.
    pub const LOCK_EXPIRY: &str = "exp";
}

/// An invitation's `by_state`: pending ones sort by expiry, closed ones by closing time.
#[must_use]
pub fn by_state(invitation: &Invitation) -> String {
    let status = match invitation.resource.status {
        Status::Pending => PENDING,
        Status::Closed(closing, _) => closed(closing),
    };
    state_position(status, index_time(invitation.resource.status, invitation.resource.expiry), invitation.resource.id)
}

/// An invitation's `by_email`. The order is that of the addresses, then of the ids: '#' precedes all characters that can follow another
/// address's end.
#[must_use]
pub fn by_email(email: &NormalisedEmail, id: InvitationId) -> String {
    email_position(email.as_str(), id)
}

fn email_position(email: &str, id: InvitationId) -> String {
    format!("{email}#{id}")
}

/// An invitation's `by_role`.
#[must_use]
pub fn by_role(role: &RoleId, id: InvitationId) -> String {
    format!("{role}#{id}")
}

/// The stored status of a pending invitation.
pub const PENDING: &str = "pending";

/// The stored status of a closed invitation.
#[must_use]
pub fn closed(closing: Closing) -> &'static str {
    closing.state().as_str()
}

fn state_position(status: &str, time: Timestamp, id: InvitationId) -> String {
    format!("{status}#{:013}#{id}", time.as_millis())
}

/// The range of a query: the index, its sort attribute, the inclusive bounds, and the direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// `None` for the table itself.
    pub index: Option<&'static str>,
    /// The attribute that the bounds apply to.
    pub attribute: &'static str,
    /// The lowest value.
    pub from: String,
    /// The highest value.
    pub to: String,
    /// Whether the order is ascending.
    pub ascending: bool,
}

impl Bounds {
    /// The rest of the range from `start` on. The start key already determines where a page starts. The bound keeps a local engine based
    /// on SQL from scanning there row by row.
    #[must_use]
    pub fn starting_at(mut self, start: Option<&Key>) -> Self {
        if let Some(AttributeValue::S(at)) = start.and_then(|start| start.0.get(self.attribute)) {
            let end = if self.ascending { &mut self.from } else { &mut self.to };
            end.clone_from(at);
        }
        self
    }
}

/// Makes a query read a range of a partition from `start` on, strongly consistent.
pub(super) fn range(query: QueryFluentBuilder, partition: &PartitionKey, bounds: &Bounds, start: Option<Key>) -> QueryFluentBuilder {
    let bounds = bounds.clone().starting_at(start.as_ref());
    query
        .set_index_name(bounds.index.map(str::to_owned))
        .key_condition_expression("#pk = :pk AND #at BETWEEN :from AND :to")
        .expression_attribute_names("#pk", PK)
        .expression_attribute_names("#at", bounds.attribute)
        .expression_attribute_values(":pk", AttributeValue::S(partition.0.clone()))
        .expression_attribute_values(":from", AttributeValue::S(bounds.from))
        .expression_attribute_values(":to", AttributeValue::S(bounds.to))
        .set_exclusive_start_key(start.map(Row::from))
        .scan_index_forward(bounds.ascending)
        .consistent_read(true)
}

/// Makes a query count the first row of a partition, if it has one: without reading it, strongly consistent.
pub(super) fn first_row(query: QueryFluentBuilder, partition: &PartitionKey) -> QueryFluentBuilder {
    query
        .key_condition_expression("#pk = :pk")
        .expression_attribute_names("#pk", PK)
        .expression_attribute_values(":pk", AttributeValue::S(partition.0.clone()))
        .select(Select::Count)
        .limit(1)
        .consistent_read(true)
}

/// The bounds of a range, `invited` and `expired` separated at `as_of`.
#[must_use]
pub fn bounds(range: Range<'_>, order: Order, as_of: Timestamp) -> Bounds {
    let ascending = order == Order::Ascending;
    let between = |index, from, to| Bounds { index: Some(index), attribute: index, from, to, ascending };
    // '$' follows '#', and '~' follows all characters of ids and numbers.
    let under = |index, prefix: String| between(index, prefix.clone(), prefix + "~");
    match range {
        Range::All => {
            Bounds { index: None, attribute: SK, from: INVITATION_PREFIX.to_owned(), to: format!("{INVITATION_PREFIX}~"), ascending }
        }
        Range::Email(email) => under(index::BY_EMAIL, format!("{}#", email.as_str())),
        // Addresses can contain '~'. Nothing follows the last character of Unicode.
        Range::EmailPrefix(prefix) => between(index::BY_EMAIL, prefix.as_str().to_owned(), format!("{}{}", prefix.as_str(), char::MAX)),
        Range::Role(role) => under(index::BY_ROLE, format!("{role}#")),
        Range::State(state @ (State::Accepted | State::Declined | State::Revoked)) => under(index::BY_STATE, format!("{state}#")),
        // Expired means `expiry <= as_of`: the two ranges meet at as_of's own millisecond.
        Range::State(State::Expired) => between(index::BY_STATE, format!("{PENDING}#"), format!("{PENDING}#{:013}#~", as_of.as_millis())),
        Range::State(State::Invited) => between(index::BY_STATE, format!("{PENDING}#{:013}#~", as_of.as_millis()), format!("{PENDING}#~")),
    }
}

/// The `ExclusiveStartKey` of a cursor: the last row's key in the account's own partition.
#[must_use]
pub fn start_key(account: &AccountId, range: Range<'_>, cursor: &Cursor) -> Key {
    let mut start = invitation_key(account, cursor.id);
    let position = match range {
        Range::All => return start,
        Range::Email(email) => (index::BY_EMAIL, by_email(email, cursor.id)),
        Range::EmailPrefix(prefix) => (index::BY_EMAIL, email_position(&format!("{}{}", prefix.as_str(), cursor.rest), cursor.id)),
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
