//! What is asked of a subject, and what it has to answer.

use std::cell::OnceCell;

use bench::world::{ACCOUNT, World};
use bench::{Problem, problem};
use serde_json::{Value, json};

/// How many invitations `list` finds, and how many are on its first page.
const LISTED: usize = 100;
const PAGE: usize = 25;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Any answer will do.
    Hello,
    Describe,
    List,
    Create,
    Revoke,
    Resend,
    ApiKeys,
}

impl Operation {
    /// This project's.
    pub(crate) const OWN: [Self; 6] = [Self::Describe, Self::List, Self::Create, Self::Revoke, Self::Resend, Self::ApiKeys];

    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Describe => "describe",
            Self::List => "list",
            Self::Create => "create",
            Self::Revoke => "revoke",
            Self::Resend => "resend",
            Self::ApiKeys => "api-keys",
        }
    }

    /// The function that does it.
    pub(crate) fn function(self) -> &'static str {
        match self {
            Self::Hello | Self::Describe => "describe-invitation",
            Self::List => "list-invitations",
            Self::Create => "create-invitation",
            Self::Revoke | Self::Resend => "modify-invitation",
            Self::ApiKeys => "manage-api-keys",
        }
    }

    /// Whether it leaves the table as it was, so that any number of subjects can share one.
    pub(crate) fn only_reads_one(self) -> bool {
        matches!(self, Self::Hello | Self::Describe)
    }

    /// How many warm requests are enough. The embedded engine takes the longer for a write the more rows an account has, so
    /// that thousands would measure the engine.
    pub(crate) fn most_requests(self) -> u32 {
        match self {
            Self::Create | Self::Revoke | Self::Resend => 200,
            Self::Hello | Self::Describe | Self::List | Self::ApiKeys => u32::MAX,
        }
    }

    /// Puts into the table what `count` requests need, and makes the requests.
    pub(crate) async fn prepare(self, world: &World, count: usize) -> Result<Vec<Request>, Problem> {
        let mut requests = Vec::with_capacity(count);
        match self {
            Self::Hello | Self::Describe => {
                // An earlier run left one in this table.
                let id = world.open_invitation("invitee@example.com").await?.to_string();
                let event = world.event("GET", &format!("/invitations/{id}"), None);
                requests.resize(
                    count,
                    Request { event, expected: if self == Self::Hello { Expected::Success } else { Expected::Invitation(id) } },
                );
            }
            Self::List => {
                for number in 0..LISTED {
                    world.invite(&address(number)).await?;
                }
                let event = world.event("GET", &format!("/invitations?limit={PAGE}"), None);
                requests.resize(count, Request { event, expected: Expected::Page });
            }
            Self::Create => {
                let body = |number| json!({ "email": address(number), "roleID": "full-access" });
                let request = |number| Request {
                    event: world.event("POST", "/invitations", Some(&body(number))),
                    expected: Expected::Created(address(number)),
                };
                requests.extend((0..count).map(request));
            }
            Self::Revoke | Self::Resend => {
                for number in 0..count {
                    let id = world.invite(&address(number)).await?.to_string();
                    let path = format!("/invitations/{id}");
                    let revoke = (self == Self::Revoke).then(|| json!({ "state": "revoked" }));
                    let event = world.event("POST", &path, revoke.as_ref());
                    let state = if revoke.is_some() { "revoked" } else { "invited" };
                    requests.push(Request { event, expected: Expected::State(id, state) });
                }
            }
            Self::ApiKeys => {
                let event = json!({ "action": "list", "account": ACCOUNT }).to_string();
                requests.resize(count, Request { event, expected: Expected::Keys });
            }
        }
        Ok(requests)
    }
}

/// All of one length, so that capacity does not depend on the number.
fn address(number: usize) -> String {
    format!("invitee-{number:05}@example.com")
}

/// An event, and what has to come back.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) event: String,
    expected: Expected,
}

#[derive(Debug, Clone)]
enum Expected {
    Success,
    /// The invitation of this id, in the words of whoever described it first.
    Invitation(String),
    /// A full page with a next.
    Page,
    /// An invitation of this address.
    Created(String),
    /// The invitation of this id in this state.
    State(String, &'static str),
    /// The one key of the account.
    Keys,
}

impl Request {
    /// Whether `response` is right. `described` is what the first subject said of an invitation: the others must say the same.
    pub(crate) fn check(&self, response: &str, described: &OnceCell<Value>) -> Result<(), Problem> {
        let wrong = || problem!("a wrong answer: {response}");
        let response: Value = serde_json::from_str(response).map_err(|_| wrong())?;
        if matches!(self.expected, Expected::Keys) {
            let one = response["keys"].as_array().is_some_and(|keys| keys.len() == 1 && keys[0]["account"] == ACCOUNT);
            return if one { Ok(()) } else { Err(wrong()) };
        }
        let status = if matches!(self.expected, Expected::Created(_)) { 201 } else { 200 };
        let body = || response["body"].as_str().and_then(|body| serde_json::from_str::<Value>(body).ok());
        let right = response["statusCode"] == status
            && match &self.expected {
                Expected::Success => true,
                Expected::Invitation(id) => {
                    body().is_some_and(|body| body["id"] == id.as_str() && *described.get_or_init(|| body.clone()) == body)
                }
                Expected::Page => body()
                    .is_some_and(|body| body["invitations"].as_array().is_some_and(|all| all.len() == PAGE) && body["next"].is_string()),
                Expected::Created(email) => body().is_some_and(|body| body["email"] == email.as_str() && body["state"] == "invited"),
                Expected::State(id, state) => body().is_some_and(|body| body["id"] == id.as_str() && body["state"] == *state),
                Expected::Keys => false,
            };
        if right { Ok(()) } else { Err(wrong()) }
    }
}
