//! The API, as its callers see it.

mod create_invitation;
mod describe_invitation;
mod help;
mod lifecycle;
mod list_filters;
mod list_invitations;
mod modify_invitation;
