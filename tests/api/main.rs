//! The API, as its callers see it.

mod create_invitation;
