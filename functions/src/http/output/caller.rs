//! The JSON of a caller.

use serde::Serialize;
use shared::domain::{
    Principal, RoleId,
    lifecycle::{MIN_LIFETIME, SendLimits},
    settings::AccountSettings,
};

use super::{DisplayBody, display_body, to_json};

/// The caller of a request.
#[derive(Serialize)]
struct CallerBody<'a> {
    account: &'a str,
    principal: &'a str,
    #[serde(rename = "displayName", skip_serializing_if = "Option::is_none")]
    display_name: Option<&'a str>,
    #[serde(rename = "roleID")]
    role_id: &'a str,
    permissions: Vec<String>,
    #[serde(rename = "grantableRoles")]
    grantable_roles: Vec<&'a str>,
    settings: DisplayBody<'a>,
    limits: LimitsBody,
}

/// The limits on sending; durations in seconds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LimitsBody {
    resend_cooldown_seconds: u64,
    max_sends: u32,
    default_expiry_seconds: u64,
    min_expiry_seconds: u64,
    max_expiry_seconds: u64,
    send_quota: u32,
    send_quota_window_seconds: u64,
}

impl From<&SendLimits> for LimitsBody {
    fn from(limits: &SendLimits) -> Self {
        let SendLimits { lifetime, max_lifetime, cooldown, max_sends, quota, quota_window } = limits;
        Self {
            resend_cooldown_seconds: cooldown.as_secs(),
            max_sends: *max_sends,
            default_expiry_seconds: lifetime.as_secs(),
            min_expiry_seconds: MIN_LIFETIME.as_secs(),
            max_expiry_seconds: max_lifetime.as_secs(),
            send_quota: *quota,
            send_quota_window_seconds: quota_window.as_secs(),
        }
    }
}

/// A caller as JSON, with the roles that it may grant, and the settings and limits that apply to it.
#[must_use]
pub fn caller<'a>(
    who: &'a Principal,
    grantable_roles: impl Iterator<Item = &'a RoleId>,
    settings: &'a AccountSettings,
    limits: &SendLimits,
) -> String {
    let mut permissions: Vec<String> = who.permissions().map(|permission| permission.to_string()).collect();
    permissions.sort_unstable();
    to_json(&CallerBody {
        account: who.account().as_str(),
        principal: who.urn(),
        display_name: who.name(),
        role_id: who.role_id().as_str(),
        permissions,
        grantable_roles: grantable_roles.map(RoleId::as_str).collect(),
        settings: display_body(settings),
        limits: limits.into(),
    })
}
