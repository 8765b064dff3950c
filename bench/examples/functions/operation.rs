//! The operations of targets, with the events that invoke them.

use std::time::SystemTime;

use bench::{
    Problem,
    dynamodb::DynamoDb,
    fixture::{ACCOUNT, Fixture},
    gateway, problem,
    results::Kind,
};
use local::ses::{SentEmail, feedback};
use serde_json::{Value, json};
use shared::domain::{InvitationId, bulk::MAX_ROWS};

use crate::{
    request::{Expected, PAGE, Request},
    token,
};

/// The invitee of the invitation for read-only operations.
const INVITEE: &str = "invitee@example.com";
/// The role that `change` gives.
const OTHER_ROLE: &str = "read-only";
/// The invitations in the account of `list`.
const LISTED: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// The hello world: any successful response.
    Hello,
    Describe,
    /// With a bearer token.
    DescribeEs256,
    DescribeRs256,
    List,
    Create,
    /// The most invitations that a request can create.
    Bulk,
    Revoke,
    Resend,
    /// A resend that returns the link instead of sending it.
    NewLink,
    /// Another role.
    Change,
    Lookup,
    Accept,
    Decline,
    Page,
    /// Who the caller is and what it may do.
    Caller,
    /// The page of the console.
    Console,
    ApiKeys,
    Settings,
    /// The stream delivers an invitation: one email, one event.
    Deliver,
    /// The schedule runs, and nothing is due.
    Reconcile,
    /// SES reports the delivery of an email.
    Feedback,
}

impl Operation {
    /// The operations of this project.
    pub(crate) const OWN: [Self; 21] = [
        Self::Describe,
        Self::DescribeEs256,
        Self::DescribeRs256,
        Self::List,
        Self::Create,
        Self::Bulk,
        Self::Revoke,
        Self::Resend,
        Self::NewLink,
        Self::Change,
        Self::Lookup,
        Self::Accept,
        Self::Decline,
        Self::Page,
        Self::Caller,
        Self::Console,
        Self::ApiKeys,
        Self::Settings,
        Self::Deliver,
        Self::Reconcile,
        Self::Feedback,
    ];

    /// Its ID and its function.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Hello => ("hello", "describe-invitation"),
            Self::Describe => ("describe", "describe-invitation"),
            Self::DescribeEs256 => ("describe-es256", "describe-invitation"),
            Self::DescribeRs256 => ("describe-rs256", "describe-invitation"),
            Self::List => ("list", "list-invitations"),
            Self::Create => ("create", "create-invitation"),
            Self::Bulk => ("bulk", "create-invitations"),
            Self::Revoke => ("revoke", "modify-invitation"),
            Self::Resend => ("resend", "modify-invitation"),
            Self::NewLink => ("new-link", "modify-invitation"),
            Self::Change => ("change", "modify-invitation"),
            Self::Lookup => ("lookup", "lookup-invitation"),
            Self::Accept => ("accept", "accept-invitation"),
            Self::Decline => ("decline", "decline-invitation"),
            Self::Page => ("page", "accept-page"),
            Self::Caller => ("caller", "describe-caller"),
            Self::Console => ("console", "console-page"),
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

