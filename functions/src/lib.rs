//! One Lambda function per endpoint of the Invitations API.
//!
//! A request's way: a binary in `src/bin` starts [`edge::run`], which parses the event and calls the endpoint's `handle`;
//! that reads auth, input, decision and store, reply, in this order; and whatever comes back, [`edge`] makes the response.

pub mod accept_invitation;
pub mod accept_page;
pub mod app;
pub mod auth;
pub mod background;
pub mod courier;
pub mod create_invitation;
pub mod decline_invitation;
pub mod deliver_invitations;
pub mod describe_invitation;
pub mod direct;
pub mod edge;
pub mod erase_invitee;
pub mod error;
pub mod event;
pub mod input;
pub mod json;
pub mod list_invitations;
pub mod log;
pub mod lookup_invitation;
pub mod mail;
pub mod manage_account_settings;
pub mod manage_api_keys;
pub mod modify_invitation;
pub mod output;
pub mod reconcile_deliveries;
pub mod record_feedback;
pub mod texts;
