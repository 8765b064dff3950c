//! The API, as its callers see it.

mod accept_page;
mod access;
mod alarms;
mod create_invitation;
mod describe_invitation;
mod events;
mod failures;
mod helpers;
mod hostile_input;
mod idempotency;
mod least_privilege;
mod lifecycle;
mod limits;
mod list_filters;
mod list_invitations;
mod logs;
mod manage_account_settings;
mod manage_api_keys;
mod modify_invitation;
mod operations;
mod policy;
mod roles;
mod routes_agree;
mod template;
mod tenant_isolation;
mod unauthorized;
