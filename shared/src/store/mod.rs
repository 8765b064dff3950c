//! The table: one function per access pattern, each one transaction or one read.
//!
//! - [`keys`] makes every key string, [`item`] turns rows into domain values and back.
//! - `transaction` sends a transaction and reports its outcome; `command` repeats it; `create`, `modify` and `decide` are the commands.
//! - What a caller asks for takes the [`Principal`](crate::domain::Principal) whose partition it may touch, what the holder of
//!   a link asks for the [`Token`](crate::domain::link::Token); `outbox` is for the service itself.

mod api_keys;
mod client;
mod command;
mod create;
mod decide;
mod erase;
mod error;
mod idempotency;
pub mod item;
pub mod keys;
mod lock;
mod modify;
mod outbox;
mod quota;
mod read;
mod row;
mod settings;
mod transaction;
mod trust;

use std::{fmt, sync::Arc};

use aws_sdk_dynamodb::Client;

pub use aws_config::SdkConfig;

use crate::domain::{AccountId, Timestamp, id::IdGenerator};

pub use api_keys::ApiKeyPage;
pub use client::{connect, sdk_config, with_deadlines};
pub use error::{Failure, StoreError};
pub use idempotency::{IdempotencyRequest, Outcome};
pub use item::Stored;
pub use keys::DUE_SHARDS;
pub use outbox::InvitationKey;
pub use read::Page;
pub use row::Row;
pub use trust::TrustStore;

/// Tells the time. A value, so that tests can say what time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The system's clock.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(Timestamp::now)
}

/// Access to the table. Cheap to clone; holds the connection pool, so make one per process.
#[derive(Clone)]
pub struct Store {
    client: Client,
    table: String,
    clock: Clock,
    ids: Arc<IdGenerator>,
    only: Option<AccountId>,
}

impl Store {
    /// A store over a table that exists.
    #[must_use]
    pub fn new(client: Client, table: String, clock: Clock) -> Self {
        Self { client, table, clock, ids: Arc::default(), only: None }
    }

    /// The same for one account: to callers and links of another there is nothing in the table, and it is not even asked, because
    /// IAM would refuse. `None` for all accounts.
    #[must_use]
    pub fn only(self, account: Option<AccountId>) -> Self {
        Self { only: account, ..self }
    }

    /// The time now, by the store's clock.
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
