//! What a benchmark finds in the table: one account, a key of it, invitations.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use local::client;
use serde_json::{Map, Value, json};
use shared::config::{DEFAULT_ROLES, read_send_policy};
use shared::domain::api_key::{ApiKey, ApiKeyRecord};
use shared::domain::idempotency::Answer;
use shared::domain::lifecycle::{NewInvitation, SendPolicy};
use shared::domain::{InvitationId, Principal, Rejected, Roles, Timestamp, Urns};
use shared::store::{Failure, Store};

use crate::{Problem, problem};

/// The account that everything belongs to.
pub const ACCOUNT: &str = "012345678912";
/// The region in every URN.
pub const REGION: &str = local::client::REGION;
/// `LINK_KEYS` of whatever sends.
pub const LINK_KEYS: &str = "1:0123456789abcdef0123456789abcdef";
/// The role of the key and of every invitation.
const ROLE: &str = "full-access";

/// One account in one table that exists.
#[derive(Debug, Clone)]
pub struct World {
    /// The table.
    pub table: String,
    /// An API key of [`ACCOUNT`] with every permission.
    pub key: String,
    /// The caller that the key stands for.
    pub who: Principal,
    /// Straight to the table, with a clock that is an hour slow.
    pub store: Store,
    policy: SendPolicy,
}

impl World {
    /// Stores a new key in the table at `endpoint`.
    ///
    /// # Errors
    /// When the table is not there.
    pub async fn new(endpoint: &str, table: &str) -> Result<Self, Problem> {
        Self::with_client(client::for_endpoint(endpoint), table).await
    }

    /// The same, by a client of the caller's.
    ///
    /// # Errors
    /// When the table is not there.
    pub async fn with_client(client: Client, table: &str) -> Result<Self, Problem> {
        let store = Store::new(client, table.to_owned(), Arc::new(an_hour_ago));
        let (roles, urns) = (DEFAULT_ROLES.parse::<Roles>().map_err(problem_of)?, Urns::new("cloudone".to_owned(), REGION.to_owned()));
        let (text, key) = ApiKey::generate(&ACCOUNT.parse().map_err(problem_of)?);
        let record = ApiKeyRecord::new(&key, ROLE.parse().map_err(problem_of)?, Some("benchmark".to_owned()), Timestamp::now(), None);
        store.add_api_key(&record).await.map_err(|error| problem!("no API key: {error:?}"))?;
        let who = record.verify(&key, Timestamp::now(), &roles, &urns).ok_or_else(|| problem!("the new API key does not work"))?;
        let policy = read_send_policy(&|name| send_settings().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned()));
        Ok(Self { table: table.to_owned(), key: text, who, store, policy: policy.map_err(problem_of)? })
    }

    /// Invites an address.
    ///
    /// # Errors
    /// When it is invited already, or the table fails.
    pub async fn invite(&self, email: &str) -> Result<InvitationId, Problem> {
        self.try_invite(email).await?.map_err(|failure| cannot_invite(email, &failure))
    }

    /// The open invitation of an address; a new one when there is none.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn open_invitation(&self, email: &str) -> Result<InvitationId, Problem> {
        match self.try_invite(email).await? {
            Err(Failure::Rejected(Rejected::AlreadyInvited { open })) => Ok(open),
            other => other.map_err(|failure| cannot_invite(email, &failure)),
        }
    }

    async fn try_invite(&self, email: &str) -> Result<Result<InvitationId, Failure>, Problem> {
        let (email, role) = (email.parse().map_err(problem_of)?, ROLE.parse().map_err(problem_of)?);
        let wish = NewInvitation { email, role, expiry: None, locale: None };
        let render = |_: &_, _| Answer { status: 201, body: String::new() };
        Ok(self.store.create(&self.who, &wish, &self.policy, None, render).await.map(|outcome| outcome.id))
    }

    /// The event of a request with this world's key, as API Gateway makes it of what curl sends.
    #[must_use]
    pub fn event(&self, method: &str, path: &str, body: Option<&Value>) -> String {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let id = path.strip_prefix("/invitations/");
        let route = format!("{method} /invitations{}", if id.is_some() { "/{id}" } else { "" });
        let mut headers: Map<String, Value> = [
            ("accept", "application/json"),
            ("accept-encoding", "gzip, deflate, br"),
            ("content-length", "0"),
            ("host", "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"),
            ("user-agent", "curl/8.9.1"),
            ("x-amzn-trace-id", "Root=1-68b1a2c3-0123456789abcdef01234567"),
            ("x-forwarded-for", "192.0.2.44"),
            ("x-forwarded-port", "443"),
            ("x-forwarded-proto", "https"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
        headers.insert("authorization".to_owned(), format!("ApiKey {}", self.key).into());
        let body = body.map(Value::to_string);
        if let Some(body) = &body {
            headers.insert("content-length".to_owned(), body.len().to_string().into());
            headers.insert("content-type".to_owned(), "application/json".into());
        }
        let mut event = json!({
            "version": "2.0",
            "routeKey": route,
            "rawPath": path,
            "rawQueryString": query,
            "headers": headers,
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "a1b2c3d4e5",
                "domainName": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
                "domainPrefix": "a1b2c3d4e5",
                "http": {
                    "method": method,
                    "path": path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": "192.0.2.44",
                    "userAgent": "curl/8.9.1",
                },
                "requestId": "JKJaXmPLvHcESHA=",
                "routeKey": route,
                "stage": "$default",
                "time": "29/Aug/2025:12:53:23 +0000",
                "timeEpoch": 1_756_472_003_123_u64,
            },
            "isBase64Encoded": false,
        });
        if !query.is_empty() {
            let parameters = query.split('&').filter_map(|pair| pair.split_once('='));
            event["queryStringParameters"] = parameters.map(|(name, value)| (name.to_owned(), value.into())).collect::<Map<_, _>>().into();
        }
        if let Some(id) = id {
            event["pathParameters"] = json!({ "id": id });
        }
        if let Some(body) = body {
            event["body"] = body.into();
        }
        event.to_string()
    }
}

/// The variables of whatever sends: no pause between sendings, and no quota that a benchmark could use up.
pub fn send_settings() -> impl Iterator<Item = (&'static str, &'static str)> {
    [("LINK_KEYS", LINK_KEYS), ("RESEND_COOLDOWN_SECONDS", "0"), ("SEND_QUOTA", "4294967295")].into_iter()
}

/// What is made beforehand is not made in the second in which it is changed: that change would leave the expiry as it was, and
/// with it an index, and so be cheaper than it ever is in life.
fn an_hour_ago() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millis(now.as_millis() - 3_600_000).unwrap_or(now)
}

fn cannot_invite(email: &str, failure: &Failure) -> Problem {
    problem!("{email} cannot be invited: {failure:?}")
}

fn problem_of(error: impl std::fmt::Display) -> Problem {
    problem!("{error}")
}
