//! The table: one function per access pattern, each one transaction or one read.
//!
//! - [`keys`] builds every key string. [`item`] converts between rows and domain values.
//! - `transaction` sends a transaction and reports its outcome. `command` retries it. `create`, `modify`, `decide`
//!   and `revoke` are the commands. `bulk` sends several transactions for one request.
//! - Functions for callers take the [`Principal`](crate::domain::Principal) whose partition they access, functions for invitees their
//!   [`Access`](crate::domain::invitee::Access) to an invitation or their verified address, functions for operators the account that their
//!   event names. `outbox` is for the service itself.

mod accounts;
mod api_keys;
mod bulk;
mod client;
mod command;
mod condition;
mod create;
mod decide;
mod erase;
mod error;
mod idempotency;
mod issuers;
pub mod item;
pub mod keys;
mod lock;
mod modify;
mod outbox;
mod own;
mod quota;
mod read;
mod revoke;
mod row;
mod settings;
mod transaction;
mod trust;

use std::{fmt, sync::Arc};

use aws_sdk_dynamodb::Client;

pub use aws_config::SdkConfig;

use crate::domain::{AccountId, Timestamp, id::IdGenerator};

pub use accounts::{ExternalIdConflict, NewAccount};
pub use api_keys::{ApiKeyPage, Rotation};
pub use bulk::{BulkOutcome, CreatedRow};
pub use client::{connect, connector, sdk_config, with_deadlines};
pub use decide::Decided;
pub use error::{Failure, StoreError};
pub use idempotency::{IdempotencyRequest, Outcome};
pub use issuers::StoredKeys;
pub use item::Stored;
pub use keys::DUE_SHARDS;
pub use modify::ModifyRequest;
pub use outbox::{DueIndex, DuePage, InvitationKey};
pub use own::{OwnInvitation, OwnPage};
pub use read::Page;
pub use row::Row;
pub use trust::TrustStore;

/// Returns the current time. A parameter of the store, so that tests can control the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The system clock.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(Timestamp::now)
}

/// Draws an account id. A parameter of the store, like the clock.
pub type Draw = Arc<dyn Fn() -> AccountId + Send + Sync>;

/// Access to the table. It is cheap to clone and owns the connection pool, so create one per process.
#[derive(Clone)]
pub struct Store {
    client: Client,
    table: String,
    clock: Clock,
    ids: Arc<IdGenerator>,
    only: Option<AccountId>,
    by_invitee: bool,
    draw: Draw,
}

impl Store {
    /// A store over an existing table.
    #[must_use]
    pub fn new(client: Client, table: String, clock: Clock) -> Self {
        Self { client, table, clock, ids: Arc::default(), only: None, by_invitee: false, draw: Arc::new(AccountId::random) }
    }

    /// The same table with another clock.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Restricts the store to one account; `None` allows all accounts. For callers and links of other accounts the store finds nothing
    /// and does not read the table, because IAM would deny the read.
    #[must_use]
    pub fn only(self, account: Option<AccountId>) -> Self {
        Self { only: account, ..self }
    }

    /// Whether invitations are listed for their invitees, which costs a write unit with each lock that is taken or released. Not in a store
    /// of one account: such a list shows those of all accounts.
    #[must_use]
    pub fn listing_by_invitee(self, listing: bool) -> Self {
        Self { by_invitee: listing, ..self }
    }

    /// Whether invitations are listed for their invitees: see [`Store::listing_by_invitee`].
    #[must_use]
    pub fn lists_by_invitee(&self) -> bool {
        self.by_invitee && self.only.is_none()
    }

    /// The store with this source of account ids.
    #[must_use]
    pub fn drawing(self, draw: Draw) -> Self {
        Self { draw, ..self }
    }

    /// The only account that the store serves, if it is restricted to one: see [`Store::only`].
    #[must_use]
    pub fn only_account(&self) -> Option<&AccountId> {
        self.only.as_ref()
    }

    /// Whether the store serves the account.
    #[must_use]
    pub fn serves(&self, account: &AccountId) -> bool {
        self.only.as_ref().is_none_or(|only| only == account)
    }

    /// The current time, by the store's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("table", &self.table).finish_non_exhaustive()
    }
}
