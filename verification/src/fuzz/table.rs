//! A stub of the table, SES and EventBridge with fixed replies.
//!
//! Most fuzz inputs are rejected before the table is read. The others run to their response through the real store and the real
//! SDK, without waiting for an engine.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

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
use shared::domain::settings::AccountSettings;
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

use super::issuers;

/// The account of the corpus's API key.
pub(super) const ACCOUNT: &str = "012345678912";
/// Its external id.
pub(super) const EXTERNAL_ID: &str = "acme";
/// Another account.
pub(super) const OTHER: &str = "210987654321";
/// The clock's time.
pub(super) const NOW: i64 = 1_900_000_000_000;

const KEY_ID: &str = "Fuzz00000001";
const SECRET: &str = "0123456789abcdefghijABCDEFGHIJ0123456789abc";
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Parses a well-formed value.
pub(super) fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("the fixture's value is well-formed")
}

/// The text of an API key with a correct checksum, which anybody can compute.
#[must_use]
pub fn key_text(account: &str, id: &str, secret: &str) -> String {
    let body = format!("ik_live_{account}_{id}_{secret}");
    let check: String = Sha256::digest(&body).iter().take(6).map(|byte| char::from(BASE62[usize::from(byte % 62)])).collect();
    format!("{body}_{check}")
}

/// An environment variable of the functions.
pub(super) fn variable(name: &str) -> Option<String> {
    let value = match name {
        "TABLE_NAME" => "invitations",
        "AWS_REGION" => "ca-1",
        "LINK_KEYS" => "0123456789abcdef0123456789abcdef",
        "FROM_ADDRESS" => "invitations@sender.example",
        "LINK_BASE_URL" => "https://api.example.com/accept",
        "EVENT_BUS" => "events",
        "ISSUERS" => issuers::ISSUERS,
        _ => return None,
    };
    Some(value.to_owned())
}