    /// The name of its function.
    pub(crate) fn function(self) -> &'static str {
        self.names().1
    }

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::ApiKeys | Self::Settings | Self::Deliver | Self::Reconcile | Self::Feedback => Kind::Direct,
            _ => Kind::Http,
        }
    }

    /// Whether it only reads one invitation, so that its targets can share a table.
    pub(crate) fn only_reads_one(self) -> bool {
        matches!(self, Self::Hello | Self::Describe | Self::DescribeEs256 | Self::DescribeRs256 | Self::Lookup | Self::Page | Self::Console)
    }

    /// Whether its function sends emails and events.
    pub(crate) fn sends(self) -> bool {
        matches!(self, Self::Deliver | Self::Reconcile)
    }

    /// Whether its requests return links.
    pub(crate) fn returns_links(self) -> bool {
        self == Self::NewLink
    }

    /// Whether its requests have bearer tokens.
    pub(crate) fn takes_tokens(self) -> bool {
        matches!(self, Self::DescribeEs256 | Self::DescribeRs256)
    }

    /// The maximum of warm requests. The embedded engine's writes slow down as an account grows, so thousands of them would
    /// measure the engine.
    pub(crate) fn max_requests(self) -> u32 {
        match self {
            Self::Bulk => 5,
            Self::Create | Self::Revoke | Self::Resend | Self::NewLink | Self::Change => 200,
            Self::Accept | Self::Decline | Self::Deliver | Self::Feedback => 200,
            Self::Hello | Self::Describe | Self::DescribeEs256 | Self::DescribeRs256 | Self::List | Self::Lookup | Self::Page => u32::MAX,
            Self::Caller | Self::Console | Self::ApiKeys | Self::Settings | Self::Reconcile => u32::MAX,
        }
    }

    /// Prepares the table for `count` requests, and returns the requests.
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
                // An earlier run may have created it in this table.
                let id = opened_and_sent(fixture).await?.to_string();
                let event = fixture.event("GET", &format!("/invitations/{id}"), None);
                return Ok(alike(event, if self == Self::Hello { Expected::Success } else { Expected::Invitation(id) }));
            }
            Self::DescribeEs256 | Self::DescribeRs256 => {
                let id = opened_and_sent(fixture).await?.to_string();
                let key = if self == Self::DescribeEs256 { token::es256() } else { token::rs256()? };
                let authorization = format!("Bearer {}", token::published(fixture, &key).await?);
                let event = gateway::event("GET", &format!("/invitations/{id}"), Some(&authorization), None);
                return Ok(alike(event, Expected::Invitation(id)));
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
            Self::Bulk => {
                for number in 0..count {
                    let row = |row| json!({ "email": address(number * MAX_ROWS + row), "roleID": "full-access" });
                    let body = json!({ "invitations": (0..MAX_ROWS).map(row).collect::<Vec<_>>() });
                    let event = fixture.event("POST", "/invitations/bulk", Some(&body));
                    requests.push(Request { event, expected: Expected::AllCreated(MAX_ROWS) });
                }
            }
            Self::Revoke | Self::Resend | Self::NewLink | Self::Change => {
                let (query, body) = match self {
                    Self::Revoke => ("", Some(json!({ "state": "revoked" }))),
                    Self::Change => ("", Some(json!({ "roleID": OTHER_ROLE }))),
                    Self::NewLink => ("?send=false", None),
                    _ => ("", None),
                };
                for number in 0..count {
                    let id = invited_and_sent(fixture, number).await?.to_string();
                    let event = fixture.event("POST", &format!("/invitations/{id}{query}"), body.as_ref());
                    let expected = match self {
                        Self::Revoke => Expected::State(id, "revoked"),
                        Self::Change => Expected::Changed(id, OTHER_ROLE),
                        Self::NewLink => Expected::Link(id),
                        _ => Expected::State(id, "invited"),
                    };
                    requests.push(Request { event, expected });
                }
            }
            Self::Lookup => {
                fixture.configure().await?;
                let id = opened_and_sent(fixture).await?;
                return Ok(alike(by_token(fixture, id, "lookup").await?, Expected::Invitee(INVITEE.to_owned(), "invited")));
            }
            Self::Accept | Self::Decline => {
                fixture.configure().await?;
                let (verb, state) = if self == Self::Accept { ("accept", "accepted") } else { ("decline", "declined") };
                for number in 0..count {
                    let event = by_token(fixture, invited_and_sent(fixture, number).await?, verb).await?;
                    requests.push(Request { event, expected: Expected::Invitee(address(number), state) });
                }
            }
            Self::Page => return Ok(alike(gateway::event("GET", "/accept", None, None), Expected::Html)),
            Self::Caller => {
                fixture.configure().await?;
                return Ok(alike(fixture.event("GET", "/invitations/caller", None), Expected::Caller));
            }
            Self::Console => return Ok(alike(gateway::event("GET", "/console", None, None), Expected::Html)),
            Self::ApiKeys => return Ok(alike(json!({ "action": "list", "account": ACCOUNT }).to_string(), Expected::Keys)),
            Self::Settings => {
                fixture.configure().await?;
                return Ok(alike(json!({ "action": "describe", "account": ACCOUNT }).to_string(), Expected::Settings));
            }
            Self::Deliver => {
                fixture.configure().await?;
                for number in 0..count {
                    fixture.invite(&address(number)).await?;
                }
                let records = database.stream_records(&fixture.table, template, self.function()).await?;
                requests.extend(records.iter().enumerate().map(|(number, record)| delivery(number, record)));
            }
            Self::Reconcile => return Ok(alike(json!({}).to_string(), Expected::Nothing)),
            Self::Feedback => {
                for number in 0..count {
                    let event = delivery_report(number, &address(number), invited_and_sent(fixture, number).await?)?;
                    requests.push(Request { event, expected: Expected::Recorded });
                }
            }
        }
        Ok(requests)
    }
}

/// All have the same length, so that capacity does not depend on the number.
fn address(number: usize) -> String {
    format!("invitee-{number:05}@example.com")
}

/// The invitation for read-only operations.
async fn opened_and_sent(fixture: &Fixture) -> Result<InvitationId, Problem> {
    let id = fixture.open_invitation(INVITEE).await?;
    fixture.mark_sent(id).await?;
    Ok(id)
}

/// An invitation whose email was sent an hour ago, like almost all in production. Changing one with pending work is cheaper, because
/// its index entry stays the same.
async fn invited_and_sent(fixture: &Fixture, number: usize) -> Result<InvitationId, Problem> {
    let id = fixture.invite(&address(number)).await?;
    fixture.mark_sent(id).await?;
    fixture.move_early_entry(id).await?;
    Ok(id)
}

/// The event of an invitee's request.
pub(crate) async fn by_token(fixture: &Fixture, id: InvitationId, verb: &str) -> Result<String, Problem> {
    let body = json!({ "token": fixture.token(id).await?.reveal() });
    Ok(gateway::event("POST", &format!("/invitations/{verb}"), None, Some(&body)))
}

/// The event of one stream record.
fn delivery(number: usize, record: &Value) -> Request {
    let sort_key = record["dynamodb"]["Keys"]["sk"]["S"].as_str().unwrap_or_default();
    let id = sort_key.trim_start_matches("I#").to_owned();
    Request { event: json!({ "Records": [record] }).to_string(), expected: Expected::Delivered { email: address(number), id } }
}

/// The event of SES for the delivery of an invitation's email.
pub(crate) fn delivery_report(number: usize, address: &str, id: InvitationId) -> Result<String, Problem> {
    let tags = [("account", ACCOUNT.to_owned()), ("invitation", id.to_string()), ("sending", "1".to_owned())];
    let email = SentEmail {
        message_id: format!("0100000000000000-{number:05}"),
        time: SystemTime::now(),
        from: "invitations@example.com".to_owned(),
        to: vec![address.to_owned()],
        reply_to: Vec::new(),
        subject: "An invitation".to_owned(),
        text: None,
        html: None,
        headers: Vec::new(),
        tags: tags.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        configuration_set: Some("mails".to_owned()),
    };
    let event = feedback::events(&email).first().map(Value::to_string);
    event.ok_or_else(|| problem!("there is no report for the email to {address}"))
}
