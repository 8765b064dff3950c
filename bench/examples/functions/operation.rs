//! What is asked of a subject.

use std::time::SystemTime;

use bench::{
    Problem,
    dynamodb::DynamoDb,
    fixture::{ACCOUNT, Fixture},
    gateway, problem,
    results::Kind,
};
use local::ses::{Mail, feedback};
use serde_json::{Value, json};
use shared::domain::InvitationId;

use crate::request::{Expected, PAGE, Request};

/// Whose invitation all look at who change nothing.
const INVITEE: &str = "invitee@example.com";
/// How many invitations `list` finds.
const LISTED: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Any answer will do.
    Hello,
    Describe,
    List,
    Create,
    Revoke,
    Resend,
    Lookup,
    Accept,
    Decline,
    Page,
    ApiKeys,
    Settings,
    /// The stream rings for an invitation: one mail, one event.
    Deliver,
    /// The clock rings, and nothing is due.
    Reconcile,
    /// SES says that a mail has arrived.
    Feedback,
}

impl Operation {
    /// This project's.
    pub(crate) const OWN: [Self; 14] = [
        Self::Describe,
        Self::List,
        Self::Create,
        Self::Revoke,
        Self::Resend,
        Self::Lookup,
        Self::Accept,
        Self::Decline,
        Self::Page,
        Self::ApiKeys,
        Self::Settings,
        Self::Deliver,
        Self::Reconcile,
        Self::Feedback,
    ];

    /// Its id, and the function that does it.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Hello => ("hello", "describe-invitation"),
            Self::Describe => ("describe", "describe-invitation"),
            Self::List => ("list", "list-invitations"),
            Self::Create => ("create", "create-invitation"),
            Self::Revoke => ("revoke", "modify-invitation"),
            Self::Resend => ("resend", "modify-invitation"),
            Self::Lookup => ("lookup", "lookup-invitation"),
            Self::Accept => ("accept", "accept-invitation"),
            Self::Decline => ("decline", "decline-invitation"),
            Self::Page => ("page", "accept-page"),
            Self::ApiKeys => ("api-keys", "manage-api-keys"),
            Self::Settings => ("settings", "manage-account-settings"),
            Self::Deliver => ("deliver", "deliver-invitations"),
            Self::Reconcile => ("reconcile", "reconcile-deliveries"),
            Self::Feedback => ("feedback", "record-feedback"),
        }
    }

    pub(crate) fn id(self) -> &'static str {
        self.names().0
    }

    /// The function that does it.
    pub(crate) fn function(self) -> &'static str {
        self.names().1
    }

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::ApiKeys | Self::Settings | Self::Deliver | Self::Reconcile | Self::Feedback => Kind::Direct,
            _ => Kind::Http,
        }
    }

    /// Whether it leaves the table as it was, so that any number of subjects can share one.
    pub(crate) fn only_reads_one(self) -> bool {
        matches!(self, Self::Hello | Self::Describe | Self::Lookup | Self::Page)
    }

    /// Whether its function sends mails and events.
    pub(crate) fn has_post(self) -> bool {
        matches!(self, Self::Deliver | Self::Reconcile)
    }

    /// How many warm requests are enough. The embedded engine takes the longer for a write the more rows an account has, so
    /// that thousands would measure the engine.
    pub(crate) fn most_requests(self) -> u32 {
        match self {
            Self::Create | Self::Revoke | Self::Resend | Self::Accept | Self::Decline | Self::Deliver | Self::Feedback => 200,
            Self::Hello | Self::Describe | Self::List | Self::Lookup | Self::Page => u32::MAX,
            Self::ApiKeys | Self::Settings | Self::Reconcile => u32::MAX,
        }
    }

    /// Puts into the table what `count` requests need, and makes the requests.
    pub(crate) async fn prepare(
        self,
        database: &DynamoDb,
        template: &str,
        fixture: &Fixture,
        count: usize,
    ) -> Result<Vec<Request>, Problem> {
        let alike = |event, expected| vec![Request { event, expected }; count];
        let mut requests = Vec::with_capacity(count);
        match self {
            Self::Hello | Self::Describe => {
                // An earlier run left one in this table.
                let id = opened_and_sent(fixture).await?.to_string();
                let event = fixture.event("GET", &format!("/invitations/{id}"), None);
                return Ok(alike(event, if self == Self::Hello { Expected::Success } else { Expected::Invitation(id) }));
            }
            Self::List => {
                for number in 0..LISTED {
                    invited_and_sent(fixture, number).await?;
                }
                return Ok(alike(fixture.event("GET", &format!("/invitations?limit={PAGE}"), None), Expected::Page));
            }
            Self::Create => {
                let body = |number| json!({ "email": address(number), "roleID": "full-access" });
                let request = |number| Request {
                    event: fixture.event("POST", "/invitations", Some(&body(number))),
                    expected: Expected::Created(address(number)),
                };
                requests.extend((0..count).map(request));
            }
            Self::Revoke | Self::Resend => {
                for number in 0..count {
                    let id = invited_and_sent(fixture, number).await?.to_string();
                    let path = format!("/invitations/{id}");
                    let revoke = (self == Self::Revoke).then(|| json!({ "state": "revoked" }));
                    let event = fixture.event("POST", &path, revoke.as_ref());
                    let state = if revoke.is_some() { "revoked" } else { "invited" };
                    requests.push(Request { event, expected: Expected::State(id, state) });
                }
            }
            Self::Lookup => {
                fixture.introduce().await?;
                let id = opened_and_sent(fixture).await?;
                return Ok(alike(held(fixture, id, "lookup").await?, Expected::Held(INVITEE.to_owned(), "invited")));
            }
            Self::Accept | Self::Decline => {
                fixture.introduce().await?;
                let (verb, state) = if self == Self::Accept { ("accept", "accepted") } else { ("decline", "declined") };
                for number in 0..count {
                    let event = held(fixture, invited_and_sent(fixture, number).await?, verb).await?;
                    requests.push(Request { event, expected: Expected::Held(address(number), state) });
                }
            }
            Self::Page => return Ok(alike(gateway::event("GET", "/accept", None, None), Expected::Html)),
            Self::ApiKeys => return Ok(alike(json!({ "action": "list", "account": ACCOUNT }).to_string(), Expected::Keys)),
            Self::Settings => {
                fixture.introduce().await?;
                return Ok(alike(json!({ "action": "describe", "account": ACCOUNT }).to_string(), Expected::Settings));
            }
            Self::Deliver => {
                fixture.introduce().await?;
                for number in 0..count {
                    fixture.invite(&address(number)).await?;
                }
                let records = database.stream_records(&fixture.table, template, self.function()).await?;
                requests.extend(records.iter().enumerate().map(|(number, record)| delivery(number, record)));
            }
            Self::Reconcile => return Ok(alike(json!({}).to_string(), Expected::Nothing)),
            Self::Feedback => {
                for number in 0..count {
                    let event = report(number, invited_and_sent(fixture, number).await?)?;
                    requests.push(Request { event, expected: Expected::Recorded });
                }
            }
        }
        Ok(requests)
    }
}

