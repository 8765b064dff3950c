//! Seeded defects, which the checks must detect.

/// A defect of the services, or of the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// The table acknowledges writes without executing them.
    TableDropsWrites,
    /// SES acknowledges emails that never arrive.
    EmailsLost,
    /// EventBridge acknowledges events that are never delivered.
    EventsLost,
    /// The texts of two emails are swapped.
    LinksSwapped,
    /// An email names another account.
    WrongAccountNamed,
    /// An email was claimed after its invitation was revoked.
    ClaimAfterRevoke,
    /// An event was published twice with different contents.
    EventCopiesDiffer,
}
