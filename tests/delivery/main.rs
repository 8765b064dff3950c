//! Everything after the response: emails, links and events.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod crashes;
mod decisions;
mod emails;
mod entries;
mod erasure;
mod events;
mod failures;
mod helpers;
mod links;
mod on_behalf;
mod purge;
mod reconciler;
mod reminders;
mod reports;
mod revisions;
mod ses_errors;
mod settings;
