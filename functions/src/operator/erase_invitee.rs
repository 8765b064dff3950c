//! Forgetting a person, by direct invocation: `{"account": …, "email": …}`.
//!
//! Deletes the account's invitations of the address with all that goes with them, open ones too: their links are dead.
//! Answers `{"erased": n}`; once more, it is 0. No event is published: there is nothing left to look at.

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

/// What the function does.
///
/// # Errors
/// [`ApiError`] for an event that makes no sense, and when the table fails.
pub async fn handle(Table(store): &Table, Event { mut fields, invocation }: Event<'_>) -> Result<String, ApiError> {
    let (account, email) = (fields.required("account")?, fields.required("email")?);
    fields.finish(&["account", "email"])?;
    let (account, email): (AccountId, Email) = (parsed("account", &account)?, parsed("email", &email)?);
    let erased = store.erase(&account, email.normalised()).await?;
    tracing::info!(invocation, account = account.as_str(), erased, "erased");
    Ok(to_json(&Erased { erased }))
}
