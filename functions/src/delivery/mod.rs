//! Emails and events, after a request has been answered: the functions that no caller waits for.

pub mod courier;
pub mod deliver_invitations;
pub mod email;
pub mod reconcile_deliveries;
pub mod record_feedback;
pub mod worker;
