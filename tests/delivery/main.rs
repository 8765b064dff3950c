//! What happens after an answer: the mail arrives, its link works as long as it should, and the world is told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod answers;
mod crashes;
mod erasure;
mod events;
mod help;
mod links;
mod mails;
mod on_behalf;
mod purge;
mod reconciler;
mod reports;
mod ses_errors;
mod trouble;
