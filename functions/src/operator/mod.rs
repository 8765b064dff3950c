//! Functions that operators invoke directly.

pub mod erase_invitee;
pub mod invocation;
pub mod manage_account_settings;
pub mod manage_api_keys;