/// The rows of the table, with the credentials and links that they accept.
pub(super) struct Table {
    /// An API key of [`ACCOUNT`] with all permissions.
    pub key: String,
    /// The caller with this key.
    pub caller: Principal,
    /// The invitations of [`ACCOUNT`]: new, emailed, accepted, revoked.
    pub invitations: Vec<Invitation>,
    /// Their tokens.
    pub tokens: Vec<String>,
    /// A bearer token for [`ACCOUNT`].
    pub bearer: String,
    /// A bearer token of the invitee of the first one.
    pub invitee: String,
    key_row: Value,
    /// The rows of issuers' keys and of external ids, if a target replaces them.
    replaced: Mutex<Option<Value>>,
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
            previous: None,
        };
        let caller = record.verify(&presented, now(), &config.roles, &config.urns).expect("the key matches its record");
        let key_row = json!({
            "pk": { "S": format!("KEYS#{ACCOUNT}") }, "sk": { "S": KEY_ID }, "hash": { "S": URL_SAFE_NO_PAD.encode(hash) },
            "role": { "S": "full-access" }, "enabled": { "BOOL": true }, "created": { "N": NOW.to_string() }, "name": { "S": "Jane" },
        });
        let policy = policy();
        let invitations = sample_invitations(&caller, &policy);
        let tokens = invitations.iter().map(|it| token(&policy.link_keys, it)).collect();
        let invitee = issuers::token_of(invitations[0].resource.email.as_entered());
        Self { key, caller, invitations, tokens, bearer: issuers::token(), invitee, key_row, replaced: Mutex::default() }
    }

    /// Replaces the row of each issuer's keys and of each external id.
    pub(super) fn replace_rows_of_tokens(&self, row: &Row) {
        *self.replaced.lock().unwrap_or_else(PoisonError::into_inner) = Some(to_json(row));
    }

    /// DynamoDB's reply.
    fn reply(&self, operation: &str, input: &Value) -> Value {
        let (pk, sk) = (input["Key"]["pk"]["S"].as_str().unwrap_or_default(), input["Key"]["sk"]["S"].as_str().unwrap_or_default());
        match operation {
            "GetItem" => self.row(pk, sk).map_or_else(|| json!({}), |row| json!({ "Item": row })),
            "BatchGetItem" => {
                let keys = input["RequestItems"]["invitations"]["Keys"].as_array().map_or(&[][..], Vec::as_slice);
                let text = |key: &Value, name: &str| key[name]["S"].as_str().unwrap_or_default().to_owned();
                let rows: Vec<Value> = keys.iter().filter_map(|key| self.row(&text(key, "pk"), &text(key, "sk"))).collect();
                json!({ "Responses": { "invitations": rows } })
            }
            "Query" if input["IndexName"] == "by_invitee" => {
                let invitee = &input["ExpressionAttributeValues"][":invitee"]["S"];
                let rows: Vec<Value> = self.invitations.iter().map(lock).filter(|row| row["invitee"]["S"] == *invitee).collect();
                json!({ "Items": rows, "Count": rows.len() })
            }
            "Query" => {
                let value = |name: &str| input["ExpressionAttributeValues"][name]["S"].as_str().unwrap_or_default();
                let mut rows: Vec<Value> = if value(":pk").starts_with("KEYS#") {
                    vec![self.key_row.clone()]
                } else {
                    self.invitations.iter().map(|it| to_json(&item::to_row(it, None))).collect()
                };
                let attribute = input["ExpressionAttributeNames"]["#at"].as_str().unwrap_or_default();
                rows.retain(|row| row[attribute]["S"].as_str().is_some_and(|at| (value(":from")..=value(":to")).contains(&at)));
                json!({ "Items": rows, "Count": rows.len() })
            }
            "UpdateItem" if pk.starts_with("KEYS#") => json!({ "Attributes": self.key_row }),
            "UpdateItem" => json!({ "Attributes": settings() }),
            _ => json!({}),
        }
    }

    fn row(&self, pk: &str, sk: &str) -> Option<Value> {
        let replaced = self.replaced.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match pk.split_once('#')? {
            ("KEYS", ACCOUNT) if sk == KEY_ID => Some(self.key_row.clone()),
            ("SETTINGS", ACCOUNT) => Some(settings()),
            ("EXTERNAL", EXTERNAL_ID) => Some(replaced.unwrap_or_else(issuers::external_row)),
            ("ISSUER", name) => {
                let issuer = ["acme", "globex"].iter().position(|issuer| *issuer == name)?;
                Some(replaced.unwrap_or_else(|| issuers::row(issuer)))
            }
            ("A", ACCOUNT) => {
                let id: InvitationId = sk.strip_prefix("I#")?.parse().ok()?;
                self.invitations.iter().find(|it| it.resource.id == id).map(|it| to_json(&item::to_row(it, None)))
            }
            _ => None,
        }
    }
}

/// A store over the stub.
pub(super) fn store(table: &Arc<Table>) -> Store {
    let client = Client::new(&sdk_config(table));
    Store::new(client, "invitations".to_owned(), Arc::new(now))
}

/// SDK configuration for the stub, whose SES and EventBridge accept everything.
pub(super) fn sdk_config(table: &Arc<Table>) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("ca-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("local", "local", None, None, "verification")))
        .http_client(http_client(table))
        .endpoint_url("http://127.0.0.1:1")
        .build()
}

pub(super) fn config() -> Config {
    Config::read(&variable).expect("the configuration is right")
}

pub(super) fn policy() -> SendPolicy {
    read_send_policy(&variable).expect("the configuration is right")
}

pub(super) fn delivery_config() -> DeliveryConfig {
    DeliveryConfig::read(&variable).expect("the configuration is right")
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_millis(NOW).expect("a time of this century")
}

/// The entry of an invitation's lock in the index by invitee.
fn lock(Invitation { resource, .. }: &Invitation) -> Value {
    let email = resource.email.normalised().as_str();
    json!({
        "pk": { "S": format!("A#{ACCOUNT}") }, "sk": { "S": format!("P#{email}") }, "invitee": { "S": email },
        "exp": { "N": resource.expiry.as_millis().to_string() }, "inv": { "S": resource.id.to_string() },
    })
}

