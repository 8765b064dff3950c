//! Events with their expected responses.

use std::cell::OnceCell;

use bench::{
    Problem,
    fixture::{ACCOUNT, ACCOUNT_NAME},
    gateway::LINK_BASE,
    problem,
};
use serde_json::{Value, json};

use crate::stand_ins::StandIns;

/// The invitations on a page of `list`.
pub(crate) const PAGE: usize = 25;

/// An event and its expected response.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) event: String,
    pub(crate) expected: Expected,
}

#[derive(Debug, Clone)]
pub(crate) enum Expected {
    /// A 200.
    Success,
    /// The invitation with this ID, exactly as the first target described it.
    Invitation(String),
    /// A full page with a next one.
    Page,
    /// A new invitation for this address.
    Created(String),
    /// This many new invitations, and no errors.
    AllCreated(usize),
    /// The invitation with this ID in this state.
    State(String, &'static str),
    /// The open invitation with this ID with this role.
    Changed(String, &'static str),
    /// The open invitation with this ID, and a new link.
    Link(String),
    /// The invitee's view: an invitation for this address in this state, with the account's name.
    Invitee(String, &'static str),
    /// A page.
    Html,
    /// The account's key, with its settings.
    Caller,
    /// The only key of the account.
    Keys,
    /// The settings of the account.
    Settings,
    /// An email to this address, and an event about the invitation with this ID.
    Delivered { email: String, id: String },
    /// Nothing was due.
    Nothing,
    /// The report of one of this service's emails was recorded.
    Recorded,
}

impl Request {
    /// Checks the response and its side effects. `described` is the first target's description of an invitation, which those of
    /// the other targets must equal.
    pub(crate) fn check(&self, response: &str, described: &OnceCell<Value>, stand_ins: &StandIns) -> Result<(), Problem> {
        let invalid = || problem!("unexpected response: {response}");
        let response: Value = serde_json::from_str(response).map_err(|_| invalid())?;
        let text = || response["body"].as_str().unwrap_or_default();
        let body = || serde_json::from_str::<Value>(text()).unwrap_or_default();
        let has_status = |status: u16| response["statusCode"] == status;
        let expected = match &self.expected {
            Expected::Success => has_status(200),
            Expected::Invitation(id) => {
                let body = body();
                has_status(200) && body["id"] == id.as_str() && *described.get_or_init(|| body.clone()) == body
            }
            Expected::Page => {
                let body = body();
                has_status(200) && body["invitations"].as_array().is_some_and(|all| all.len() == PAGE) && body["next"].is_string()
            }
            Expected::Created(email) => has_status(201) && body()["email"] == email.as_str() && body()["state"] == "invited",
            Expected::AllCreated(rows) => {
                let created = |results: &Vec<Value>| results.len() == *rows && results.iter().all(|result| result["status"] == 201);
                has_status(200) && body()["results"].as_array().is_some_and(created)
            }
            Expected::State(id, state) => has_status(200) && body()["id"] == id.as_str() && body()["state"] == *state,
            Expected::Changed(id, role) => {
                let body = body();
                has_status(200) && body["id"] == id.as_str() && body["state"] == "invited" && body["roleID"] == *role
            }
            Expected::Link(id) => {
                let body = body();
                let link = body["link"].as_str().is_some_and(|link| link.starts_with(&format!("{LINK_BASE}#")));
                has_status(200) && body["id"] == id.as_str() && link
            }
            Expected::Invitee(email, state) => {
                let body = body();
                has_status(200) && body["email"] == email.as_str() && body["state"] == *state && body["display"]["name"] == ACCOUNT_NAME
            }
            Expected::Html => has_status(200) && text().starts_with("<!doctype html>") && text().trim_end().ends_with("</html>"),
            Expected::Caller => {
                let body = body();
                has_status(200) && body["account"] == ACCOUNT && body["settings"]["name"] == ACCOUNT_NAME
            }
            Expected::Keys => response["keys"].as_array().is_some_and(|keys| keys.len() == 1 && keys[0]["account"] == ACCOUNT),
            Expected::Settings => response["account"] == ACCOUNT && response["name"] == ACCOUNT_NAME,
            // The response would be the same without an email, because unsent emails are due later.
            Expected::Delivered { email, id } => response == json!({ "batchItemFailures": [] }) && stand_ins.received(email, id),
            Expected::Nothing => response == json!({ "processed": 0, "failed": 0 }),
            Expected::Recorded => response == "recorded",
        };
        if expected { Ok(()) } else { Err(invalid()) }
    }
}
