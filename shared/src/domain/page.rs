//! Pages of a list: filters, the range of the table or an index that serves them, and the cursor.
//!
//! A cursor is DynamoDB's `LastEvaluatedKey` without everything that the next request provides again: the partition comes from the
//! principal, the prefix of an index key from the filter. The id of the last row remains, and its time for a list by state. A digest
//! binds the token to the account and the filters, so damaged tokens and those of other lists are rejected. The digest is not a
//! signature: a forged token gives access to nothing that the caller could not query anyway.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::{
    account::AccountId,
    email::NormalisedEmail,
    id::InvitationId,
    invitation::{Resource, State, Status},
    role::RoleId,
    text::Malformed,
    time::Timestamp,
};

/// The maximum number of invitations on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(u8);

impl Limit {
    /// The default.
    pub const DEFAULT: Self = Self(25);
    /// Higher limits are reduced to this.
    pub const MAX: Self = Self(100);

    /// The limit as a number.
    #[must_use]
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

impl std::str::FromStr for Limit {
    type Err = Malformed;

    /// An integer of any size; 0 means the default.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits {
            return Err(Malformed("must be an integer from 0 to 100; 0 means 25, and more than 100 is served as 100".to_owned()));
        }
        Ok(match text.trim_start_matches('0') {
            "" => Self::DEFAULT,
            significant => significant.parse().ok().filter(|n| *n <= Self::MAX.0).map_or(Self::MAX, Self),
        })
    }
}

/// The filters of a list. An invitation must match all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// The state.
    pub state: Option<State>,
    /// The email address.
    pub email: Option<NormalisedEmail>,
    /// The role.
    pub role: Option<RoleId>,
}

/// The range of the table or of an index that serves a filter, in the order of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range<'a> {
    /// All invitations, newest first.
    All,
    /// Those of an email address, newest first.
    Email(&'a NormalisedEmail),
    /// Those in a state: `invited` by expiry, soonest first; the others by the time they reached it, latest first.
    State(State),
    /// Those with a role, newest first.
    Role(&'a RoleId),
}

impl Filter {
    /// The most selective range: by email, else by state, else by role.
    #[must_use]
    pub fn range(&self) -> Range<'_> {
        match (&self.email, self.state, &self.role) {
            (Some(email), _, _) => Range::Email(email),
            (None, Some(state), _) => Range::State(state),
            (None, None, Some(role)) => Range::Role(role),
            (None, None, None) => Range::All,
        }
    }

    /// Whether every row of the range matches.
    #[must_use]
    pub fn is_range_only(&self) -> bool {
        let parts = [self.email.is_some(), self.state.is_some(), self.role.is_some()];
        parts.into_iter().filter(|given| *given).count() <= 1
    }

    /// Whether an invitation matches, with its state at `as_of`.
    #[must_use]
    pub fn matches(&self, invitation: &Resource, as_of: Timestamp) -> bool {
        self.state.is_none_or(|state| invitation.state(as_of) == state)
            && self.email.as_ref().is_none_or(|email| invitation.email.normalised() == email)
            && self.role.as_ref().is_none_or(|role| invitation.role == *role)
    }

    /// Whether the matches depend on the time of reading.
    fn depends_on_time(&self) -> bool {
        matches!(self.state, Some(State::Invited | State::Expired))
    }

    /// Whether a cursor points into the range of the filter. DynamoDB would reject any other as an invalid request.
    fn admits(&self, cursor: &Cursor) -> bool {
        match self.range() {
            Range::State(State::Invited) => Timestamp::ZERO < cursor.as_of && cursor.as_of < cursor.time,
            Range::State(State::Expired) => Timestamp::ZERO < cursor.as_of && cursor.time <= cursor.as_of,
            Range::State(State::Accepted | State::Declined | State::Revoked) | Range::All | Range::Email(_) | Range::Role(_) => true,
        }
    }

    fn digest(&self, account: &AccountId, payload: &[u8]) -> [u8; DIGEST] {
        let state = self.state.map_or("", State::as_str);
        let email = self.email.as_ref().map_or("", NormalisedEmail::as_str);
        let role = self.role.as_ref().map_or("", RoleId::as_str);
        let mut hasher = Sha256::new();
        // No part contains the separator.
        hasher.update(format!("cursor\0{account}\0{state}\0{email}\0{role}\0"));
        hasher.update(payload);
        let mut digest = [0; DIGEST];
        digest.copy_from_slice(&hasher.finalize()[..DIGEST]);
        digest
    }
}

/// The end of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The last row of the page.
    pub id: InvitationId,
    /// Its time in the index by state; zero in every other range.
    pub time: Timestamp,
    /// When the first page was read. It decides between `invited` and `expired` on all pages; with the current time, the cursor could
    /// leave its range. Zero if the filter does not depend on it.
    pub as_of: Timestamp,
}

const VERSION: u8 = 1;
const DIGEST: usize = 16;
const PAYLOAD: usize = 1 + 16 + 8 + 8;

impl Cursor {
    /// Longer tokens are rejected unread.
    pub const MAX_LENGTH: usize = 512;

    /// The cursor after `last`, the last row of a page read at `as_of`.
    #[must_use]
    pub fn after(last: &Resource, filter: &Filter, as_of: Timestamp) -> Self {
        let time = match filter.range() {
            Range::State(_) => index_time(last.status, last.expiry),
            Range::All | Range::Email(_) | Range::Role(_) => Timestamp::ZERO,
        };
        let as_of = if filter.depends_on_time() { as_of } else { Timestamp::ZERO };
        Self { id: last.id, time, as_of }
    }

    /// The opaque token for callers: 66 URL-safe characters.
    #[must_use]
    pub fn encode(&self, account: &AccountId, filter: &Filter) -> String {
        let mut bytes = Vec::with_capacity(PAYLOAD + DIGEST);
        bytes.push(VERSION);
        bytes.extend(self.id.as_bytes());
        bytes.extend(self.time.as_millis().to_be_bytes());
        bytes.extend(self.as_of.as_millis().to_be_bytes());
        let digest = filter.digest(account, &bytes);
        bytes.extend(digest);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The cursor in a token that was issued to `account` for `filter`.
    ///
    /// # Errors
    /// [`Malformed`] for every other token.
    pub fn decode(token: &str, account: &AccountId, filter: &Filter) -> Result<Self, Malformed> {
        Self::parse(token, account, filter)
            .ok_or_else(|| Malformed("this is not the 'next' of a list with these filters; start again without a cursor".to_owned()))
    }

    fn parse(token: &str, account: &AccountId, filter: &Filter) -> Option<Self> {
        if token.len() > Self::MAX_LENGTH {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (payload, digest) = bytes.split_at_checked(PAYLOAD)?;
        if payload[0] != VERSION || digest != filter.digest(account, payload) {
            return None;
        }
        let cursor = Self {
            id: InvitationId::from_bytes(payload[1..17].try_into().ok()?),
            time: Timestamp::from_millis(i64::from_be_bytes(payload[17..25].try_into().ok()?))?,
            as_of: Timestamp::from_millis(i64::from_be_bytes(payload[25..33].try_into().ok()?))?,
        };
        filter.admits(&cursor).then_some(cursor)
    }
}

/// The sort key of the index by state: the expiry of a pending invitation, the closing time of a closed one.
#[must_use]
pub fn index_time(status: Status, expiry: Timestamp) -> Timestamp {
    match status {
        Status::Pending => expiry,
        Status::Closed(_, at) => at,
    }
}
