//! The table of the model: the four rows that a transaction concerns, and the conditions under which it writes them.

use super::{defects::Defect, request::Kind};

/// Time passes in steps.
pub(super) type Time = u8;
/// An operation goes by the number of the client that carries it out.
pub(super) type OperationId = u8;

/// How long an invitation is open.
pub(super) const LIFETIME: Time = 2;
/// How long after a sending there is no other.
pub(super) const COOLDOWN: Time = 1;
/// How many sendings there may be.
pub(super) const QUOTA: u8 = 3;
/// The operation that made what is there at the beginning.
pub(super) const BEFORE: OperationId = 7;
/// One invitation may be there at the beginning, and each client may create one.
pub(super) const PLACES: usize = 4;
/// How many idempotency keys there are.
pub(super) const KEYS: usize = 2;

/// What is stored of an invitation's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Status {
    Pending,
    Accepted,
    Declined,
    Revoked,
}

/// The operations that made an invitation what it is.
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
    /// The operation that sent it last: each makes a link of its own.
    pub(super) link: OperationId,
    pub(super) revision: u8,
    pub(super) operations: Operations,
}

impl Invitation {
    /// One that `operation` creates.
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

    /// It, sent again.
    pub(super) fn resent(self, operation: OperationId, now: Time) -> Self {
        let after = self.touched(operation);
        Self { expiry: now + LIFETIME, next_send: now + COOLDOWN, sends: self.sends + 1, link: operation, ..after }
    }

    /// It, closed.
    pub(super) fn closed(self, status: Status, operation: OperationId) -> Self {
        Self { status, ..self.touched(operation) }
    }

    fn touched(self, operation: OperationId) -> Self {
        Self { revision: self.revision + 1, operations: self.operations.with(operation), ..self }
    }

    /// Whether it can be accepted, by the true time.
    pub(super) fn is_open(&self, now: Time) -> bool {
        self.status == Status::Pending && self.expiry > now
    }
}

/// The lock on the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Lock {
    /// The place of the invitation that holds it.
    pub(super) holder: usize,
    pub(super) expiry: Time,
}

/// A kept answer: to what request, which is all that its fingerprint tells here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Kept {
    pub(super) fingerprint: Kind,
}

/// Everything that is stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Table {
    pub(super) invitations: [Option<Invitation>; PLACES],
    pub(super) lock: Option<Lock>,
    pub(super) kept: [Option<Kept>; KEYS],
    /// What the quota has counted.
    pub(super) sendings: u8,
}

/// What becomes of the invitation's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Write {
    Create(Invitation),
    /// If it still has this revision, and this link if one is named.
    Change {
        revision: u8,
        link: Option<OperationId>,
        after: Invitation,
    },
    Check {
        revision: u8,
    },
}

/// What becomes of the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Hold {
    /// Taken, by somebody for whom it is `now`.
    Take {
        expiry: Time,
        now: Time,
    },
    Release,
    Leave,
}

/// The writes that happen together or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Transaction {
    /// Which invitation.
    pub(super) place: usize,
    pub(super) write: Write,
    /// The answer to keep, and under which key.
    pub(super) keep: Option<(usize, Kept)>,
    pub(super) lock: Hold,
    /// Whether a sending is counted.
    pub(super) charge: bool,
    /// The time by which it was decided. Nothing depends on it; the observer looks at it.
    pub(super) decided: Time,
}

/// Whose condition failed, with the row as it was. The first of them, in the order of the store's `Part`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Invitation(Option<Invitation>),
    Kept(Kept),
    Lock,
    Quota,
}

impl Table {
    /// What a transaction would meet.
    pub(super) fn classify(&self, transaction: &Transaction, defect: Option<Defect>) -> Result<(), Refused> {
        let row = self.invitations[transaction.place];
        let right = match transaction.write {
            Write::Create(_) => row.is_none(),
            Write::Check { revision } => row.is_some_and(|row| row.revision == revision),
            Write::Change { revision, link, .. } => row.is_some_and(|row| {
                (row.revision == revision || defect == Some(Defect::NoRevision)) && link.is_none_or(|link| link == row.link)
            }),
        };
        if !right {
            return Err(Refused::Invitation(row));
        }
        if let Some(kept) = transaction.keep.and_then(|(key, _)| self.kept[key]) {
            return Err(Refused::Kept(kept));
        }
        let mine = self.lock.is_some_and(|lock| lock.holder == transaction.place);
        let free = match transaction.lock {
            Hold::Take { now, .. } => mine || self.lock.is_none_or(|lock| lock.expiry <= now) || defect == Some(Defect::NoLockCondition),
            Hold::Release => mine || defect == Some(Defect::ReleasesAnyLock) || defect == Some(Defect::NoFence),
            Hold::Leave => true,
        };
        if !free {
            return Err(Refused::Lock);
        }
        if transaction.charge && self.sendings >= QUOTA {
            return Err(Refused::Quota);
        }
        Ok(())
    }

    /// Carries a transaction out, if its conditions hold.
    pub(super) fn execute(&mut self, transaction: &Transaction, defect: Option<Defect>) -> Result<(), Refused> {
        self.classify(transaction, defect)?;
        let place = transaction.place;
        if let Write::Create(after) | Write::Change { after, .. } = transaction.write {
            self.invitations[place] = Some(after);
        }
        if let Some((key, kept)) = transaction.keep {
            self.kept[key] = Some(kept);
        }
        match transaction.lock {
            Hold::Take { .. } if defect == Some(Defect::LockNotRenewed) && self.lock.is_some_and(|lock| lock.holder == place) => {}
            Hold::Take { expiry, .. } => self.lock = Some(Lock { holder: place, expiry }),
            // Without the fence it is given up by whoever still has it.
            Hold::Release if defect == Some(Defect::NoFence) => self.lock = self.lock.filter(|lock| lock.holder != place),
            Hold::Release => self.lock = None,
            Hold::Leave => {}
        }
        if defect != Some(Defect::QuotaCountedBefore) {
            self.sendings += u8::from(transaction.charge);
        }
        Ok(())
    }

    /// Whether a transaction can never be carried out any more: revisions only grow, and what is there stays.
    pub(super) fn has_outrun(&self, transaction: &Transaction, defect: Option<Defect>) -> bool {
        let row = self.invitations[transaction.place];
        let outrun = match transaction.write {
            Write::Create(_) => row.is_some(),
            Write::Change { revision, .. } => defect != Some(Defect::NoRevision) && row.is_some_and(|row| row.revision > revision),
            Write::Check { revision } => row.is_some_and(|row| row.revision > revision),
        };
        outrun || transaction.keep.is_some_and(|(key, _)| self.kept[key].is_some())
    }
}
