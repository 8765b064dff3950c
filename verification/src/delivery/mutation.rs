//! Deliberate defects: each must make a check fail.

/// A way to break the service, or what it left, so that the checks have something to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// The table acknowledges writes that it does not carry out.
    TableForgets,
    /// SES acknowledges mails that never arrive.
    MailsVanish,
    /// EventBridge acknowledges events that nobody gets.
    EventsVanish,
    /// Two mails have each other's text.
    LinksSwapped,
    /// A mail names another account.
    NamesMixed,
    /// A mail was claimed after its invitation was revoked.
    ClaimsLate,
    /// An event was told twice, in different words.
    EventsDiffer,
}
