//! Conversion between invitations and rows.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    StoreError,
    condition::Condition,
    keys,
    keys::index::{DUE_AT, DUE_SHARD, LATE_AT},
    row::{Attributes, Row, bytes, flag, number, text, time},
};
use crate::domain::{
    AccountId, Invitation, Resource, Timestamp,
    courier::DueEntries,
    invitation::{Closing, OperationId, SendAttempts, Status},
    lifecycle::purge_after,
    link::Link,
    outbox::Outbox,
    settings::Redirect,
};

/// The row of a new invitation. It is purged `retention` after the invitation's end.
pub fn to_row(invitation: &Invitation, retention: Option<Duration>) -> Row {
    let attributes =
        attributes(invitation, DueEntries::of(invitation), retention).into_iter().filter_map(|(name, value)| Some((name, value?)));
    keys::invitation_key(&invitation.resource.account, invitation.resource.id).row(attributes)
}

/// All attributes of an invitation's row except its key, with their values if present.
///
/// Times are milliseconds since 1970, `ttl` seconds, binary values base64url.
fn attributes(invitation: &Invitation, due: DueEntries, retention: Option<Duration>) -> Vec<(&'static str, Option<AttributeValue>)> {
    let (st, closed) = match invitation.resource.status {
        Status::Pending => (keys::PENDING, None),
        Status::Closed(closing, at) => (keys::closed(closing), Some(at)),
    };
    let operations = invitation.operations.iter().map(|operation| operation.0.clone()).collect();
    let always = [
        (keys::index::BY_STATE, text(keys::by_state(invitation))),
        (keys::index::BY_EMAIL, text(keys::by_email(invitation.resource.email.normalised(), invitation.resource.id))),
        (keys::index::BY_ROLE, text(keys::by_role(&invitation.resource.role, invitation.resource.id))),
        ("email", text(invitation.resource.email.as_entered())),
        ("role", text(invitation.resource.role.as_str())),
        // `pending`, or how the invitation was closed.
        ("st", text(st)),
        ("created", time(invitation.resource.created)),
        ("modified", time(invitation.resource.modified)),
        ("exp", time(invitation.resource.expiry)),
        // Lifetime in seconds.
        ("life", number(invitation.lifetime.as_secs())),
        ("sent", time(invitation.resource.last_sent)),
        // The time from which the next send is allowed.
        ("nsa", time(invitation.next_send)),
        ("sends", number(invitation.sends)),
        // The link: the id of the key that derived its secret, and the secret's version, nonce and SHA-256.
        ("kid", text(invitation.link.key_id.as_str())),
        ("tv", number(invitation.link.version)),
        ("nonce", bytes(&invitation.link.nonce)),
        ("th", bytes(&invitation.link.hash)),
        ("rev", number(invitation.revision)),
        ("ops", AttributeValue::Ss(operations)),
        ("by", text(invitation.resource.invited_by.as_str())),
        // The number of events so far.
        ("events", number(invitation.outbox.count)),
    ];
    let optional = |value: Option<&str>| value.map(text);
    let (send_attempts, events) = (&invitation.send_attempts, &invitation.outbox.events);
    let tried = send_attempts.tries > 0;
    let sometimes = [
        ("closed", closed.map(time)),
        // Unset while an event or email is pending, because purging the row would lose it.
        ("ttl", purge_after(invitation, retention).filter(|_| invitation.due().is_none()).map(|at| number(at.as_secs()))),
        ("sender", optional(invitation.sender.as_deref())),
        // Set if the last sending's link was handed out, and no email is sent.
        ("link_only", invitation.resource.link_only.then(|| flag(true))),
        ("metadata", invitation.resource.metadata.as_ref().map(|metadata| text(metadata.to_string()))),
        ("redirect", optional(invitation.resource.redirect.as_ref().map(Redirect::as_str))),
        ("loc", invitation.locale.as_ref().map(|locale| text(locale.as_str()))),
        // The delivery of the last sending's email.
        ("delivery", invitation.resource.delivery.as_ref().map(|delivery| text(delivery.to_string()))),
        // The first sending whose bounces and complaints count.
        ("fb_since", (invitation.feedback_since > 1).then(|| number(invitation.feedback_since))),
        // The attempts to send the email, or the reminder: their number, the earliest time of the next one, and the current claim.
        ("tries", tried.then(|| number(send_attempts.tries))),
        ("nb", tried.then(|| time(send_attempts.not_before))),
        ("claim", send_attempts.claim.as_ref().map(|claim| text(claim.0.as_str()))),
        // The reminder: how many seconds before the expiry it is due, if one is planned, and when it was sent.
        ("remind", invitation.remind_before.map(|before| number(before.as_secs()))),
        ("reminded", invitation.resource.reminded.map(time)),
        // The unpublished events.
        ("out", (!events.is_empty()).then(|| AttributeValue::Ss(events.iter().map(ToString::to_string).collect()))),
        ("exp_published", invitation.expiry_published.then(|| flag(true))),
        ("accepted_by", optional(invitation.resource.accepted_by.as_deref())),
        (STREAM_PENDING, invitation.needs_stream().then(|| text("1"))),
        (DUE_SHARD, due.stream.or(due.timer).map(|_| text(keys::due_shard(invitation.resource.id)))),
        (LATE_AT, due.stream.map(time)),
        (DUE_AT, due.timer.map(time)),
    ];
    always.into_iter().map(|(name, value)| (name, Some(value))).chain(sometimes).collect()
}

