//! Endpoints for the holder of a link.

pub mod accept_invitation;
pub mod accept_page;
pub mod decline_invitation;
pub mod lookup_invitation;
