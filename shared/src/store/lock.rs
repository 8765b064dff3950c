//! The lock that an open invitation holds on its address.
//!
//! The lock is a fence, not only a uniqueness constraint: an invitation that has lost its lock has expired, regardless of its own row and
//! of clocks.
//!
//! In the index by invitee, the locks of an address are the open invitations of all accounts for it.

use super::{
    Store, StoreError,
    condition::Condition,
    keys::{self, Key, index::INVITEE},
    row::{Attributes, Row, number, text, time},
    transaction::{Transaction, WriteTarget},
};
use crate::domain::{Invitation, InvitationId, Rejected, Timestamp};

impl Store {
    /// Takes the lock, or extends it to the invitation's new expiry. The condition fails while another open invitation holds it.
    pub(super) fn take_lock(&self, transaction: &mut Transaction, invitation: &Invitation, now: Timestamp) {
        let id = text(invitation.resource.id.to_string());
        let held = [("inv", id.clone()), ("exp", time(invitation.resource.expiry)), ("ttl", number(invitation.resource.expiry.as_secs()))];
        let invitee = self.lists_by_invitee().then(|| (INVITEE, text(invitation.resource.email.normalised().as_str())));
        let row = lock_key(invitation).row(held.into_iter().chain(invitee));
        let free = Condition::new("attribute_not_exists(#pk) OR #inv = :inv OR #exp <= :now", [(":inv", id), (":now", time(now))]);
        transaction.put(self, WriteTarget::Lock, row, free);
    }

    /// Releases the lock. The condition fails if the invitation does not hold it.
    pub(super) fn release_lock(&self, transaction: &mut Transaction, invitation: &Invitation) {
        let id = text(invitation.resource.id.to_string());
        let mine = Condition::new("#inv = :inv", [(":inv", id)]);
        transaction.delete(self, WriteTarget::Lock, lock_key(invitation), mine);
    }
}

fn lock_key(invitation: &Invitation) -> Key {
    keys::key(&invitation.resource.account, keys::lock(invitation.resource.email.normalised()))
}

/// A lock as it was read.
pub(super) struct Lock {
    pub(super) sk: String,
    /// The invitation that holds it.
    pub(super) invitation: InvitationId,
    /// Until when.
    pub(super) expiry: Timestamp,
}

impl Lock {
    pub(super) fn read(row: Row) -> Result<Self, StoreError> {
        let mut row = Attributes::of(row);
        Ok(Self { invitation: row.parsed("inv")?, expiry: row.time("exp")?, sk: row.text(keys::SK)? })
    }
}

/// The invitation that a lock or a stored response belongs to.
pub(super) fn invitation_of(row: Row) -> Result<InvitationId, StoreError> {
    Attributes::of(row).parsed("inv")
}

/// The rejection for a lock that another invitation holds. It names that invitation.
pub(super) fn already_invited(row: Option<Row>) -> Result<Rejected, StoreError> {
    Ok(Rejected::AlreadyInvited { open: invitation_of(row.unwrap_or_default())? })
}
