//! Revokes all open invitations of an account that match, by direct invocation or as the target of an EventBridge rule:
//! `{"account": …, "invitedBy"?, "email"?, "roleID"?, "createdAfter"?, "cursor"?}`, or `externalID` instead of `account`.
//!
//! At least one of `invitedBy`, `email` and `roleID` is required, and an invitation must match all that are given. Each is revoked like
//! by its account, with the event `Revoked`; one that is closed meanwhile is skipped. Returns `{"revoked": n}`, and `next` if the time was
//! used up: another call continues with it as the `cursor`. A repeated call revokes what is left.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde::Serialize;
use shared::{
    config::{Config, ConfigError, read_retention},
    domain::{AccountId, Email, page::Cursor, revocation::Revocation},
    store::{Store, StoreError},
};

use crate::{
    app::{combine, connected, variable},
    http::{
        error::ApiError,
        invalid::{Invalid, all},
        json::Fields,
        output::to_json,
    },
    operator::{
        account::AccountRef,
        invocation::{Event, INVALID},
    },
};

/// How many invitations are revoked at once. An account is one partition with 1,000 write units a second, and a revocation with its event
/// takes twelve: more at once would slow down the account's own users.
const CONCURRENCY: usize = 4;
/// No revocation is started after this time, so that all started ones finish before the function's timeout, even those that are retried
/// for a minute.
pub const TIME_LIMIT: Duration = Duration::from_secs(12 * 60);
/// How often an invocation starts again from the beginning of the list.
const MAX_PASSES: u32 = 5;

/// State of the function.
#[derive(Debug)]
pub struct Revocations {
    /// The table.
    pub store: Store,
    /// How long closed invitations are kept; `None` forever.
    pub retention: Option<Duration>,
    /// After this time, an invocation starts no revocation. The first few are always started, so that every call makes progress.
    pub time_limit: Duration,
}

impl Revocations {
    /// Reads the environment.
    ///
    /// # Errors
    /// All configuration problems.
    pub fn from_env() -> Result<Self, ConfigError> {
        let (config, retention) = combine(Config::read(&variable), read_retention(&variable))?;
        Ok(Self { store: connected(&config), retention, time_limit: TIME_LIMIT })
    }

    /// Revokes until nothing or no time is left. Nothing is left if a pass through the whole list has revoked nothing: during a pass, a
    /// change of an invitation can move it to where the pass has already been. After a few passes,
    /// those that remain were created, or moved, since.
    async fn revoke(&self, account: &AccountId, revocation: &Revocation, progress: &mut Progress) -> Result<(), StoreError> {
        let deadline = Instant::now() + self.time_limit;
        let mut whole = progress.next.is_none();
        let mut before = progress.revoked;
        let mut passes = 0;
        loop {
            let page = self.store.to_revoke(account, revocation, CONCURRENCY, progress.next.as_ref()).await?;
            let now = self.store.now();
            let included = page.invitations.iter().filter(|it| revocation.includes(it, now));
            let each = included.map(|it| self.store.revoke(account, it.id, revocation, self.retention));
            let results = join_all(each).await;
            progress.revoked += results.iter().filter(|result| matches!(result, Ok(true))).count();
            results.into_iter().collect::<Result<Vec<bool>, StoreError>>()?;
            progress.next = page.next;
            if progress.next.is_some() {
                if Instant::now() >= deadline {
                    return Ok(());
                }
            } else if (whole && progress.revoked == before) || passes == MAX_PASSES {
                return Ok(());
            } else {
                (whole, before) = (true, progress.revoked);
                passes += 1;
            }
        }
    }
}

/// What an invocation has done so far.
struct Progress {
    revoked: usize,
    /// Where the rest starts; before the first page and after the last there is none.
    next: Option<Cursor>,
}

#[derive(Serialize)]
struct Revoked<'a> {
    revoked: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
}

/// Handles an event.
///
/// # Errors
/// [`ApiError`] if the event is invalid or the table fails. Some invitations may be revoked then; the next call revokes the others.
pub async fn handle(revocations: &Revocations, Event { mut fields, invocation }: Event<'_>) -> Result<String, ApiError> {
    let (account, revocation, cursor, ()) = all((
        AccountRef::take(&mut fields),
        revocation(&mut fields),
        fields.optional_text("cursor"),
        fields.finish(&["account", "externalID", "invitedBy", "email", "roleID", "createdAfter", "cursor"]),
    ))?;
    let account = account.resolve(&revocations.store).await?;
    let ((), next) = all((of_account(&revocation, &account), start(cursor, &account, &revocation)))?;
    let mut progress = Progress { revoked: 0, next };
    let result = revocations.revoke(&account, &revocation, &mut progress).await;
    // Also after an error: what is revoked remains revoked.
    let Progress { revoked, next } = progress;
    let complete = result.is_ok() && next.is_none();
    tracing::info!(invocation, account = account.as_str(), revoked, complete, "invitations revoked");
    result?;
    let next = next.map(|next| next.encode(&account, revocation.list()));
    Ok(to_json(&Revoked { revoked, next: next.as_deref() }))
}

fn revocation(fields: &mut Fields) -> Result<Revocation, Invalid> {
    let (invited_by, email, role, created_after) = all((
        fields.optional("invitedBy", INVALID),
        fields.optional::<Email>("email", INVALID),
        fields.optional("roleID", INVALID),
        fields.optional("createdAfter", INVALID),
    ))?;
    Revocation::new(invited_by, email.map(|email| email.normalised().clone()), role)
        .map(|revocation| revocation.created_after(created_after))
        .ok_or_else(|| Invalid::field("missing-field", "invitedBy", "is required, or email or roleID instead"))
}

/// Rejects the URN of another account's principal, which has created none of the account's invitations.
fn of_account(revocation: &Revocation, account: &AccountId) -> Result<(), Invalid> {
    match revocation.invited_by() {
        Some(urn) if urn.account() != account => {
            Err(Invalid::field(INVALID, "invitedBy", format!("is a URN of account {}, not of {account}", urn.account())))
        }
        _ => Ok(()),
    }
}

fn start(cursor: Option<String>, account: &AccountId, revocation: &Revocation) -> Result<Option<Cursor>, Invalid> {
    let decode = |token: String| Cursor::decode(&token, account, revocation.list());
    cursor.map(decode).transpose().map_err(|error| Invalid::field(INVALID, "cursor", error))
}
