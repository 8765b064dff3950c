//! An invitation as a row.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    StoreError, keys,
    row::{Attributes, Row, bytes, named, number, text, time},
};
use crate::domain::{
    AccountId, Invitation, Resource,
    invitation::{Closing, OperationId, Status},
    lifecycle::{SendPolicy, purge_after},
    link::Link,
};

/// The attributes of an invitation that come and go.
pub(super) const OPTIONAL: [&str; 2] = ["closed", "ttl"];

/// The row of an invitation. It lies in the partition of the principal whose invitation it is.
///
/// Times are milliseconds since 1970, `ttl` seconds, binary values base64url.
pub fn to_row(partition: String, invitation: &Invitation, policy: &SendPolicy) -> Row {
    let (st, closed) = match invitation.status {
        Status::Pending => (keys::PENDING, None),
        Status::Closed(closing, at) => (keys::closed(closing), Some(at)),
    };
    let operations = invitation.operations.iter().map(|operation| operation.0.clone()).collect();
    let always = [
        (keys::PK, text(partition)),
        (keys::SK, text(keys::invitation(invitation.id))),
        (keys::index::BY_STATE, text(keys::by_state(invitation))),
        (keys::index::BY_EMAIL, text(keys::by_email(invitation.email.normalised(), invitation.id))),
        (keys::index::BY_ROLE, text(keys::by_role(&invitation.role, invitation.id))),
        ("email", text(invitation.email.typed())),
        ("role", text(invitation.role.as_str())),
        // `pending`, or how it was closed.
        ("st", text(st)),
        ("created", time(invitation.created)),
        ("modified", time(invitation.modified)),
        ("exp", time(invitation.expiry)),
        // Lifetime in seconds.
        ("life", number(invitation.lifetime.as_secs())),
        ("sent", time(invitation.last_sent)),
        // Next send allowed.
        ("nsa", time(invitation.next_send)),
        ("sends", number(invitation.sends)),
        // The link: the key that made its secret, the secret's version, nonce and SHA-256.
        ("kid", text(invitation.link.key_id.as_str())),
        ("tv", number(invitation.link.version)),
        ("nonce", bytes(&invitation.link.nonce)),
        ("th", bytes(&invitation.link.hash)),
        ("rev", number(invitation.revision)),
        ("ops", AttributeValue::Ss(operations)),
        ("by", text(invitation.invited_by.as_str())),
    ];
    let purge = purge_after(invitation, policy);
    let sometimes = [closed.map(|at| ("closed", time(at))), purge.map(|at| ("ttl", number(at.as_secs())))];
    named(always.into_iter().chain(sometimes.into_iter().flatten())).collect()
}

/// The attributes that [`resource`] reads.
pub(super) const SHOWN: [&str; 10] = [keys::SK, "email", "role", "st", "closed", "created", "modified", "exp", "sent", "by"];

/// What the caller may see of one of their rows.
pub(super) fn resource(account: &AccountId, row: Row) -> Result<Resource, StoreError> {
    let mut row = Attributes::of(row);
    Ok(Resource {
        id: row.read(keys::SK, keys::parse_invitation)?,
        account: account.clone(),
        email: row.parsed("email")?,
        role: row.parsed("role")?,
        status: status(&mut row)?,
        created: row.time("created")?,
        modified: row.time("modified")?,
        expiry: row.time("exp")?,
        last_sent: row.time("sent")?,
        invited_by: row.text("by")?,
    })
}

fn status(row: &mut Attributes) -> Result<Status, StoreError> {
    let (st, closed) = (row.text("st")?, row.optional_time("closed")?);
    match (st.as_str(), closed) {
        (keys::PENDING, None) => Ok(Status::Pending),
        (closed, Some(at)) => {
            let closings = [Closing::Accepted, Closing::Declined, Closing::Revoked];
            let closing = closings.into_iter().find(|closing| keys::closed(*closing) == closed);
            Ok(Status::Closed(closing.ok_or_else(|| row.corrupt("st"))?, at))
        }
        (_, None) => Err(row.corrupt("st")),
    }
}

/// The invitation of a row.
///
/// # Errors
/// [`StoreError::Corrupt`], naming the row and the attribute.
pub fn from_row(row: Row) -> Result<Invitation, StoreError> {
    let mut row = Attributes::of(row);
    Ok(Invitation {
        id: row.read(keys::SK, keys::parse_invitation)?,
        account: row.read(keys::PK, keys::parse_partition)?,
        email: row.parsed("email")?,
        role: row.parsed("role")?,
        status: status(&mut row)?,
        created: row.time("created")?,
        modified: row.time("modified")?,
        expiry: row.time("exp")?,
        lifetime: Duration::from_secs(row.number("life")?),
        last_sent: row.time("sent")?,
        next_send: row.time("nsa")?,
        sends: row.number("sends")?,
        link: Link { key_id: row.text("kid")?, version: row.number("tv")?, nonce: row.bytes("nonce")?, hash: row.bytes("th")? },
        revision: row.number("rev")?,
        operations: row.texts("ops")?.into_iter().map(OperationId).collect(),
        invited_by: row.text("by")?,
    })
}
