//! The three development keys, created by `manage-api-keys` as operators do.

use axum::http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    http::call,
    invoke::invoke,
    output::{Problem, problem},
};

pub(crate) const ACCOUNT: &str = "012345678912";
const OTHER_ACCOUNT: &str = "210987654321";

/// The keys, by their names in `dev.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Keys {
    pub(crate) full_access: String,
    read_only: String,
    other_account: String,
}

/// The keys of the last run, with those that no longer work replaced.
pub(crate) async fn working_keys(url: &str, last: Option<Keys>) -> Result<Keys, Problem> {
    let (full_access, read_only, other_account) = match last {
        Some(keys) => (Some(keys.full_access), Some(keys.read_only), Some(keys.other_account)),
        None => (None, None, None),
    };
    Ok(Keys {
        full_access: working_key(url, full_access, ACCOUNT, "full-access").await?,
        read_only: working_key(url, read_only, ACCOUNT, "read-only").await?,
        other_account: working_key(url, other_account, OTHER_ACCOUNT, "full-access").await?,
    })
}

async fn working_key(url: &str, last: Option<String>, account: &str, role: &str) -> Result<String, Problem> {
    match last {
        Some(key) if works(url, &key).await? => Ok(key),
        _ => create(url, account, role).await,
    }
}

async fn works(url: &str, key: &str) -> Result<bool, Problem> {
    let answer = call(Method::GET, &format!("{url}/invitations?limit=1"), Some(key), String::new()).await?;
    Ok(answer.status() != StatusCode::UNAUTHORIZED)
}

async fn create(url: &str, account: &str, role: &str) -> Result<String, Problem> {
    let event = json!({ "action": "create", "account": account, "role": role, "name": "Jane Doe" });
    let answer = invoke(url, "manage-api-keys", &event).await.map_err(Problem)?;
    match answer.get("key").and_then(Value::as_str) {
        Some(key) => Ok(key.to_owned()),
        None => Err(problem!("manage-api-keys created no key for the role {role}: {answer}")),
    }
}
