//! Endpoints for an account's administrators, authenticated by API key.

pub mod console_page;
pub mod create_invitation;
pub mod create_invitations;
pub mod describe_caller;
pub mod describe_invitation;
pub mod list_invitations;
pub mod modify_invitation;
