//! The account of an operator's event: `account` names it by its id, `externalID` by its external id. Both must mean the same account.

use shared::{
    domain::{AccountId, ExternalId, text::excerpt},
    store::Store,
};

use crate::{
    http::{
        error::ApiError,
        invalid::{Invalid, all},
        json::Fields,
    },
    operator::invocation::INVALID,
};

/// How an event names its account.
pub(crate) enum AccountRef {
    /// By its id.
    Id(AccountId),
    /// By its external id.
    External(ExternalId),
    /// By both.
    Both(AccountId, ExternalId),
}

impl AccountRef {
    /// Takes `account` and `externalID` from an event.
    ///
    /// # Errors
    /// `missing-field` without either, `invalid-field` if one is malformed.
    pub(crate) fn take(fields: &mut Fields) -> Result<Self, Invalid> {
        match all((fields.optional("account", INVALID), external_id(fields)))? {
            (Some(account), None) => Ok(Self::Id(account)),
            (None, Some(id)) => Ok(Self::External(id)),
            (Some(account), Some(id)) => Ok(Self::Both(account, id)),
            (None, None) => Err(Invalid::field("missing-field", "account", "is required, or externalID instead")),
        }
    }

    /// The account.
    ///
    /// # Errors
    /// `not-found` if no account has the external id, `invalid-field` if another account than the named one has it or if the stack does
    /// not serve the account; [`ApiError`] if the table fails.
    pub(crate) async fn resolve(self, store: &Store) -> Result<AccountId, ApiError> {
        match self {
            Self::Id(account) => served(store, account),
            Self::External(id) => owner(store, &id).await,
            Self::Both(account, id) => {
                let (account, owner) = (served(store, account)?, owner(store, &id).await?);
                if owner != account {
                    return Err(Invalid::field(INVALID, "externalID", format!("is the external id of account {owner}")).into());
                }
                Ok(account)
            }
        }
    }
}

/// Takes `externalID` from an event.
///
/// # Errors
/// `invalid-field` if it is malformed.
pub(crate) fn external_id(fields: &mut Fields) -> Result<Option<ExternalId>, Invalid> {
    fields.optional("externalID", INVALID)
}

/// The account, if the stack serves it.
///
/// # Errors
/// `invalid-field` otherwise.
pub(crate) fn served(store: &Store, account: AccountId) -> Result<AccountId, ApiError> {
    match store.only_account() {
        Some(only) if *only != account => {
            Err(Invalid::field(INVALID, "account", format!("this stack serves only the account {only}")).into())
        }
        _ => Ok(account),
    }
}

async fn owner(store: &Store, id: &ExternalId) -> Result<AccountId, ApiError> {
    let owner = store.account_of(id).await?;
    let unknown = || Invalid::field("not-found", "externalID", format!("no account has the external id '{}'", excerpt(id.as_str())));
    Ok(owner.ok_or_else(unknown)?)
}
