//! Records SES events about emails, which arrive through EventBridge, on their invitations.

use std::{collections::HashMap, time::Duration};

use serde::{Deserialize, Serialize};
use shared::{
    config::{Config, ConfigError, read_retention},
    domain::{
        Timestamp,
        courier::EmailKind,
        delivery::{Delivery, DeliveryStatus, Reason},
    },
    store::{InvitationKey, Store},
};
use tracing::{info, warn};

use crate::{
    app::{combine, connected, variable},
    delivery::{
        courier::mailer::KIND_TAG,
        worker::{Failed, parse},
    },
};

/// How long a failed write is retried. Lambda retries the invocation, too.
const RETRY_FOR: Duration = Duration::from_secs(3);

/// State of the function.
#[derive(Debug)]
pub struct Feedback {
    /// The table.
    pub store: Store,
    /// How long closed and expired invitations are kept; `None` forever.
    pub retention: Option<Duration>,
}

impl Feedback {
    /// Reads the environment.
    ///
    /// # Errors
    /// All configuration problems.
    pub fn from_env() -> Result<Self, ConfigError> {
        let (config, retention) = combine(Config::read(&variable), read_retention(&variable))?;
        Ok(Self { store: connected(&config), retention })
    }
}

/// The outcome of an event.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recorded {
    /// The invitation shows it, unless it already showed something later.
    Recorded,
    /// It is not about an email of this service, or its type is not shown.
    Ignored,
}

#[derive(Deserialize)]
struct Event {
    detail: Detail,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    event_type: String,
    mail: Mail,
    bounce: Option<Bounce>,
    complaint: Option<Complaint>,
    delivery: Option<DeliveryTime>,
    delivery_delay: Option<Delay>,
    reject: Option<Reject>,
}

#[derive(Deserialize)]
struct Mail {
    #[serde(default)]
    tags: HashMap<String, Vec<String>>,
    timestamp: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    bounce_type: String,
    bounce_sub_type: Option<String>,
    timestamp: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Complaint {
    complaint_feedback_type: Option<String>,
    complaint_sub_type: Option<String>,
    timestamp: Option<String>,
}

#[derive(Deserialize)]
struct DeliveryTime {
    timestamp: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delay {
    delay_type: Option<String>,
    timestamp: Option<String>,
}

#[derive(Deserialize)]
struct Reject {
    reason: Option<String>,
}

/// Records an SES event on the invitation that the email's tags name.
///
/// # Errors
/// If the event is not an SES event, or the table fails.
pub async fn handle(feedback: &Feedback, event: &str) -> Result<Recorded, Failed> {
    let Event { detail } = parse(event, "an SES event")?;
    let Some((key, sending, kind)) = detail.mail.sending() else {
        warn!("event of an email without this service's tags");
        return Ok(Recorded::Ignored);
    };
    let Some((status, at, reason)) = detail.delivery_status() else { return Ok(Recorded::Ignored) };
    let (account, id) = (key.account.as_str(), key.id.to_string());
    info!(
        account,
        invitation = id,
        %kind,
        sending,
        status = status.as_str(),
        reason = reason.as_ref().map(Reason::as_str),
        "email event"
    );
    let found = feedback.store.update_with_retry(&key, None, feedback.retention, RETRY_FOR, |before, now| {
        // A time in the future would postpone the published event.
        let at = at.unwrap_or(now).min(now);
        let report = Delivery { status, at, reason: reason.clone() };
        match kind {
            EmailKind::Invitation => before.delivered(sending, report),
            EmailKind::Reminder => before.reminder_delivered(sending, report),
        }
    });
    // An invitation that was purged in the meantime is ignored.
    Ok(if found.await?.is_some() { Recorded::Recorded } else { Recorded::Ignored })
}

impl Mail {
    /// The invitation, the number of the sending, and which of its emails it is, from the tags.
    fn sending(&self) -> Option<(InvitationKey, u32, EmailKind)> {
        let tag = |name: &str| self.tags.get(name)?.first();
        let key = InvitationKey { account: tag("account")?.parse().ok()?, id: tag("invitation")?.parse().ok()? };
        let kind = match tag(KIND_TAG) {
            None => EmailKind::Invitation,
            Some(kind) if kind == EmailKind::Reminder.as_str() => EmailKind::Reminder,
            Some(_) => return None,
        };
        Some((key, tag("sending")?.parse().ok()?, kind))
    }
}

impl Complaint {
    /// Whether the recipient's side objects to the email. SES sends every feedback report as a complaint; the types are those of
    /// RFC 5965, in any case:
    ///
    /// - `abuse` (spam), `fraud` (phishing) and `virus` object, and so does `other`, which reports an email for a reason that has
    ///   no type of its own. Feedback loops may leave the type out, and report spam;
    /// - `not-spam` is the opposite: the recipient moved the email out of spam;
    /// - `auth-failure` is a receiving server's report on SPF, DKIM or DMARC. It says nothing about the recipient.
    ///
    /// A type that is not known yet counts as a complaint: a resend can be forced, a sender's reputation cannot be bought back.
    fn objects(&self) -> bool {
        let is = |kind: &str| self.complaint_feedback_type.as_ref().is_some_and(|it| it.eq_ignore_ascii_case(kind));
        // With the subtype `OnAccountSuppressionList` SES sent nothing, because of an earlier complaint.
        self.complaint_sub_type.is_some() || !(is("not-spam") || is("auth-failure"))
    }
}

impl Detail {
    /// The email's status, its time and its reason.
    fn delivery_status(&self) -> Option<(DeliveryStatus, Option<Timestamp>, Option<Reason>)> {
        let reason_of = |text: &Option<String>| text.as_deref().and_then(Reason::of);
        let (status, at, reason) = match self.event_type.as_str() {
            "Send" => (DeliveryStatus::Sent, &self.mail.timestamp, None),
            "Delivery" => (DeliveryStatus::Delivered, &self.delivery.as_ref()?.timestamp, None),
            "DeliveryDelay" => {
                (DeliveryStatus::Delayed, &self.delivery_delay.as_ref()?.timestamp, reason_of(&self.delivery_delay.as_ref()?.delay_type))
            }
            "Bounce" => {
                let bounce = self.bounce.as_ref()?;
                let status = if bounce.bounce_type == "Permanent" { DeliveryStatus::Bounced } else { DeliveryStatus::SoftBounced };
                (status, &bounce.timestamp, reason_of(&bounce.bounce_sub_type))
            }
            "Complaint" => {
                let complaint = self.complaint.as_ref().filter(|complaint| complaint.objects())?;
                let reason = complaint.complaint_sub_type.as_ref().or(complaint.complaint_feedback_type.as_ref());
                (DeliveryStatus::Complained, &complaint.timestamp, reason.and_then(|word| Reason::of(word)))
            }
            "Reject" => (DeliveryStatus::Failed, &None, self.reject.as_ref().and_then(|reject| reason_of(&reject.reason))),
            "Rendering Failure" => (DeliveryStatus::Failed, &None, None),
            // Opens and clicks are not recorded, for privacy.
            _ => return None,
        };
        Some((status, at.as_deref().and_then(|text| text.parse().ok()), reason))
    }
}
