//! Endpoints for an account's own people, who send an API key.

pub mod create_invitation;
pub mod describe_invitation;
pub mod list_invitations;
pub mod modify_invitation;
