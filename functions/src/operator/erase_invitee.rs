//! Erases a person's data, by direct invocation: `{"account": …, "email": …}`, or `externalID` instead of `account`.
//!
//! Deletes the account's invitations of an email address with all related rows. Open invitations are deleted, too, and their links
//! stop working. Returns `{"erased": n}`; a repeated call returns 0. No event is published.

use serde::Serialize;
use shared::domain::Email;

use crate::{
    http::{error::ApiError, invalid::all, output::to_json},
    operator::{
        account::AccountRef,
        invocation::{Event, INVALID, Table},
    },
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
    let (account, email, ()): (_, Email, ()) =
        all((AccountRef::take(&mut fields), fields.required("email", INVALID), fields.finish(&["account", "externalID", "email"])))?;
    let account = account.resolve(store).await?;
    let erased = store.erase(&account, email.normalised()).await?;
    tracing::info!(invocation, account = account.as_str(), erased, "erased");
    Ok(to_json(&Erased { erased }))
}
