//! One event, and what has to come back.

use std::cell::OnceCell;

use bench::{
    Problem,
    fixture::{ACCOUNT, ACCOUNT_NAME},
    problem,
};
use serde_json::{Value, json};

use crate::post::Post;

/// How many invitations are on the first page of a list.
pub(crate) const PAGE: usize = 25;

/// An event, and what has to come back.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) event: String,
    pub(crate) expected: Expected,
}

#[derive(Debug, Clone)]
pub(crate) enum Expected {
    /// Any answer of HTTP that is none of an error.
    Success,
    /// The invitation of this id, in the words of whoever described it first.
    Invitation(String),
    /// A full page with a next.
    Page,
    /// An invitation of this address.
    Created(String),
    /// The invitation of this id in this state.
    State(String, &'static str),
    /// What the holder of a link sees: an invitation of this address in this state, and whose it is.
    Held(String, &'static str),
    /// The page behind a link.
    Html,
    /// The one key of the account.
    Keys,
    /// The settings of the account.
    Settings,
    /// A mail to this address, and an event of the invitation of this id.
    Delivered { email: String, id: String },
    /// That nothing was due.
    Nothing,
    /// That a report was one of this service's mails.
    Recorded,
}

impl Request {
    /// Whether `response` is right, and whatever else it says has been done. `described` is what the first subject said of an
    /// invitation: the others must say the same.
    pub(crate) fn check(&self, response: &str, described: &OnceCell<Value>, post: &Post) -> Result<(), Problem> {
        let wrong = || problem!("a wrong answer: {response}");
        let response: Value = serde_json::from_str(response).map_err(|_| wrong())?;
        let text = || response["body"].as_str().unwrap_or_default();
        let body = || serde_json::from_str::<Value>(text()).unwrap_or_default();
        let answered = |status: u16| response["statusCode"] == status;
        let right = match &self.expected {
            Expected::Success => answered(200),
            Expected::Invitation(id) => {
                let body = body();
                answered(200) && body["id"] == id.as_str() && *described.get_or_init(|| body.clone()) == body
            }
            Expected::Page => {
                let body = body();
                answered(200) && body["invitations"].as_array().is_some_and(|all| all.len() == PAGE) && body["next"].is_string()
            }
            Expected::Created(email) => answered(201) && body()["email"] == email.as_str() && body()["state"] == "invited",
            Expected::State(id, state) => answered(200) && body()["id"] == id.as_str() && body()["state"] == *state,
            Expected::Held(email, state) => {
                let body = body();
                answered(200) && body["email"] == email.as_str() && body["state"] == *state && body["display"]["name"] == ACCOUNT_NAME
            }
            Expected::Html => answered(200) && text().starts_with("<!doctype html>") && text().trim_end().ends_with("</html>"),
            Expected::Keys => response["keys"].as_array().is_some_and(|keys| keys.len() == 1 && keys[0]["account"] == ACCOUNT),
            Expected::Settings => response["account"] == ACCOUNT && response["name"] == ACCOUNT_NAME,
            // Its answer would be the same had no mail been sent: what cannot be sent now is due later.
            Expected::Delivered { email, id } => response == json!({ "batchItemFailures": [] }) && post.has(email, id),
            Expected::Nothing => response == json!({ "settled": 0, "failed": 0 }),
            Expected::Recorded => response == "recorded",
        };
        if right { Ok(()) } else { Err(wrong()) }
    }
}
