//! The model's table: the rows of a transaction and the conditions of its writes.

use super::{defects::Defect, request::Kind};

/// A time in steps.
pub(super) type Time = u8;
/// An operation's id: the number of its client.
pub(super) type OperationId = u8;

/// The steps until an invitation expires.
pub(super) const LIFETIME: Time = 2;
/// The least steps between two sends.
pub(super) const COOLDOWN: Time = 1;
/// The most sends of the account.
pub(super) const QUOTA: u8 = 3;
/// The operation that created the initial invitation.
pub(super) const INITIAL_OPERATION: OperationId = 7;
/// One initial invitation, and one that each client may create.
pub(super) const SLOTS: usize = 4;
/// The number of idempotency keys.
pub(super) const KEYS: usize = 2;

/// An invitation's stored status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Status {
    Pending,
    Accepted,
    Declined,
    Revoked,
}

/// The operations that have changed an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Operations(u8);

impl Operations {
    pub(super) fn of(operation: OperationId) -> Self {
        Self(1 << operation)
    }

    pub(super) fn with(self, operation: OperationId) -> Self {
        Self(self.0 | 1 << operation)
    }

    pub(super) fn contains(self, operation: OperationId) -> bool {
        self.0 & 1 << operation != 0
    }
}

/// An invitation's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Invitation {
    pub(super) status: Status,
    pub(super) expiry: Time,
    pub(super) next_send: Time,
    pub(super) sends: u8,
    /// The operation that sent it last; each creates a new link.
    pub(super) link: OperationId,
    pub(super) revision: u8,
    pub(super) operations: Operations,
}

impl Invitation {
    /// An invitation created by `operation`.
    pub(super) fn new(operation: OperationId, now: Time) -> Self {
        Self {
            status: Status::Pending,
            expiry: now + LIFETIME,
            next_send: now + COOLDOWN,
            sends: 1,
            link: operation,
            revision: 1,
            operations: Operations::of(operation),
        }
    }

    /// The invitation after a resend.
    pub(super) fn resent(self, operation: OperationId, now: Time) -> Self {
        let after = self.touched(operation);
        Self { expiry: now + LIFETIME, next_send: now + COOLDOWN, sends: self.sends + 1, link: operation, ..after }
    }

    /// The invitation after it was closed.
    pub(super) fn closed(self, status: Status, operation: OperationId) -> Self {
        Self { status, ..self.touched(operation) }
    }

    fn touched(self, operation: OperationId) -> Self {
        Self { revision: self.revision + 1, operations: self.operations.with(operation), ..self }
    }

    /// Whether it can be accepted at the true time `now`.
    pub(super) fn is_open(&self, now: Time) -> bool {
        self.status == Status::Pending && self.expiry > now
    }
}

/// The lock on the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Lock {
    /// The slot of the invitation that holds it.
    pub(super) holder: usize,
    pub(super) expiry: Time,
}

/// A stored response, with the fingerprint of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Record {
    pub(super) fingerprint: Kind,
}

/// The stored rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Table {
    pub(super) invitations: [Option<Invitation>; SLOTS],
    pub(super) lock: Option<Lock>,
    pub(super) records: [Option<Record>; KEYS],
    /// The quota's counter.
    pub(super) quota_used: u8,
}

/// The write to the invitation's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Write {
    Create(Invitation),
    /// Conditional on the revision, and on the link if one is given.
    Change {
        revision: u8,
        link: Option<OperationId>,
        after: Invitation,
    },
    Check {
        revision: u8,
    },
}

/// The write to the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum LockWrite {
    /// Take it; the client's clock shows `now`.
    Take {
        expiry: Time,
        now: Time,
    },
    Release,
    Leave,
}

/// An atomic transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Transaction {
    /// The index of the invitation.
    pub(super) slot: usize,
    pub(super) write: Write,
    /// The response to store, with its key.
    pub(super) record: Option<(usize, Record)>,
    pub(super) lock: LockWrite,
    /// Whether it counts a send.
    pub(super) counts_send: bool,
    /// The time at which it was decided. Only the observer uses it.
    pub(super) decided_at: Time,
}

/// The first failed condition, with its row, in the order of the store's `WriteTarget`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailedCondition {
    Invitation(Option<Invitation>),
    Record(Record),
    Lock,
    Quota,
}

impl Table {
    /// Checks the conditions of a transaction.
    pub(super) fn check(&self, transaction: &Transaction, defect: Option<Defect>) -> Result<(), FailedCondition> {
        let row = self.invitations[transaction.slot];
        let holds = match transaction.write {
            Write::Create(_) => row.is_none(),
            Write::Check { revision } => row.is_some_and(|row| row.revision == revision),
            Write::Change { revision, link, .. } => row.is_some_and(|row| {
                (row.revision == revision || defect == Some(Defect::NoRevision)) && link.is_none_or(|link| link == row.link)
            }),
        };
        if !holds {
            return Err(FailedCondition::Invitation(row));
        }
        if let Some(record) = transaction.record.and_then(|(key, _)| self.records[key]) {
            return Err(FailedCondition::Record(record));
        }
        let mine = self.lock.is_some_and(|lock| lock.holder == transaction.slot);
        let free = match transaction.lock {
            LockWrite::Take { now, .. } => {
                mine || self.lock.is_none_or(|lock| lock.expiry <= now) || defect == Some(Defect::NoLockCondition)
            }
            LockWrite::Release => mine || defect == Some(Defect::ReleasesAnyLock) || defect == Some(Defect::NoLockRequired),
            LockWrite::Leave => true,
        };
        if !free {
            return Err(FailedCondition::Lock);
        }
        if transaction.counts_send && self.quota_used >= QUOTA {
            return Err(FailedCondition::Quota);
        }
        Ok(())
    }

    /// Executes a transaction if its conditions hold.
    pub(super) fn execute(&mut self, transaction: &Transaction, defect: Option<Defect>) -> Result<(), FailedCondition> {
        self.check(transaction, defect)?;
        let slot = transaction.slot;
        if let Write::Create(after) | Write::Change { after, .. } = transaction.write {
            self.invitations[slot] = Some(after);
        }
        if let Some((key, record)) = transaction.record {
            self.records[key] = Some(record);
        }
        match transaction.lock {
            LockWrite::Take { .. } if defect == Some(Defect::LockNotRenewed) && self.lock.is_some_and(|lock| lock.holder == slot) => {}
            LockWrite::Take { expiry, .. } => self.lock = Some(Lock { holder: slot, expiry }),
            // Without the lock requirement, only the holder releases it.
            LockWrite::Release if defect == Some(Defect::NoLockRequired) => self.lock = self.lock.filter(|lock| lock.holder != slot),
            LockWrite::Release => self.lock = None,
            LockWrite::Leave => {}
        }
        if defect != Some(Defect::QuotaCountedEarly) {
            self.quota_used += u8::from(transaction.counts_send);
        }
        Ok(())
    }

    /// Whether a transaction can never execute any more: revisions only grow, and rows are not deleted.
    pub(super) fn is_obsolete(&self, transaction: &Transaction, defect: Option<Defect>) -> bool {
        let row = self.invitations[transaction.slot];
        let obsolete = match transaction.write {
            Write::Create(_) => row.is_some(),
            Write::Change { revision, .. } => defect != Some(Defect::NoRevision) && row.is_some_and(|row| row.revision > revision),
            Write::Check { revision } => row.is_some_and(|row| row.revision > revision),
        };
        obsolete || transaction.record.is_some_and(|(key, _)| self.records[key].is_some())
    }
}
