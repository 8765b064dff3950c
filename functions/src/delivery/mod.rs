//! Emails and events: the functions that run in the background, after the response.

pub mod courier;
pub mod deliver_invitations;
pub mod email;
pub mod reconcile_deliveries;
pub mod record_feedback;
pub mod worker;
