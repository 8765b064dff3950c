//! Sends emails through SES and classifies its errors.

use std::{fmt, time::Duration};

use aws_sdk_sesv2::{
    Client,
    config::{Builder, http::HttpResponse, retry::RetryConfig, timeout::TimeoutConfig},
    error::{ProvideErrorMetadata, SdkError},
    operation::send_email::{SendEmailError, SendEmailOutput, builders::SendEmailFluentBuilder},
    types::{Body, Content, Destination, EmailContent, Message, MessageHeader, MessageTag},
};
use shared::{
    config::DeliveryConfig,
    domain::{Invitation, Timestamp, courier::EmailKind, delivery::Reason, reminder::RemindBefore, settings::AccountSettings},
    store::SdkConfig,
};
use tokio::time::{sleep, timeout};

use super::{circuit::Circuit, describe};
use crate::{
    delivery::email::{InvitationEmail, Rendered},
    texts::Texts,
};

/// The tag that names the [`EmailKind`] of a reminder.
pub const KIND_TAG: &str = "kind";
/// How long no email is tried after SES has refused to send any.
const CIRCUIT_OPEN_FOR: Duration = Duration::from_secs(300);
/// How often an email is retried immediately after SES has reported too high a rate, and the pause before each retry. SES limits the
/// rate per second, so longer pauses would waste most of the allowed rate.
const THROTTLE_RETRIES: u32 = 5;
const THROTTLE_PAUSE: Duration = Duration::from_millis(250);
/// How long an email waits while another one is retried. Without this limit, emails that are all slowly throttled would wait for each
/// other until the invocation ends.
const THROTTLE_WAIT: Duration = Duration::from_secs(5);
/// How long an email is postponed after these retries have failed. Constant, because the next try is as likely to succeed as the last.
const THROTTLED_FOR: Duration = Duration::from_secs(30);

/// The outcome of sending an email.
#[derive(Debug)]
pub enum Outcome {
    /// SES has accepted the email.
    Accepted {
        /// SES's message id.
        message_id: String,
    },
    /// SES will never accept the email.
    Rejected {
        /// The reason that the account sees.
        reason: Reason,
        /// The cause, for the log.
        cause: String,
    },
    /// The email was not sent. A problem of this service must be fixed first.
    NotSent {
        /// The cause, for the log.
        cause: String,
    },
    /// The email was not sent, and SES currently sends no email of this account.
    CircuitOpen {
        /// The cause, for the log.
        cause: String,
        /// When to try again.
        until: Timestamp,
    },
    /// It is unknown whether SES has accepted the email.
    Unknown {
        /// The cause, for the log.
        cause: String,
    },
    /// The email was not sent, because of SES's sending rate.
    Throttled {
        /// When to try again.
        until: Timestamp,
    },
}

/// Sends emails through SES.
pub struct Mailer {
    client: Client,
    config: DeliveryConfig,
    texts: Texts,
    /// Open while SES sends no emails of this AWS account.
    circuit: Circuit,
    /// Held during throttled retries. Other throttled emails wait for a while, so that sending slows down to the allowed rate.
    throttle: tokio::sync::Mutex<()>,
}

impl Mailer {
    /// Creates a mailer.
    #[must_use]
    pub fn new(sdk: &SdkConfig, config: DeliveryConfig, texts: Texts) -> Self {
        let timeouts = TimeoutConfig::builder().operation_timeout(Duration::from_secs(6)).build();
        // No retries by the SDK: a retry could send the email twice.
        let client = Builder::from(sdk).retry_config(RetryConfig::disabled()).timeout_config(timeouts);
        Self {
            client: Client::from_conf(client.build()),
            config,
            texts,
            circuit: Circuit::default(),
            throttle: tokio::sync::Mutex::default(),
        }
    }

