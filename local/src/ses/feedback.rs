//! The events that SES publishes about an email, through EventBridge.
//!
//! As with SES's own mailbox simulator, the recipient decides: the beginning of the local part selects the outcome.

use std::time::SystemTime;

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::SentEmail;
use crate::client::REGION;

/// The AWS account of the events.
const ACCOUNT: &str = "000000000000";

/// The outcome of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Delivered,
    Bounced,
    SoftBounced,
    Complained,
    MovedOutOfSpam,
    Rejected,
    Delayed,
}

/// The events of one email, in the order in which SES sends them: a delivery, unless the recipient's address begins with
/// `bounce`, `soft` (a transient bounce), `complaint` (a delivery, then the complaint), `not-spam` (a delivery, then the report
/// that it was moved out of spam, which SES sends as a complaint), `reject` or `delay`.
#[must_use]
pub fn events(email: &SentEmail) -> Vec<Value> {
    let recipient = email.to.first().map(String::as_str).unwrap_or_default();
    // "Name <local@domain>" or the address alone.
    let address = recipient.rsplit_once('<').map_or(recipient, |(_, rest)| rest.trim_end_matches('>'));
    let outcomes: &[Outcome] = match address {
        a if a.starts_with("bounce") => &[Outcome::Bounced],
        a if a.starts_with("soft") => &[Outcome::SoftBounced],
        a if a.starts_with("complaint") => &[Outcome::Delivered, Outcome::Complained],
        a if a.starts_with("not-spam") => &[Outcome::Delivered, Outcome::MovedOutOfSpam],
        a if a.starts_with("reject") => &[Outcome::Rejected],
        a if a.starts_with("delay") => &[Outcome::Delayed],
        _ => &[Outcome::Delivered],
    };
    outcomes.iter().map(|outcome| event(*outcome, email, address, &timestamp(SystemTime::now()))).collect()
}

fn event(outcome: Outcome, email: &SentEmail, address: &str, now: &str) -> Value {
    let id = Uuid::now_v7().to_string();
    let (detail_type, event_type, field, payload) = match outcome {
        Outcome::Delivered => ("Email Delivered", "Delivery", "delivery", delivery(address, now)),
        Outcome::Bounced => ("Email Bounced", "Bounce", "bounce", bounce("Permanent", "5.1.1", "550 5.1.1 user unknown", address, now)),
        Outcome::SoftBounced => ("Email Bounced", "Bounce", "bounce", bounce("Transient", "4.2.2", "452 4.2.2 mailbox full", address, now)),
        Outcome::Complained => ("Email Complaint Received", "Complaint", "complaint", complaint("abuse", address, now)),
        Outcome::MovedOutOfSpam => ("Email Complaint Received", "Complaint", "complaint", complaint("not-spam", address, now)),
        Outcome::Rejected => ("Email Rejected", "Reject", "reject", json!({ "reason": "Bad content" })),
        Outcome::Delayed => ("Email Delivery Delayed", "DeliveryDelay", "deliveryDelay", delay(address, now)),
    };
    let set = email.configuration_set.as_deref().unwrap_or_default();
    json!({
        "version": "0",
        "id": id,
        "detail-type": detail_type,
        "source": "aws.ses",
        "account": ACCOUNT,
        "time": now,
        "region": REGION,
        "resources": [format!("arn:aws:ses:{REGION}:{ACCOUNT}:configuration-set/{set}")],
        "detail": { "eventType": event_type, "mail": mail_object(email, address), field: payload },
    })
}

/// The `email` object of every event.
fn mail_object(email: &SentEmail, address: &str) -> Value {
    let mut tags: Map<String, Value> = email.tags.iter().map(|(name, value)| (name.clone(), json!([value]))).collect();
    if let Some(set) = &email.configuration_set {
        tags.insert("ses:configuration-set".into(), json!([set]));
    }
    let headers = [("From", &email.from), ("Subject", &email.subject)].map(|(name, value)| json!({ "name": name, "value": value }));
    json!({
        "timestamp": timestamp(email.time),
        "source": email.from,
        "sendingAccountId": ACCOUNT,
        "messageId": email.message_id,
        "destination": [address],
        "headersTruncated": false,
        "headers": headers,
        "commonHeaders": { "from": [email.from], "to": email.to, "messageId": email.message_id, "subject": email.subject },
        "tags": tags,
    })
}

fn delivery(address: &str, now: &str) -> Value {
    json!({
        "timestamp": now,
        "processingTimeMillis": 500,
        "recipients": [address],
        "smtpResponse": "250 2.0.0 OK",
        "reportingMTA": "local.example",
    })
}

fn bounce(kind: &str, status: &str, response: &str, address: &str, now: &str) -> Value {
    let recipient = json!({ "emailAddress": address, "action": "failed", "status": status, "diagnosticCode": format!("smtp; {response}") });
    json!({
        "bounceType": kind,
        "bounceSubType": if kind == "Permanent" { "General" } else { "MailboxFull" },
        "bouncedRecipients": [recipient],
        "timestamp": now,
        "feedbackId": Uuid::now_v7().to_string(),
        "reportingMTA": "dsn; local.example",
    })
}

fn complaint(kind: &str, address: &str, now: &str) -> Value {
    json!({
        "complainedRecipients": [{ "emailAddress": address }],
        "timestamp": now,
        "feedbackId": Uuid::now_v7().to_string(),
        "complaintSubType": null,
        "userAgent": "local",
        "complaintFeedbackType": kind,
        "arrivalDate": now,
    })
}

fn delay(address: &str, now: &str) -> Value {
    let recipient =
        json!({ "emailAddress": address, "status": "4.4.1", "diagnosticCode": "smtp; 421 4.4.1 Unable to connect to remote host" });
    json!({
        "timestamp": now,
        "delayType": "TransientCommunicationFailure",
        "expirationTime": timestamp(SystemTime::now() + std::time::Duration::from_secs(14 * 3600)),
        "delayedRecipients": [recipient],
    })
}

fn timestamp(time: SystemTime) -> String {
    // SES writes milliseconds.
    let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let time = DateTime::from_millis(i64::try_from(since_1970.as_millis()).unwrap_or_default());
    time.fmt(DateTimeFormat::DateTime).unwrap_or_default()
}
