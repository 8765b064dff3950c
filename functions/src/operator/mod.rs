//! Functions that operators invoke directly.

mod account;
pub mod erase_invitee;
pub mod invocation;
pub mod manage_account_settings;
pub mod manage_api_keys;
pub mod revoke_invitations;