    /// The time until which no email may be tried, if the circuit is open.
    pub fn circuit_open_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.circuit.open_until(now)
    }

    /// How long before the expiry an account's invitees are reminded.
    pub fn remind_before(&self, settings: &AccountSettings) -> RemindBefore {
        settings.remind_before.unwrap_or(self.config.remind_before)
    }

    /// Sends the email of an invitation's last sending, or its reminder.
    pub async fn send(&self, kind: EmailKind, invitation: &Invitation, settings: &AccountSettings, now: Timestamp) -> Outcome {
        let Some(token) = self.config.link_keys.token(&invitation.resource.account, invitation.resource.id, &invitation.link) else {
            let cause = format!("the key '{}' of the link is not in LINK_KEYS", invitation.link.key_id);
            return Outcome::NotSent { cause };
        };
        let link = self.config.link_base.link(&token);
        let email = InvitationEmail::of(kind, invitation, settings, &link);
        let rendered = match email.render(&self.texts) {
            Ok(rendered) => rendered,
            Err(problem) => return Outcome::NotSent { cause: problem.to_string() },
        };
        let from = email.mailbox(&self.texts, &self.config.from);
        let tags = [
            Some(("account", invitation.resource.account.to_string())),
            Some(("invitation", invitation.resource.id.to_string())),
            Some(("sending", invitation.link.version.to_string())),
            // Tells the reports about a reminder apart. The sending's own email has no such tag.
            (kind == EmailKind::Reminder).then(|| (KIND_TAG, kind.as_str().to_owned())),
        ];
        let tag = |(name, value)| MessageTag::builder().name(name).value(value).build().expect("a tag has a name and a value");
        let tags: Vec<_> = tags.into_iter().flatten().map(tag).collect();
        let request = self
            .client
            .send_email()
            .from_email_address(from)
            .destination(Destination::builder().to_addresses(invitation.resource.email.mailbox()).build())
            .content(EmailContent::builder().simple(message(rendered)).build())
            .set_configuration_set_name(self.config.configuration_set.clone())
            .set_email_tags(Some(tags));
        match self.send_throttled(request).await {
            Ok(output) => {
                self.circuit.set(None);
                Outcome::Accepted { message_id: output.message_id.unwrap_or_default() }
            }
            Err(error) => self.classify(&error, now),
        }
    }

    /// Sends a request, and retries it while SES reports too high a rate, unless others are retried for too long. Throttled requests have
    /// sent nothing.
    async fn send_throttled(&self, request: SendEmailFluentBuilder) -> Result<SendEmailOutput, SdkError<SendEmailError, HttpResponse>> {
        let mut result = request.clone().send().await;
        if !result.as_ref().is_err_and(is_throttled) {
            return result;
        }
        let Ok(_throttle) = timeout(THROTTLE_WAIT, self.throttle.lock()).await else { return result };
        for _ in 0..THROTTLE_RETRIES {
            sleep(THROTTLE_PAUSE).await;
            result = request.clone().send().await;
            if !result.as_ref().is_err_and(is_throttled) {
                break;
            }
        }
        result
    }

    /// Classifies an error: does it affect this email, or all emails?
    fn classify(&self, error: &SdkError<SendEmailError, HttpResponse>, now: Timestamp) -> Outcome {
        let cause = describe(error);
        match limit(error) {
            Some(Limit::Rate) => return Outcome::Throttled { until: now.plus(THROTTLED_FOR) },
            Some(Limit::Quota) => return self.open_circuit(format!("the daily sending quota is used up: {cause}"), now),
            None => {}
        }
        match error.as_service_error() {
            // The message names the sender address, which is not verified. An operator can fix that.
            Some(SendEmailError::MessageRejected(rejected))
                if rejected.message().is_some_and(|message| message.contains(&self.config.from.mailbox())) =>
            {
                Outcome::NotSent { cause: format!("the sender is not verified: {cause}") }
            }
            // This email. In the SES sandbox this happens with every unverified recipient.
            Some(SendEmailError::MessageRejected(_)) => Outcome::Rejected { reason: Reason::word("MessageRejected"), cause },
            Some(SendEmailError::BadRequestException(_)) => Outcome::Rejected { reason: Reason::word("BadRequest"), cause },
            // All emails.
            Some(SendEmailError::AccountSuspendedException(_) | SendEmailError::SendingPausedException(_)) => {
                self.open_circuit(format!("sending is paused: {cause}"), now)
            }
            // A problem with the sender's domain, the configuration set or permissions. An operator can fix that.
            Some(_) if error.raw_response().is_some_and(|raw| raw.status().is_client_error()) => Outcome::NotSent { cause },
            Some(_) | None => Outcome::Unknown { cause },
        }
    }

    /// Opens the circuit: no email is tried for a while.
    fn open_circuit(&self, cause: String, now: Timestamp) -> Outcome {
        let until = now.plus(CIRCUIT_OPEN_FOR);
        self.circuit.set(Some(until));
        Outcome::CircuitOpen { cause, until }
    }
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").finish_non_exhaustive()
    }
}

/// A sending limit of SES.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    /// Emails per second.
    Rate,
    /// Emails per 24 hours.
    Quota,
}

/// The limit that an error reports. SES uses the same errors for both limits and distinguishes them only in the message; its guide
/// and its API name the errors differently.
/// <https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas-errors.html>
fn limit(error: &SdkError<SendEmailError, HttpResponse>) -> Option<Limit> {
    let service_error = error.as_service_error()?;
    match service_error.code()? {
        "LimitExceededException" => Some(Limit::Quota),
        "TooManyRequestsException" | "ThrottlingException" | "Throttling" => {
            let is_quota = service_error.message().is_some_and(|message| message.to_ascii_lowercase().contains("quota"));
            Some(if is_quota { Limit::Quota } else { Limit::Rate })
        }
        _ => None,
    }
}

/// Whether SES has reported too high a rate.
fn is_throttled(error: &SdkError<SendEmailError, HttpResponse>) -> bool {
    limit(error) == Some(Limit::Rate)
}

/// The parts of the email. SES encodes the subject and generates all headers except a constant one, so header injection is not
/// possible. The constant header keeps autoresponders from replying (RFC 3834, section 5).
fn message(rendered: Rendered) -> Message {
    let utf8 = |text: String| Content::builder().data(text).charset("UTF-8").build().expect("the data is set");
    let body = Body::builder().text(utf8(rendered.text)).html(utf8(rendered.html)).build();
    let automatic = MessageHeader::builder().name("Auto-Submitted").value("auto-generated").build().expect("name and value are set");
    Message::builder().subject(utf8(rendered.subject)).body(body).headers(automatic).build()
}
