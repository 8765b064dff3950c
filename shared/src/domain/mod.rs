//! The domain model: validated values and pure functions.
//!
//! Decisions use no clock and no I/O: they take the time, and the random values of an operation, as arguments.

pub mod account;
pub mod api_key;
pub mod bearer;
pub mod bulk;
pub mod courier;
pub mod delivery;
pub mod email;
pub mod email_domain;
pub mod entity_tag;
pub mod id;
pub mod idempotency;
pub mod invitation;
pub mod invitee;
pub mod issuer;
pub mod json;
pub mod key_set;
pub mod lifecycle;
pub mod link;
pub mod link_base;
pub mod metadata;
pub mod outbox;
pub mod page;
pub mod principal;
pub mod rejected;
pub mod reminder;
pub mod revocation;
pub mod role;
pub mod settings;
pub mod text;
pub mod time;
pub mod urn;
pub mod user;
mod web;

pub use account::{AccountId, ExternalId};
pub use email::Email;
pub use id::InvitationId;
pub use invitation::{Invitation, Resource, State};
pub use principal::Principal;
pub use rejected::Rejected;
pub use role::{Permission, RoleId, Roles};
pub use time::Timestamp;
pub use urn::{PrincipalUrn, Urns};
pub use user::User;
