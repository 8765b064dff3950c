//! Pages of a list: filters, order, and the range of the table or an index that serves them.

mod cursor;
mod own_cursor;
mod token;

use super::{
    email::{EmailPrefix, NormalisedEmail},
    invitation::{Resource, State, Status},
    role::RoleId,
    text::{Malformed, excerpt},
    time::Timestamp,
    urn::PrincipalUrn,
};

pub use cursor::Cursor;
pub use own_cursor::OwnCursor;

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
    /// The beginning of the email address.
    pub email_prefix: Option<EmailPrefix>,
    /// The role.
    pub role: Option<RoleId>,
    /// The principal that created it.
    pub invited_by: Option<PrincipalUrn>,
}

/// The range of the table or of an index that serves a filter. Its natural order is that of a list that requests none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range<'a> {
    /// All invitations by creation; naturally newest first.
    All,
    /// Those of an email address by creation; naturally newest first.
    Email(&'a NormalisedEmail),
    /// Those of the addresses with a prefix by address, then by creation; naturally A to Z.
    EmailPrefix(&'a EmailPrefix),
    /// Those in a state. `invited` by expiry, naturally soonest first; the others by the time they reached it, naturally latest first.
    State(State),
    /// Those with a role by creation; naturally newest first.
    Role(&'a RoleId),
}

impl Range<'_> {
    fn natural_order(self) -> Order {
        match self {
            Range::EmailPrefix(_) | Range::State(State::Invited) => Order::Ascending,
            Range::State(State::Accepted | State::Declined | State::Revoked | State::Expired)
            | Range::All
            | Range::Email(_)
            | Range::Role(_) => Order::Descending,
        }
    }
}

impl Filter {
    /// The most selective range: by email, else by its prefix, else by state, else by role.
    #[must_use]
    pub fn range(&self) -> Range<'_> {
        match (&self.email, &self.email_prefix, self.state, &self.role) {
            (Some(email), _, _, _) => Range::Email(email),
            (None, Some(prefix), _, _) => Range::EmailPrefix(prefix),
            (None, None, Some(state), _) => Range::State(state),
            (None, None, None, Some(role)) => Range::Role(role),
            (None, None, None, None) => Range::All,
        }
    }

    /// Whether every row of the range matches.
    #[must_use]
    pub fn is_range_only(&self) -> bool {
        let parts = [self.email.is_some(), self.email_prefix.is_some(), self.state.is_some(), self.role.is_some()];
        self.invited_by.is_none() && parts.into_iter().filter(|given| *given).count() <= 1
    }

    /// Whether an invitation matches, with its state at `as_of`.
    #[must_use]
    pub fn matches(&self, invitation: &Resource, as_of: Timestamp) -> bool {
        let email = invitation.email.normalised();
        self.state.is_none_or(|state| invitation.state(as_of) == state)
            && self.email.as_ref().is_none_or(|wanted| email == wanted)
            && self.email_prefix.as_ref().is_none_or(|prefix| prefix.rest_of(email).is_some())
            && self.role.as_ref().is_none_or(|role| invitation.role == *role)
            && self.invited_by.as_ref().is_none_or(|urn| invitation.invited_by == urn.as_str())
    }

    /// Whether the matches depend on the time of reading.
    fn depends_on_time(&self) -> bool {
        matches!(self.state, Some(State::Invited | State::Expired))
    }
}

/// The direction of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// From the lowest value to the highest.
    Ascending,
    /// From the highest value to the lowest.
    Descending,
}

impl Order {
    /// The text in a query.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ascending => "asc",
            Self::Descending => "desc",
        }
    }
}

impl std::str::FromStr for Order {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        match text {
            "asc" => Ok(Self::Ascending),
            "desc" => Ok(Self::Descending),
            other => Err(Malformed(format!("must be 'asc' or 'desc', not '{}'", excerpt(other)))),
        }
    }
}

/// A list: what it contains, and in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// The filters.
    pub filter: Filter,
    /// The direction in which the range of the filter is read.
    pub order: Order,
}

impl List {
    /// The list with these filters, in the natural order if none is requested. Requesting the natural order makes the same list.
    #[must_use]
    pub fn new(filter: Filter, order: Option<Order>) -> Self {
        let order = order.unwrap_or_else(|| filter.range().natural_order());
        Self { filter, order }
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
