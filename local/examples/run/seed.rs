//! A first invitation within a minute: a display name for the account, and a command that invites someone.

use serde_json::json;

use crate::{invoke::invoke, keys::ACCOUNT, output::Problem};

const SETTINGS: &str = "manage-account-settings";

/// Names the account "Example Ltd" unless it already has settings.
pub(crate) async fn display_name(url: &str) -> Result<(), Problem> {
    let settings = invoke(url, SETTINGS, &json!({ "action": "describe", "account": ACCOUNT })).await.map_err(Problem)?;
    // Every account has these.
    if settings == json!({ "account": ACCOUNT, "binding": "bearer" }) {
        invoke(url, SETTINGS, &json!({ "action": "set", "account": ACCOUNT, "name": "Example Ltd" })).await.map_err(Problem)?;
    }
    Ok(())
}

/// A command to paste.
pub(crate) fn first_command(url: &str, key: &str) -> String {
    let body = json!({ "email": "new.colleague@example.com", "roleID": "read-only" });
    format!("curl -s {url}/invitations -H 'Authorization: ApiKey {key}' -H 'Content-Type: application/json' -d '{body}'")
}
