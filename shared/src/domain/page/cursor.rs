//! The cursor: where the next page of a list starts.
//!
//! A cursor is DynamoDB's `LastEvaluatedKey` without everything that the next request provides again: the partition comes from the
//! principal, the prefix of an index key from the filter. The id of the last row remains, its time for a list by state, and the rest of
//! its address for a list by prefix. A digest binds the token to the account, the filters and the order, so damaged tokens and those of
//! other lists are rejected.

use super::{List, Range, index_time, token};
use crate::domain::{
    AccountId, InvitationId, Resource, RoleId, State, Timestamp,
    email::{EmailPrefix, NormalisedEmail},
    text::Malformed,
};

/// The end of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The last row of the page.
    pub id: InvitationId,
    /// Its time in the index by state; zero in every other range.
    pub time: Timestamp,
    /// When the first page was read. It decides between `invited` and `expired` on all pages; with the current time, the cursor could
    /// leave its range. Zero if the filter does not depend on it.
    pub as_of: Timestamp,
    /// What follows the prefix in its address, in a list by prefix; empty in every other range.
    pub rest: String,
}

/// The length of everything before the rest of the address.
const FIXED: usize = 16 + 8 + 8;

impl Cursor {
    /// Longer tokens are rejected unread. The longest one that is issued has 400 characters.
    pub const MAX_LENGTH: usize = token::MAX_LENGTH;

    /// The cursor after `last`, the last row of a page read at `as_of`.
    #[must_use]
    pub fn after(last: &Resource, list: &List, as_of: Timestamp) -> Self {
        let (time, rest) = match list.filter.range() {
            Range::State(_) => (index_time(last.status, last.expiry), ""),
            Range::EmailPrefix(prefix) => (Timestamp::ZERO, prefix.rest_of(last.email.normalised()).unwrap_or_default()),
            Range::All | Range::Email(_) | Range::Role(_) => (Timestamp::ZERO, ""),
        };
        let as_of = if list.filter.depends_on_time() { as_of } else { Timestamp::ZERO };
        Self { id: last.id, time, as_of, rest: rest.to_owned() }
    }

    /// The opaque token for callers: 66 URL-safe characters, and 4 for every 3 of the rest of an address.
    #[must_use]
    pub fn encode(&self, account: &AccountId, list: &List) -> String {
        let mut payload = Vec::with_capacity(FIXED + self.rest.len());
        payload.extend(self.id.as_bytes());
        payload.extend(self.time.as_millis().to_be_bytes());
        payload.extend(self.as_of.as_millis().to_be_bytes());
        payload.extend(self.rest.as_bytes());
        token::issue(&name(account, list), &payload)
    }

    /// The cursor in a token that was issued to `account` for `list`.
    ///
    /// # Errors
    /// [`Malformed`] for every other token.
    pub fn decode(token: &str, account: &AccountId, list: &List) -> Result<Self, Malformed> {
        Self::parse(token, account, list).ok_or_else(|| {
            Malformed("this is not the 'next' of a list with these filters and this order; start again without a cursor".to_owned())
        })
    }

    fn parse(token: &str, account: &AccountId, list: &List) -> Option<Self> {
        let payload = token::payload(&name(account, list), token)?;
        let (fixed, rest) = payload.split_first_chunk::<FIXED>()?;
        let cursor = Self {
            id: InvitationId::from_bytes(fixed[..16].try_into().ok()?),
            time: Timestamp::from_millis(i64::from_be_bytes(fixed[16..24].try_into().ok()?))?,
            as_of: Timestamp::from_millis(i64::from_be_bytes(fixed[24..32].try_into().ok()?))?,
            rest: String::from_utf8(rest.to_vec()).ok()?,
        };
        cursor.is_within(list.filter.range()).then_some(cursor)
    }

    /// Whether the cursor points into a range. DynamoDB would reject any other as an invalid request.
    fn is_within(&self, range: Range<'_>) -> bool {
        match range {
            Range::EmailPrefix(prefix) => prefix.with_rest(&self.rest).is_some(),
            Range::State(State::Invited) => self.rest.is_empty() && Timestamp::ZERO < self.as_of && self.as_of < self.time,
            Range::State(State::Expired) => self.rest.is_empty() && Timestamp::ZERO < self.as_of && self.time <= self.as_of,
            Range::State(State::Accepted | State::Declined | State::Revoked) | Range::All | Range::Email(_) | Range::Role(_) => {
                self.rest.is_empty()
            }
        }
    }
}

/// What a token of the list is bound to.
fn name(account: &AccountId, List { filter, order }: &List) -> String {
    let order = order.as_str();
    let state = filter.state.map_or("", State::as_str);
    let email = filter.email.as_ref().map_or("", NormalisedEmail::as_str);
    let prefix = filter.email_prefix.as_ref().map_or("", EmailPrefix::as_str);
    let role = filter.role.as_ref().map_or("", RoleId::as_str);
    // No part contains the separator.
    let mut name = format!("cursor\0{account}\0{order}\0{state}\0{email}\0{prefix}\0{role}\0");
    // Without one, the name is that of tokens issued before this filter existed. No payload starts like a URN.
    if let Some(invited_by) = &filter.invited_by {
        name.extend([invited_by.as_str(), "\0"]);
    }
    name
}
