//! The API, as its callers see it.

mod create_invitation;
mod describe_invitation;
mod help;
mod lifecycle;
mod modify_invitation;