/// An invitation with the row that it was read from, which a change is based on.
#[derive(Debug, Clone)]
pub struct Stored {
    row: Row,
    /// The invitation.
    pub invitation: Invitation,
    due: DueEntries,
}

impl Stored {
    /// # Errors
    /// [`StoreError::Corrupt`], naming the row and the attribute.
    pub(super) fn from_row(row: Row) -> Result<Self, StoreError> {
        let mut attributes = Attributes::of(row.clone());
        let due = DueEntries { stream: attributes.optional_time(LATE_AT)?, timer: attributes.optional_time(DUE_AT)? };
        Ok(Self { invitation: read_invitation(attributes)?, row, due })
    }

    /// Whether the operation has been applied to the invitation.
    pub(super) fn has_applied(&self, operation: &OperationId) -> bool {
        self.invitation.operations.contains(operation)
    }

    /// Whether both are the same version of the row.
    pub(super) fn is_version(&self, other: &Self) -> bool {
        (&self.invitation, self.due) == (&other.invitation, other.due)
    }

    /// Whether an index of due invitations lists it at `now`, although nothing is due. Then a write that changes nothing else moves its
    /// entry.
    #[must_use]
    pub fn is_listed_early(&self, now: Timestamp) -> bool {
        self.due.are_early(&self.invitation, now)
    }

    /// The condition that the row has not changed since it was read.
    pub(super) fn is_current(&self) -> Condition {
        Condition::new("#rev = :rev", [(":rev", number(self.invitation.revision))])
    }

    /// What to store after a change at `now`: the invitation with the next revision. Attributes that are not an invitation's remain.
    pub(super) fn next(&self, after: &Invitation, retention: Option<Duration>, now: Timestamp) -> Self {
        let invitation = Invitation { revision: self.invitation.revision + 1, ..after.clone() };
        let due = self.due.after(&self.invitation, after, now);
        let mut row = self.row.clone();
        for (name, value) in attributes(&invitation, due, retention) {
            match value {
                Some(value) => drop(row.insert(name.to_owned(), value)),
                None => drop(row.remove(name)),
            }
        }
        Self { row, invitation, due }
    }

    /// The update expression that turns the row into the row of `next`. Adds the values to `values`.
    pub(super) fn update_to(&self, next: &Self, values: &mut Row) -> String {
        let changed = next.row.iter().filter(|(name, value)| self.row.get(*name) != Some(value));
        let set = changed.map(|(name, value)| {
            // The underscore distinguishes the values of the change from those of the condition.
            values.insert(format!(":{name}_"), value.clone());
            format!("#{name} = :{name}_")
        });
        let set = format!("SET {}", set.collect::<Vec<_>>().join(", "));
        let removed = self.row.keys().filter(|name| !next.row.contains_key(*name)).map(|name| format!("#{name}"));
        let removed = removed.collect::<Vec<_>>().join(", ");
        if removed.is_empty() { set } else { format!("{set} REMOVE {removed}") }
    }
}

