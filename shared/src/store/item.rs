//! An invitation as a row.
//!
//! A row that cannot be read is an error that names it, never a row that is skipped.

use std::{
    collections::{BTreeSet, HashMap},
    str::FromStr,
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{StoreError, keys};
use crate::domain::{
    Invitation, Timestamp,
    invitation::{Closing, OperationId, Status},
    lifecycle::{SendPolicy, purge_after},
    link::Link,
};

/// A row: attribute names and values.
pub type Row = HashMap<String, AttributeValue>;

/// The attributes of an invitation that come and go.
pub(super) const OPTIONAL: [&str; 2] = ["closed", "ttl"];

/// The attributes of an invitation. Times are milliseconds since 1970, `ttl` seconds, binary values base64url.
#[derive(Debug, Serialize, Deserialize)]
struct InvitationItem {
    pk: String,
    sk: String,
    by_state: String,
    by_email: String,
    by_role: String,
    email: String,
    role: String,
    /// `pending`, or how it was closed.
    st: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed: Option<i64>,
    created: i64,
    modified: i64,
    exp: i64,
    /// Lifetime in seconds.
    life: u64,
    sent: i64,
    /// Next send allowed.
    nsa: i64,
    sends: u32,
    /// The key that made the link's secret.
    kid: String,
    /// Version of the link's secret.
    tv: u32,
    nonce: String,
    /// SHA-256 of the link's secret.
    th: String,
    rev: u64,
    #[serde(with = "serde_dynamo::string_set")]
    ops: BTreeSet<String>,
    by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<i64>,
}

/// The row of an invitation. It lies in the partition of the principal whose invitation it is.
///
/// # Errors
/// [`StoreError::Defect`] when it cannot be written as one.
pub fn to_row(partition: String, invitation: &Invitation, policy: &SendPolicy) -> Result<Row, StoreError> {
    let (st, closed) = match invitation.status {
        Status::Pending => (keys::PENDING, None),
        Status::Closed(closing, at) => (keys::closed(closing), Some(at.as_millis())),
    };
    let item = InvitationItem {
        pk: partition,
        sk: keys::invitation(invitation.id),
        by_state: keys::by_state(invitation),
        by_email: keys::by_email(invitation.email.normalised(), invitation.id),
        by_role: keys::by_role(&invitation.role, invitation.id),
        email: invitation.email.typed().to_owned(),
        role: invitation.role.to_string(),
        st: st.to_owned(),
        closed,
        created: invitation.created.as_millis(),
        modified: invitation.modified.as_millis(),
        exp: invitation.expiry.as_millis(),
        life: invitation.lifetime.as_secs(),
        sent: invitation.last_sent.as_millis(),
        nsa: invitation.next_send.as_millis(),
        sends: invitation.sends,
        kid: invitation.link.key_id.clone(),
        tv: invitation.link.version,
        nonce: URL_SAFE_NO_PAD.encode(invitation.link.nonce),
        th: URL_SAFE_NO_PAD.encode(invitation.link.hash),
        rev: invitation.revision,
        ops: invitation.operations.iter().map(|operation| operation.0.clone()).collect(),
        by: invitation.invited_by.clone(),
        ttl: purge_after(invitation, policy).map(Timestamp::as_secs),
    };
    serde_dynamo::to_item(item).map_err(|error| StoreError::Defect { cause: error.to_string() })
}

/// The invitation of a row.
pub(super) fn from_row(row: Row) -> Result<Invitation, StoreError> {
    let key = sort_key(&row);
    let item: InvitationItem = read(row)?;
    let at = |field: &str| StoreError::Corrupt { key: key.clone(), problem: format!("{field} does not have the form it should") };
    let time = |field: &str, millis: i64| Timestamp::from_millis(millis).ok_or_else(|| at(field));
    let status = match (item.st.as_str(), item.closed) {
        (keys::PENDING, None) => Status::Pending,
        (closed, Some(millis)) => {
            let closing =
                [Closing::Accepted, Closing::Declined, Closing::Revoked].into_iter().find(|closing| keys::closed(*closing) == closed);
            Status::Closed(closing.ok_or_else(|| at("st"))?, time("closed", millis)?)
        }
        (_, None) => return Err(at("st")),
    };
    Ok(Invitation {
        id: keys::parse_invitation(&item.sk).ok_or_else(|| at("sk"))?,
        account: keys::parse_partition(&item.pk).ok_or_else(|| at("pk"))?,
        email: parse(&item.email).ok_or_else(|| at("email"))?,
        role: parse(&item.role).ok_or_else(|| at("role"))?,
        status,
        created: time("created", item.created)?,
        modified: time("modified", item.modified)?,
        expiry: time("exp", item.exp)?,
        lifetime: Duration::from_secs(item.life),
        last_sent: time("sent", item.sent)?,
        next_send: time("nsa", item.nsa)?,
        sends: item.sends,
        link: Link {
            key_id: item.kid,
            version: item.tv,
            nonce: bytes(&item.nonce).ok_or_else(|| at("nonce"))?,
            hash: bytes(&item.th).ok_or_else(|| at("th"))?,
        },
        revision: item.rev,
        operations: item.ops.into_iter().map(OperationId).collect(),
        invited_by: item.by,
    })
}

/// Any row, as the struct of its attributes.
pub(super) fn read<T: DeserializeOwned>(row: Row) -> Result<T, StoreError> {
    let key = sort_key(&row);
    let deserializer = serde_dynamo::Deserializer::from_attribute_value(AttributeValue::M(row).into());
    serde_path_to_error::deserialize(deserializer)
        .map_err(|error| StoreError::Corrupt { key, problem: format!("{}: {}", error.path(), error.inner()) })
}

/// The bytes that an attribute holds as base64url.
pub(super) fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

fn parse<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// The row's sort key as it may be logged: a lock's key contains an address.
fn sort_key(row: &Row) -> String {
    match row.get(keys::SK).and_then(|value| value.as_s().ok()) {
        Some(sk) if sk.starts_with("P#") => "P#…".to_owned(),
        Some(sk) => sk.clone(),
        None => "without a sort key".to_owned(),
    }
}
