//! Seeded defects of the protocol: the check must find a counterexample for each.

/// A part of the protocol that is missing or wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Defect {
    /// The lock is taken even if another invitation holds it.
    NoLockCondition,
    /// An operation does not look for its own id in the row whose condition failed.
    NoOwnCommitDetection,
    /// Accept and decline do not require that the invitation holds the lock.
    NoLockRequired,
    /// The response is stored by a separate write after the effect.
    RecordOutsideTransaction,
    /// A change ignores that the invitation changed since it was read.
    NoRevision,
    /// A row remembers only the last operation that changed it.
    LastOperationOnly,
    /// A retry of an invitee's request reads the clock again.
    ClockReadAgain,
    /// The lock is released even if another invitation holds it.
    ReleasesAnyLock,
    /// A resend does not extend the lock.
    LockNotRenewed,
    /// A send is counted before its transaction executes.
    QuotaCountedEarly,
    /// An operation restarts when its reply is lost.
    RestartsAfterTimeout,
}

impl Defect {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::NoLockCondition,
        Self::NoOwnCommitDetection,
        Self::NoLockRequired,
        Self::RecordOutsideTransaction,
        Self::NoRevision,
        Self::LastOperationOnly,
        Self::ClockReadAgain,
        Self::ReleasesAnyLock,
        Self::LockNotRenewed,
        Self::QuotaCountedEarly,
        Self::RestartsAfterTimeout,
    ];
}
