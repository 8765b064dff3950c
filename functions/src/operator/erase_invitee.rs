//! Erases a person's data, by direct invocation: `{"account": …, "email": …}`.
//!
//! Deletes the account's invitations of an email address with all related rows. Open invitations are deleted, too, and their links
//! stop working. Returns `{"erased": n}`; a repeated call returns 0. No event is published.

use serde::Serialize;
use shared::domain::{AccountId, Email};

use crate::{
    http::{error::ApiError, output::to_json},
    operator::invocation::{Event, Table, parsed},
};

#[derive(Serialize)]
struct Erased {
    erased: usize,
}

/// Handles an event.
///
/// # Errors
/// [`ApiError`] if the event is invalid or the table fails.
pub async fn handle(Table(store): &Table, Event { mut fields, invocation }: Event<'_>) -> Result<String, ApiError> {
    let (account, email) = (fields.required("account")?, fields.required("email")?);
    fields.finish(&["account", "email"])?;
    let (account, email): (AccountId, Email) = (parsed("account", &account)?, parsed("email", &email)?);
    let erased = store.erase(&account, email.normalised()).await?;
    tracing::info!(invocation, account = account.as_str(), erased, "erased");
    Ok(to_json(&Erased { erased }))
}
