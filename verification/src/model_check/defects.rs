//! What could be wrong with the protocol, one thing at a time: the check must notice each.

/// Something that is left out or done wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Defect {
    /// The lock is taken whoever holds it.
    NoLockCondition,
    /// An operation does not look for itself in the row that refuses it.
    NoSelfRecognition,
    /// An answer does not ask whether its invitation still holds the lock.
    NoFence,
    /// The answer is kept in a write of its own, after the effect.
    KeptOutside,
    /// A change is written whatever has become of what was read.
    NoRevision,
    /// A row remembers only the last operation that changed it.
    LastOperationOnly,
    /// An invitee's answer is decided anew by a later clock when it is tried again.
    ClockMovesOn,
    /// The lock is given up whoever holds it.
    ReleasesAnyLock,
    /// Sending again leaves the lock's expiry as it is.
    LockNotRenewed,
    /// A sending is counted before it is tried.
    QuotaCountedBefore,
    /// An operation whose reply is lost is begun anew.
    ForgetsItselfInSilence,
}

impl Defect {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::NoLockCondition,
        Self::NoSelfRecognition,
        Self::NoFence,
        Self::KeptOutside,
        Self::NoRevision,
        Self::LastOperationOnly,
        Self::ClockMovesOn,
        Self::ReleasesAnyLock,
        Self::LockNotRenewed,
        Self::QuotaCountedBefore,
        Self::ForgetsItselfInSilence,
    ];
}
