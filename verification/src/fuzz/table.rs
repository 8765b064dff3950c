//! The service over a table whose answers are ready.
//!
//! What a fuzzer makes is refused before the table is asked, for the most part. The rest is to go on to its answer, through the
//! real store and the real SDK, and not to wait for an engine.

use std::{collections::HashMap, sync::Arc};

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider},
    types::AttributeValue,
};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn},
        orchestrator::{HttpRequest, HttpResponse},
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::{
    config::{Config, DeliveryConfig, read_send_policy},
    domain::{
        AccountId, Invitation, InvitationId, Principal, Timestamp,
        api_key::{ApiKey, ApiKeyRecord, SecretHash},
        delivery::{Delivery, DeliveryStatus},
        invitation::{Closing, OperationId},
        lifecycle::{NewInvitation, Operation, SendPolicy, create},
        link::LinkKeys,
    },
    store::{Row, SdkConfig, Store, item},
};

/// The account whose key the corpus has.
pub(super) const ACCOUNT: &str = "012345678912";
/// Another account.
pub(super) const OTHER: &str = "210987654321";
/// When all of it happens.
pub(super) const NOW: i64 = 1_900_000_000_000;

const KEY_ID: &str = "Fuzz00000001";
const SECRET: &str = "0123456789abcdefghijABCDEFGHIJ0123456789abc";
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Parses what is known to be well-formed.
pub(super) fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a value of the verification's own is well-formed")
}

/// The text of an API key, its checksum right: that is no secret, anybody can compute it.
#[must_use]
pub fn key_text(account: &str, id: &str, secret: &str) -> String {
    let body = format!("ik_live_{account}_{id}_{secret}");
    let check: String = Sha256::digest(&body).iter().take(6).map(|byte| char::from(BASE62[usize::from(byte % 62)])).collect();
    format!("{body}_{check}")
}

/// A variable of the functions.
pub(super) fn variable(name: &str) -> Option<String> {
    let value = match name {
        "TABLE_NAME" => "invitations",
        "AWS_REGION" => "ca-1",
        "LINK_KEYS" => "1:0123456789abcdef0123456789abcdef",
        "FROM_ADDRESS" => "invitations@sender.example",
        "LINK_BASE_URL" => "https://api.example.com/accept",
        "EVENT_BUS" => "events",
        _ => return None,
    };
    Some(value.to_owned())
}

/// Rows that are there, and what goes with them.
pub(super) struct Table {
    /// A key of [`ACCOUNT`] with every right.
    pub key: String,
    /// Invitations: open and new, mailed, accepted, revoked, of [`ACCOUNT`].
    pub invitations: Vec<Invitation>,
    /// Their tokens.
    pub tokens: Vec<String>,
    key_row: Value,
}

impl Table {
    pub(super) fn new() -> Self {
        let config = config();
        let account: AccountId = parsed(ACCOUNT);
        let key = key_text(ACCOUNT, KEY_ID, SECRET);
        let presented: ApiKey = parsed(&key);
        let hash: [u8; 32] = Sha256::digest(SECRET).into();
        let record = ApiKeyRecord {
            account: account.clone(),
            id: presented.id().clone(),
            hash: SecretHash(hash),
            role: parsed("full-access"),
            name: Some("Jane".to_owned()),
            enabled: true,
            created: now(),
            expiry: None,
        };
        let principal = record.verify(&presented, now(), &config.roles, &config.urns).expect("the key is its own");
        let key_row = json!({
            "pk": { "S": format!("KEYS#{ACCOUNT}") }, "sk": { "S": KEY_ID }, "hash": { "S": URL_SAFE_NO_PAD.encode(hash) },
            "role": { "S": "full-access" }, "enabled": { "BOOL": true }, "created": { "N": NOW.to_string() }, "name": { "S": "Jane" },
        });
        let policy = policy();
        let invitations = some_invitations(&principal, &policy);
        let tokens = invitations.iter().map(|it| token(&policy.link_keys, it)).collect();
        Self { key, invitations, tokens, key_row }
    }

    /// What DynamoDB would answer.
    fn answer(&self, operation: &str, input: &Value) -> Value {
        let (pk, sk) = (input["Key"]["pk"]["S"].as_str().unwrap_or_default(), input["Key"]["sk"]["S"].as_str().unwrap_or_default());
        match operation {
            "GetItem" => self.row(pk, sk).map_or_else(|| json!({}), |row| json!({ "Item": row })),
            "Query" => {
                let pk = input["ExpressionAttributeValues"][":pk"]["S"].as_str().unwrap_or_default();
                let rows: Vec<Value> = if pk.starts_with("KEYS#") {
                    vec![self.key_row.clone()]
                } else {
                    self.invitations.iter().map(|it| to_json(&item::to_row(it, None))).collect()
                };
                json!({ "Items": rows, "Count": rows.len() })
            }
            "UpdateItem" if pk.starts_with("KEYS#") => json!({ "Attributes": self.key_row }),
            "UpdateItem" => json!({ "Attributes": settings() }),
            _ => json!({}),
        }
    }

