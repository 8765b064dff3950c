//! Accounts by their external ids, and new accounts.
//!
//! An account and its external id belong together in two rows, which one transaction writes: the row of the external id names the
//! account, and the account's settings contain the external id. Neither row's part is ever changed or deleted, so a repeated write finds
//! what it would have written. A lost reply needs no record of its own.

use super::{
    Store, StoreError,
    command::unexpected,
    condition::Condition,
    error::failed,
    keys,
    row::{Attributes, Row, text, time},
    settings::{EXTERNAL_ID, EXTERNAL_SINCE, new_settings},
    transaction::{Attempts, CommitOutcome, Transaction, WriteTarget},
};
use crate::domain::{
    AccountId, ExternalId, Timestamp,
    settings::{EXTERNAL_ID_MARGIN, SettingsChange},
};

/// The attribute that names the account with an external id.
const ACCOUNT: &str = "account";

/// Why an account did not get an external id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExternalIdConflict {
    /// The account has another one, which cannot be changed.
    Has(ExternalId),
    /// Another account has it.
    TakenBy(AccountId),
}

/// A new account, or the one that an earlier call created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// Its id.
    pub account: AccountId,
    /// Whether this call created it.
    pub created: bool,
}

impl Store {
    /// Returns the account with an external id, if there is one and the store serves it.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or the row cannot be read.
    pub async fn account_of(&self, id: &ExternalId) -> Result<Option<AccountId>, StoreError> {
        let account = self.read_row(keys::external_id(id)).await?.map(account_in).transpose()?;
        Ok(account.filter(|account| self.serves(account)))
    }

    /// Gives an account its external id. Repeating it has no further effect.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or a row cannot be read. The external id may still have been set.
    pub async fn set_external_id(&self, account: &AccountId, id: &ExternalId) -> Result<Result<(), ExternalIdConflict>, StoreError> {
        let mut attempts = Attempts::start();
        loop {
            match self.send(self.assignment(account, id)).await? {
                CommitOutcome::Committed => return Ok(Ok(())),
                CommitOutcome::Refused(refusals) => {
                    return match refusals.first() {
                        (WriteTarget::Settings, row) => {
                            Ok(Err(ExternalIdConflict::Has(Attributes::of(row.unwrap_or_default()).parsed(EXTERNAL_ID)?)))
                        }
                        (WriteTarget::ExternalId, row) => Ok(Err(ExternalIdConflict::TakenBy(account_in(row.unwrap_or_default())?))),
                        (target, _) => Err(unexpected(target)),
                    };
                }
                CommitOutcome::Busy(error) => attempts.pause(error).await?,
                CommitOutcome::Unknown(error) => {
                    let found = self.account_of(id).await.ok().flatten();
                    return if found.as_ref() == Some(account) { Ok(Ok(())) } else { Err(error) };
                }
            }
        }
    }

    /// The transaction that gives an account its external id, or finds that it has it.
    fn assignment(&self, account: &AccountId, id: &ExternalId) -> Transaction {
        // Read for each attempt, so that it is never older than the attempt that succeeds.
        let since = time(self.now().plus(EXTERNAL_ID_MARGIN));
        let mut transaction = Transaction::default();
        transaction.update(
            self,
            WriteTarget::Settings,
            keys::settings(account),
            "SET #external_id = :id, #external_since = if_not_exists(#external_since, :since)",
            Condition::new("attribute_not_exists(#external_id) OR #external_id = :id", [(":id", text(id.as_str())), (":since", since)]),
        );
        let own = Condition::new("attribute_not_exists(#pk) OR #account = :account", [(":account", text(account.as_str()))]);
        transaction.put(self, WriteTarget::ExternalId, external_row(account, id), own);
        transaction
    }

    /// Creates an account with an id that no account has, and with these settings. If an account has the external id already, that one is
    /// returned unchanged, so a call with an external id can be repeated. A call without one whose reply is lost may leave an account
    /// behind that nobody knows and that has no keys.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or a row cannot be read.
    pub async fn create_account(&self, id: Option<&ExternalId>, settings: &SettingsChange) -> Result<NewAccount, StoreError> {
        let mut attempts = Attempts::start();
        let mut drawn = Vec::new();
        loop {
            if let Some(account) = self.owner(id).await? {
                return Ok(NewAccount { created: drawn.contains(&account), account });
            }
            let account = (self.draw)();
            drawn.push(account.clone());
            if self.is_used(&account).await? {
                attempts.again()?;
                continue;
            }
            match self.send(self.creation(&account, id, settings)).await? {
                CommitOutcome::Committed => return Ok(NewAccount { account, created: true }),
                CommitOutcome::Refused(refusals) => match refusals.first() {
                    // The account exists, or another one has the external id: the next attempt finds that one.
                    (WriteTarget::Settings | WriteTarget::ExternalId, _) => attempts.again()?,
                    (target, _) => return Err(unexpected(target)),
                },
                CommitOutcome::Busy(error) => attempts.pause(error).await?,
                CommitOutcome::Unknown(error) => {
                    let account = self.owner(id).await.ok().flatten().ok_or(error)?;
                    return Ok(NewAccount { created: drawn.contains(&account), account });
                }
            }
        }
    }

    async fn owner(&self, id: Option<&ExternalId>) -> Result<Option<AccountId>, StoreError> {
        match id {
            Some(id) => self.account_of(id).await,
            None => Ok(None),
        }
    }

    /// Whether an account has API keys or data. Counts rows, and reads none.
    async fn is_used(&self, account: &AccountId) -> Result<bool, StoreError> {
        for partition in [keys::api_key_partition(account), keys::partition(account)] {
            let query = self.client.query().table_name(&self.table);
            if keys::first_row(query, &partition).send().await.map_err(failed)?.count > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The transaction that creates an account. It has published no event yet, so all its events carry its external id.
    fn creation(&self, account: &AccountId, id: Option<&ExternalId>, settings: &SettingsChange) -> Transaction {
        let external = id.map(|id| [(EXTERNAL_ID, text(id.as_str())), (EXTERNAL_SINCE, time(Timestamp::ZERO))]);
        let row = keys::settings(account).row(new_settings(settings).chain(external.into_iter().flatten()));
        let mut transaction = Transaction::default();
        transaction.put(self, WriteTarget::Settings, row, Condition::new(keys::ABSENT, []));
        if let Some(id) = id {
            transaction.put(self, WriteTarget::ExternalId, external_row(account, id), Condition::new(keys::ABSENT, []));
        }
        transaction
    }
}

/// The row of an external id.
fn external_row(account: &AccountId, id: &ExternalId) -> Row {
    keys::external_id(id).row([(ACCOUNT, text(account.as_str()))])
}

/// The account that the row of an external id names.
fn account_in(row: Row) -> Result<AccountId, StoreError> {
    Attributes::of(row).parsed(ACCOUNT)
}