/// The settings of an account that has set everything.
fn settings() -> Value {
    json!({
        "pk": { "S": format!("SETTINGS#{ACCOUNT}") }, "sk": { "S": "settings" }, "name": { "S": "Acme Ltd" },
        "colour": { "S": "#0b5fff" }, "locale": { "S": "de-AT" }, "redirect": { "S": "https://app.example.com/in" },
        "external_id": { "S": EXTERNAL_ID }, "external_since": { "N": "0" },
    })
}

fn sample_invitations(who: &Principal, policy: &SendPolicy) -> Vec<Invitation> {
    let of = |number: u8, email: &str| {
        let request = NewInvitation { locale: Some(parsed("de")), ..NewInvitation::new(parsed(email), parsed("read-only")) };
        let operation = Operation { id: OperationId(format!("operation{number:03}")), nonce: [number; 16] };
        let created = now().as_millis() - 86_400_000;
        let created = Timestamp::from_millis(created).expect("a day earlier");
        let mut id = [number; 16];
        id[..6].copy_from_slice(&created.as_millis().to_be_bytes()[2..]);
        create(who, &request, InvitationId::from_bytes(id), &operation, created, policy, &AccountSettings::default())
            .expect("the principal is authorized")
    };
    let operation = |name: &str| OperationId(name.to_owned());
    let emailed = |it: &Invitation| {
        let claimed = it.claimed(operation("claim0000001"), now());
        claimed.published().delivered(1, Delivery { status: DeliveryStatus::Sent, at: now(), reason: None })
    };
    vec![
        of(1, "user.one@example.com"),
        emailed(&of(2, "user.two@bücher.example")),
        emailed(&of(3, "User+Three@Example.COM")).closed(Closing::Accepted, now(), operation("operation900")),
        of(4, "user.four@example.com").closed(Closing::Revoked, now(), operation("operation901")),
    ]
}

pub(super) fn token(keys: &LinkKeys, invitation: &Invitation) -> String {
    keys.token(&invitation.resource.account, invitation.resource.id, &invitation.link).expect("the link key exists").reveal()
}

/// A row in DynamoDB's JSON.
pub(super) fn to_json(row: &Row) -> Value {
    let attribute = |value: &AttributeValue| match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::Bool(flag) => json!({ "BOOL": flag }),
        AttributeValue::Ss(texts) => json!({ "SS": texts }),
        AttributeValue::L(_) => json!({ "L": [] }),
        AttributeValue::M(_) => json!({ "M": {} }),
        AttributeValue::Null(_) => json!({ "NULL": true }),
        other => panic!("no row has a {other:?}"),
    };
    row.iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

/// A row from DynamoDB's JSON. Malformed attributes become null.
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

fn http_client(table: &Arc<Table>) -> SharedHttpClient {
    let table = Arc::clone(table);
    http_client_fn(move |_: &HttpConnectorSettings, _: &RuntimeComponents| SharedHttpConnector::new(StubConnector(Arc::clone(&table))))
}

struct StubConnector(Arc<Table>);

impl std::fmt::Debug for StubConnector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StubConnector")
    }
}

impl HttpConnector for StubConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let (service, operation) = target.rsplit_once('.').unwrap_or_default();
        let input: Value = request.body().bytes().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
        let reply = match service {
            // SES has its operation in the path instead.
            "" => json!({ "MessageId": "message-1" }),
            "AWSEvents" => {
                let entries = input["Entries"].as_array().map_or(0, Vec::len);
                json!({ "FailedEntryCount": 0, "Entries": vec![json!({ "EventId": "event-1" }); entries] })
            }
            _ => self.0.reply(operation, &input),
        };
        let status = StatusCode::try_from(200).expect("a status code");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(reply.to_string()))))
    }
}