    fn row(&self, pk: &str, sk: &str) -> Option<Value> {
        match pk.split_once('#')? {
            ("KEYS", ACCOUNT) if sk == KEY_ID => Some(self.key_row.clone()),
            ("SETTINGS", ACCOUNT) => Some(settings()),
            ("A", ACCOUNT) => {
                let id: InvitationId = sk.strip_prefix("I#")?.parse().ok()?;
                self.invitations.iter().find(|it| it.id == id).map(|it| to_json(&item::to_row(it, None)))
            }
            _ => None,
        }
    }
}

/// A store over it.
pub(super) fn store(table: &Arc<Table>) -> Store {
    let client = Client::new(&sdk_config(table));
    Store::new(client, "invitations".to_owned(), Arc::new(now))
}

/// The way to it, and to a mail and an event service that take everything.
pub(super) fn sdk_config(table: &Arc<Table>) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("ca-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("local", "local", None, None, "verification")))
        .http_client(answering(table))
        .endpoint_url("http://127.0.0.1:1")
        .build()
}

pub(super) fn config() -> Config {
    Config::read(&variable).expect("the configuration is right")
}

pub(super) fn policy() -> SendPolicy {
    read_send_policy(&variable).expect("the configuration is right")
}

pub(super) fn outgoing() -> DeliveryConfig {
    DeliveryConfig::read(&variable).expect("the configuration is right")
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_millis(NOW).expect("a time of this century")
}

/// An account that has set everything.
fn settings() -> Value {
    json!({
        "pk": { "S": format!("SETTINGS#{ACCOUNT}") }, "sk": { "S": "settings" }, "name": { "S": "Acme Ltd" },
        "colour": { "S": "#0b5fff" }, "locale": { "S": "de-AT" }, "redirect": { "S": "https://app.example.com/in" },
    })
}

fn some_invitations(who: &Principal, policy: &SendPolicy) -> Vec<Invitation> {
    let of = |number: u8, email: &str| {
        let request = NewInvitation { email: parsed(email), role: parsed("read-only"), expiry: None, locale: Some(parsed("de")) };
        let operation = Operation { id: OperationId(format!("operation{number:03}")), nonce: [number; 16] };
        let made = now().as_millis() - 86_400_000;
        let made = Timestamp::from_millis(made).expect("a day earlier");
        let mut id = [number; 16];
        id[..6].copy_from_slice(&made.as_millis().to_be_bytes()[2..]);
        create(who, &request, InvitationId::from_bytes(id), &operation, made, policy).expect("the caller may")
    };
    let operation = |name: &str| OperationId(name.to_owned());
    let mailed = |it: &Invitation| {
        let claimed = it.claimed(operation("claim0000001"), now());
        claimed.published().delivered(1, Delivery { status: DeliveryStatus::Sent, at: now(), reason: None })
    };
    vec![
        of(1, "user.one@example.com"),
        mailed(&of(2, "user.two@bücher.example")),
        mailed(&of(3, "User+Three@Example.COM")).closed(Closing::Accepted, now(), operation("operation900")),
        of(4, "user.four@example.com").closed(Closing::Revoked, now(), operation("operation901")),
    ]
}

pub(super) fn token(keys: &LinkKeys, invitation: &Invitation) -> String {
    keys.token(&invitation.account, invitation.id, &invitation.link).expect("the key is there").reveal()
}

/// A row as DynamoDB writes it.
pub(super) fn to_json(row: &Row) -> Value {
    let attribute = |value: &AttributeValue| match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::Bool(flag) => json!({ "BOOL": flag }),
        AttributeValue::Ss(texts) => json!({ "SS": texts }),
        other => panic!("the service writes no {other:?}"),
    };
    row.iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

/// A row from how DynamoDB writes it; what is none of an attribute's forms is a null.
pub(super) fn from_json(row: &Value) -> Option<Row> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let attribute = |value: &Value| {
        let (kind, value) = value.as_object()?.iter().next()?;
        Some(match kind.as_str() {
            "S" => AttributeValue::S(text(value)?),
            "N" => AttributeValue::N(text(value)?),
            "BOOL" => AttributeValue::Bool(value.as_bool()?),
            "SS" => AttributeValue::Ss(value.as_array()?.iter().map(text).collect::<Option<_>>()?),
            "L" => AttributeValue::L(Vec::new()),
            "M" => AttributeValue::M(HashMap::new()),
            _ => return None,
        })
    };
    let fields = row.as_object()?.iter();
    Some(fields.map(|(name, value)| (name.clone(), attribute(value).unwrap_or(AttributeValue::Null(true)))).collect())
}

fn answering(table: &Arc<Table>) -> SharedHttpClient {
    let table = Arc::clone(table);
    http_client_fn(move |_: &HttpConnectorSettings, _: &RuntimeComponents| SharedHttpConnector::new(Ready(Arc::clone(&table))))
}

struct Ready(Arc<Table>);

impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ready")
    }
}

impl HttpConnector for Ready {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let (service, operation) = target.rsplit_once('.').unwrap_or_default();
        let input: Value = request.body().bytes().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
        let answer = match service {
            // SES, which names its operation in the path.
            "" => json!({ "MessageId": "message-1" }),
            "AWSEvents" => {
                let entries = input["Entries"].as_array().map_or(0, Vec::len);
                json!({ "FailedEntryCount": 0, "Entries": vec![json!({ "EventId": "event-1" }); entries] })
            }
            _ => self.0.answer(operation, &input),
        };
        let status = StatusCode::try_from(200).expect("a status code");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(answer.to_string()))))
    }
}
