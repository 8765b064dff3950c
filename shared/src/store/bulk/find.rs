//! What the table says about the rows of a request.

use super::super::{
    StoreError,
    item::{self, Stored},
    keys,
    lock::Lock,
};
use super::{Bulk, progress::RowProgress};
use crate::domain::{
    Invitation, Rejected, Resource,
    lifecycle::Handover,
    link::{Link, Token},
};

impl Bulk<'_> {
    /// Finds the rows that were created, by this run or another one. The record must have been read before, never after: its count
    /// then stands for at least these.
    pub(super) async fn find_created(&mut self) -> Result<(), StoreError> {
        let keys = self.rows.iter().filter(|row| !row.is_created()).map(|row| keys::invitation_key(self.who.account(), row.id));
        for found in self.store.read_rows(keys).await? {
            let stored = Stored::from_row(found)?;
            if let Some(row) = self.rows.iter_mut().find(|row| row.id == stored.invitation.resource.id) {
                row.found(&stored)?;
            }
        }
        Ok(())
    }

    /// Derives the links that the caller gets for rows of another run, as far as no later link has replaced them. They are stored nowhere.
    pub(super) async fn find_links(&mut self) -> Result<(), StoreError> {
        let missing = |row: &&RowProgress<'_>| row.is_created() && row.row.invitation.handover == Handover::Caller && row.token.is_none();
        let keys = self.rows.iter().filter(missing).map(|row| keys::invitation_key(self.who.account(), row.id));
        for found in self.store.read_rows(keys).await? {
            let Invitation { resource, link, .. } = item::from_row(found)?;
            let token = self.token(&resource, &link).filter(|_| link.version == 1);
            if let Some(row) = self.rows.iter_mut().find(|row| row.id == resource.id) {
                row.token = token;
            }
        }
        Ok(())
    }

    /// The token of a link that the caller gets, if they may grant the role that it gives now.
    pub(super) fn token(&self, resource: &Resource, link: &Link) -> Option<Token> {
        let is_theirs = resource.link_only && self.who.may_grant(&resource.role);
        is_theirs.then(|| self.policy.link_keys.token(&resource.account, resource.id, link)).flatten()
    }

    /// Rejects the open rows whose address another open invitation holds. Saves the transactions that would find out.
    pub(super) async fn find_locked(&mut self) -> Result<(), StoreError> {
        let account = self.who.account();
        let address = |row: &RowProgress<'_>| keys::lock(row.row.invitation.email.normalised());
        let keys = self.rows.iter().filter(|row| row.is_open()).map(|row| keys::key(account, address(row)));
        for lock in self.store.read_rows(keys).await? {
            let lock = Lock::read(lock)?;
            let row = self.rows.iter_mut().find(|row| address(row) == lock.sk);
            if let Some(row) = row.filter(|row| lock.expiry > self.now && lock.invitation != row.id) {
                row.reject(Rejected::AlreadyInvited { open: lock.invitation });
            }
        }
        Ok(())
    }
}
