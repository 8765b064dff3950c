//! The open invitations of an address in all accounts, for its owner.
//!
//! - list: query the index of locks by address · read the invitations that hold them, and the settings of their accounts
//!
//! The index is eventually consistent and only proposes. What counts is the invitation, read strongly consistent.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    InvitationKey, Store, StoreError,
    error::failed,
    item,
    keys::{
        self,
        index::{BY_INVITEE, INVITEE, LOCK_EXPIRY},
    },
    read::yield_to_pool,
    row::{Attributes, Row, text, time},
    settings,
};
use crate::domain::{
    AccountId, Invitation, State, Timestamp,
    email::NormalisedEmail,
    page::{Limit, OwnCursor},
    settings::AccountSettings,
};

/// An open invitation with its account's settings.
pub type OwnInvitation = (Invitation, AccountSettings);

/// A page of an address's open invitations.
#[derive(Debug)]
pub struct OwnPage {
    /// Soonest expiry first; at most the limit. There are fewer, or none, if some were closed shortly before.
    pub invitations: Vec<OwnInvitation>,
    /// The start of the next page, if any.
    pub next: Option<OwnCursor>,
    /// When the page was read. All invitations are open then.
    pub now: Timestamp,
    /// What could not be read. It is left out, because the invitations are those of different accounts: a bad row of one must not hide
    /// those of the others.
    pub unreadable: Vec<StoreError>,
}

/// An entry of the index.
struct Lock {
    position: OwnCursor,
    holder: InvitationKey,
}

impl Store {
    /// Returns a page of the open invitations for `invitee`, an address that the caller is known to own. Very recent ones may be missing.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails.
    pub async fn list_own(&self, invitee: &NormalisedEmail, limit: Limit, cursor: Option<&OwnCursor>) -> Result<OwnPage, StoreError> {
        let now = self.now();
        // One more lock than the page holds shows whether a next page exists.
        let mut locks = self.locks_of(invitee, now, limit.get() + 1, cursor).await?;
        let more = locks.len() > limit.get();
        locks.truncate(limit.get());
        let next = locks.last().filter(|_| more).map(|last| last.position.clone());

        let Holders { invitations: mut found, settings, unreadable } = self.holders(&locks).await?;
        let mut invitations = Vec::with_capacity(locks.len());
        for Lock { holder, .. } in locks {
            // Taken, because the index may show the old and the new entry of a lock.
            let invitation = found.remove(&holder);
            let is_open = |it: &Invitation| it.state(now) == State::Invited && it.resource.email.normalised() == invitee;
            invitations.extend(invitation.filter(is_open).map(|it| (it, settings.get(&holder.account).cloned().unwrap_or_default())));
        }
        // The index may lag behind a resend.
        invitations.sort_by_key(|(invitation, _)| invitation.resource.expiry);
        Ok(OwnPage { invitations, next, now, unreadable })
    }

    /// At most `limit` entries that have not expired at `now`, soonest expiry first, after `cursor`.
    async fn locks_of(
        &self,
        invitee: &NormalisedEmail,
        now: Timestamp,
        limit: usize,
        cursor: Option<&OwnCursor>,
    ) -> Result<Vec<Lock>, StoreError> {
        // What precedes a cursor that has expired meanwhile has expired as well. DynamoDB would reject a start key outside of the range.
        let cursor = cursor.filter(|cursor| cursor.expiry > now);
        let from = cursor.map_or(now.plus(Duration::from_millis(1)), |cursor| cursor.expiry);
        let output = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(BY_INVITEE)
            .key_condition_expression("#invitee = :invitee AND #exp >= :from")
            .expression_attribute_names("#invitee", INVITEE)
            .expression_attribute_names("#exp", LOCK_EXPIRY)
            .expression_attribute_values(":invitee", text(invitee.as_str()))
            .expression_attribute_values(":from", time(from))
            .set_exclusive_start_key(cursor.map(|cursor| position(invitee, cursor)))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(failed)?;
        yield_to_pool().await;
        output.items.unwrap_or_default().into_iter().map(lock).collect()
    }

    /// The invitations that hold these locks, and the settings of their accounts.
    async fn holders(&self, locks: &[Lock]) -> Result<Holders, StoreError> {
        // Sets, because DynamoDB rejects duplicate keys.
        let holders: BTreeSet<&InvitationKey> = locks.iter().map(|lock| &lock.holder).collect();
        let accounts: BTreeSet<&AccountId> = locks.iter().map(|lock| &lock.holder.account).collect();
        let keys = holders.into_iter().map(|holder| keys::invitation_key(&holder.account, holder.id));
        let rows = self.read_rows(keys.chain(accounts.into_iter().map(keys::settings))).await?;
        let mut found = Holders::default();
        for row in rows {
            if let Err(error) = found.add(row) {
                found.unreadable.push(error);
            }
        }
        Ok(found)
    }
}

#[derive(Default)]
struct Holders {
    invitations: BTreeMap<InvitationKey, Invitation>,
    settings: BTreeMap<AccountId, AccountSettings>,
    unreadable: Vec<StoreError>,
}

impl Holders {
    fn add(&mut self, row: Row) -> Result<(), StoreError> {
        match row.get(keys::PK).and_then(|pk| keys::parse_settings(pk.as_s().ok()?)) {
            Some(account) => drop(self.settings.insert(account, settings::from_row(row)?)),
            None => {
                let invitation = item::from_row(row)?;
                let key = InvitationKey { account: invitation.resource.account.clone(), id: invitation.resource.id };
                self.invitations.insert(key, invitation);
            }
        }
        Ok(())
    }
}

/// The position of an entry in the index.
fn position(invitee: &NormalisedEmail, cursor: &OwnCursor) -> Row {
    let key = keys::key(&cursor.account, keys::lock(invitee));
    key.row([(INVITEE, text(invitee.as_str())), (LOCK_EXPIRY, time(cursor.expiry))])
}

fn lock(row: Row) -> Result<Lock, StoreError> {
    let mut attributes = Attributes::of(row);
    let account: AccountId = attributes.read(keys::PK, keys::parse_partition)?;
    let position = OwnCursor { expiry: attributes.time(LOCK_EXPIRY)?, account: account.clone() };
    Ok(Lock { position, holder: InvitationKey { account, id: attributes.parsed("inv")? } })
}