/// Set on rows that the stream's consumer must process. The event source filters by it.
pub const STREAM_PENDING: &str = "pending";

/// The attributes of an invitation that the local indexes contain besides keys: those that lists and describe read, then those that they may
/// show one day. A write that changes none of them writes no index entry.
///
/// The template repeats this list, and it is final with the first release: the projection of a local index cannot be changed. `more` is for
/// whatever this list does not foresee.
pub const PROJECTED: [&str; 18] = [
    "email",
    "role",
    "st",
    "closed",
    "created",
    "modified",
    "exp",
    "sent",
    "by",
    "delivery",
    "accepted_by",
    "nsa",
    "loc",
    "metadata",
    "redirect",
    "link_only",
    "reminded",
    "more",
];

/// The projected attributes that no response shows yet.
const NOT_SHOWN: [&str; 3] = ["nsa", "loc", "more"];

/// The attributes that [`resource`] reads.
pub(super) fn shown() -> impl Iterator<Item = &'static str> {
    [keys::SK].into_iter().chain(PROJECTED.into_iter().filter(|attribute| !NOT_SHOWN.contains(attribute)))
}

/// The parts of a row that the account may see.
pub(super) fn resource(account: &AccountId, row: Row) -> Result<Resource, StoreError> {
    read_resource(account.clone(), &mut Attributes::of(row))
}

fn read_resource(account: AccountId, row: &mut Attributes) -> Result<Resource, StoreError> {
    Ok(Resource {
        id: row.read(keys::SK, keys::parse_invitation)?,
        account,
        email: row.parsed("email")?,
        role: row.parsed("role")?,
        status: status(row)?,
        created: row.time("created")?,
        modified: row.time("modified")?,
        expiry: row.time("exp")?,
        last_sent: row.time("sent")?,
        invited_by: row.text("by")?,
        delivery: row.optional("delivery")?,
        reminded: row.optional_time("reminded")?,
        accepted_by: row.optional_text("accepted_by")?,
        link_only: row.is_set("link_only"),
        metadata: row.optional("metadata")?,
        redirect: row.optional("redirect")?,
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

/// Parses a row.
///
/// # Errors
/// [`StoreError::Corrupt`], naming the row and the attribute.
pub fn from_row(row: Row) -> Result<Invitation, StoreError> {
    read_invitation(Attributes::of(row))
}

fn read_invitation(mut row: Attributes) -> Result<Invitation, StoreError> {
    let account = row.read(keys::PK, keys::parse_partition)?;
    let resource = read_resource(account, &mut row)?;
    Ok(Invitation {
        send_attempts: send_attempts(&mut row, resource.last_sent)?,
        resource,
        lifetime: Duration::from_secs(row.number("life")?),
        next_send: row.time("nsa")?,
        sends: row.number("sends")?,
        link: Link { key_id: row.text("kid")?, version: row.number("tv")?, nonce: row.bytes("nonce")?, hash: row.bytes("th")? },
        revision: row.number("rev")?,
        operations: row.texts("ops")?.into_iter().map(OperationId).collect(),
        sender: row.optional_text("sender")?,
        locale: row.optional("loc")?,
        remind_before: row.optional_number("remind")?.map(Duration::from_secs),
        feedback_since: row.number_or("fb_since", 1)?,
        outbox: outbox(&mut row)?,
        expiry_published: row.is_set("exp_published"),
    })
}

fn send_attempts(row: &mut Attributes, last_sent: Timestamp) -> Result<SendAttempts, StoreError> {
    let tries = row.number_or("tries", 0)?;
    if tries == 0 {
        return Ok(SendAttempts::requested_at(last_sent));
    }
    Ok(SendAttempts { tries, not_before: row.time("nb")?, claim: row.optional_text("claim")?.map(OperationId) })
}

fn outbox(row: &mut Attributes) -> Result<Outbox, StoreError> {
    let mut events = Vec::new();
    if row.is_set("out") {
        for event in row.texts("out")? {
            events.push(event.parse().map_err(|_| row.corrupt("out"))?);
        }
    }
    // Sets are unordered.
    events.sort();
    // Rows written before events existed have none.
    let count = row.number_or("events", 0)?;
    Ok(Outbox { count, events })
}
