//! Forgetting a person, by direct invocation: `{"account": …, "email": …}`.
//!
//! Deletes the account's invitations of the address with all that goes with them, open ones too: their links are dead.
//! Answers `{"erased": n}`; once more, it is 0. No event is published: there is nothing left to look at.

use serde::Serialize;
use shared::{
    config::{Config, ConfigError},
    domain::{AccountId, Email},
    store::Store,
};

use crate::{
    app::{connected, variable},
    direct::{Event, parsed},
    error::ApiError,
    output::to_json,
};

/// What the function needs.
#[derive(Debug)]
pub struct Eraser {
    store: Store,
}

impl Eraser {
    /// Over a store that is connected.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// From the process's environment.
    ///
    /// # Errors
    /// All that is wrong with the configuration.
    pub fn from_env() -> Result<Self, ConfigError> {
        let config = Config::read(&variable)?;
        Ok(Self::new(connected(&config)))
    }
}

#[derive(Serialize)]
struct Erased {
    erased: usize,
}

/// What the function does.
///
/// # Errors
/// [`ApiError`] for an event that makes no sense, and when the table fails.
pub async fn handle(eraser: &Eraser, Event { mut fields, invocation }: Event<'_>) -> Result<String, ApiError> {
    let (account, email) = (fields.required("account")?, fields.required("email")?);
    fields.finish(&["account", "email"])?;
    let (account, email): (AccountId, Email) = (parsed("account", &account)?, parsed("email", &email)?);
    let erased = eraser.store.erase(&account, email.normalised()).await?;
    tracing::info!(invocation, account = account.as_str(), erased, "erased");
    Ok(to_json(&Erased { erased }))
}