/// All of one length, so that capacity does not depend on the number.
fn address(number: usize) -> String {
    format!("invitee-{number:05}@example.com")
}

/// The invitation that all look at who change nothing.
async fn opened_and_sent(fixture: &Fixture) -> Result<InvitationId, Problem> {
    let id = fixture.open_invitation(INVITEE).await?;
    fixture.pretend_sent(id).await?;
    Ok(id)
}

/// Invitations are seldom without a mail that has been sent, and a change of one then costs less than it does in life: while an
/// event waits to be published, it is that which is due.
async fn invited_and_sent(fixture: &Fixture, number: usize) -> Result<InvitationId, Problem> {
    let id = fixture.invite(&address(number)).await?;
    fixture.pretend_sent(id).await?;
    Ok(id)
}

/// What the holder of an invitation's link sends.
async fn held(fixture: &Fixture, id: InvitationId, verb: &str) -> Result<String, Problem> {
    let body = json!({ "token": fixture.token(id).await?.reveal() });
    Ok(gateway::event("POST", &format!("/invitations/{verb}"), None, Some(&body)))
}

/// The event of one record of the stream.
fn delivery(number: usize, record: &Value) -> Request {
    let sort_key = record["dynamodb"]["Keys"]["sk"]["S"].as_str().unwrap_or_default();
    let id = sort_key.trim_start_matches("I#").to_owned();
    Request { event: json!({ "Records": [record] }).to_string(), expected: Expected::Delivered { email: address(number), id } }
}

/// What SES says when the mail of an invitation has arrived.
fn report(number: usize, id: InvitationId) -> Result<String, Problem> {
    let tags = [("account", ACCOUNT.to_owned()), ("invitation", id.to_string()), ("sending", "1".to_owned())];
    let mail = Mail {
        message_id: format!("0100000000000000-{number:05}"),
        time: SystemTime::now(),
        from: "invitations@example.com".to_owned(),
        to: vec![address(number)],
        reply_to: Vec::new(),
        subject: "An invitation".to_owned(),
        text: None,
        html: None,
        headers: Vec::new(),
        tags: tags.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        configuration_set: Some("mails".to_owned()),
    };
    let event = feedback::events(&mail).first().map(Value::to_string);
    event.ok_or_else(|| problem!("there is no report of a mail to {}", address(number)))
}
