//! The API, as its callers see it.

mod create_invitation;
mod describe_invitation;
mod help;
mod idempotency;
mod lifecycle;
mod limits;
mod list_filters;
mod list_invitations;
mod manage_api_keys;
mod modify_invitation;
mod roles;
mod unauthorized;
