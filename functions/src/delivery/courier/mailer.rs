//! Mails to SES, and what its answers mean.

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
    domain::{Invitation, Timestamp, delivery::Reason, settings::AccountSettings},
    store::SdkConfig,
};

use super::{circuit::Circuit, describe};
use crate::{
    delivery::email::{InvitationEmail, Rendered},
    texts::Texts,
};

/// How long no mail is tried after SES has said that it sends none of ours.
const CLOSED_FOR: Duration = Duration::from_secs(300);
/// How often a mail is asked for again at once, after SES has said that others were sent too fast, and after which pause. SES
/// counts in seconds: whoever waited for minutes would waste most of what it allows.
const TURNS: u32 = 5;
const TURN: Duration = Duration::from_millis(250);
/// How long a mail waits that has had no success with that. Always the same: the next try is as likely to succeed as this one.
const BUSY_FOR: Duration = Duration::from_secs(30);

/// What became of a mail.
#[derive(Debug)]
pub enum Outcome {
    /// SES has it.
    Taken {
        /// What SES calls it.
        message: String,
    },
    /// SES will never take it.
    Refused {
        /// For the account.
        reason: Reason,
        /// For the log.
        cause: String,
    },
    /// It was not sent. Something on our side has to be put right first.
    Later {
        /// For the log.
        cause: String,
    },
    /// It was not sent, and for the time being no mail of ours is.
    Closed {
        /// For the log.
        cause: String,
        /// Until when to wait.
        until: Timestamp,
    },
    /// SES said nothing, or nothing that says whether it has the mail.
    Unknown {
        /// For the log.
        cause: String,
    },
    /// SES is busy with others of our mails.
    Busy {
        /// Until when to wait.
        until: Timestamp,
    },
}

/// Gives mails to SES.
pub struct Mailer {
    client: Client,
    config: DeliveryConfig,
    texts: Texts,
    /// Set while SES sends none of our mails: asking with each of them would only make it worse.
    circuit: Circuit,
    /// Held by the one mail that is asked for again. The others wait, and so all slow down to what SES allows.
    turn: tokio::sync::Mutex<()>,
}

impl Mailer {
    /// A mailer that sends as it is configured.
    #[must_use]
    pub fn new(sdk: &SdkConfig, config: DeliveryConfig, texts: Texts) -> Self {
        let timeouts = TimeoutConfig::builder().operation_timeout(Duration::from_secs(6)).build();
        // One attempt: a second one of the SDK's own could be a second mail that nobody knows of.
        let client = Builder::from(sdk).retry_config(RetryConfig::disabled()).timeout_config(timeouts);
        Self { client: Client::from_conf(client.build()), config, texts, circuit: Circuit::default(), turn: tokio::sync::Mutex::default() }
    }

    /// Until when no mail is to be tried, if that is so.
    pub fn closed_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.circuit.open_until(now)
    }

    /// Sends the mail of an invitation's last sending.
    pub async fn send(&self, invitation: &Invitation, settings: &AccountSettings, now: Timestamp) -> Outcome {
        let Some(token) = self.config.link_keys.token(&invitation.account, invitation.id, &invitation.link) else {
            let cause = format!("the key '{}' that made the link is not among LINK_KEYS", invitation.link.key_id);
            return Outcome::Later { cause };
        };
        let link = self.config.link_base.link(&token);
        let letter = InvitationEmail::of(invitation, settings, &link);
        let rendered = match letter.render(&self.texts) {
            Ok(rendered) => rendered,
            Err(problem) => return Outcome::Later { cause: problem.to_string() },
        };
        let from = letter.mailbox(&self.texts, &self.config.from);
        let tags = [
            ("account", invitation.account.to_string()),
            ("invitation", invitation.id.to_string()),
            ("sending", invitation.link.version.to_string()),
        ];
        let tags = tags.map(|(name, value)| MessageTag::builder().name(name).value(value).build().expect("a tag has a name and a value"));
        let request = self
            .client
            .send_email()
            .from_email_address(from)
            .destination(Destination::builder().to_addresses(invitation.email.mailbox()).build())
            .content(EmailContent::builder().simple(message(rendered)).build())
            .set_configuration_set_name(self.config.configuration_set.clone())
            .set_email_tags(Some(tags.into()));
        match self.ask(request).await {
            Ok(output) => {
                self.circuit.set(None);
                Outcome::Taken { message: output.message_id.unwrap_or_default() }
            }
            Err(error) => self.classify(&error, now),
        }
    }

    /// Asks SES, and again as long as it is only too fast: then it has sent nothing.
    async fn ask(&self, request: SendEmailFluentBuilder) -> Result<SendEmailOutput, SdkError<SendEmailError, HttpResponse>> {
        let mut result = request.clone().send().await;
        if !result.as_ref().is_err_and(too_fast) {
            return result;
        }
        let _turn = self.turn.lock().await;
        for _ in 0..TURNS {
            tokio::time::sleep(TURN).await;
            result = request.clone().send().await;
            if !result.as_ref().is_err_and(too_fast) {
                break;
            }
        }
        result
    }

    /// What an error says about this mail, and about all.
    fn classify(&self, error: &SdkError<SendEmailError, HttpResponse>, now: Timestamp) -> Outcome {
        let cause = describe(error);
        match limit(error) {
            Some(Limit::Rate) => return Outcome::Busy { until: now.plus(BUSY_FOR) },
            Some(Limit::Quota) => return self.close(format!("the day's quota is used up: {cause}"), now),
            None => {}
        }
        match error.as_service_error() {
            // Of our sender, in so many words, when it is not verified, or no longer. That is put right.
            Some(SendEmailError::MessageRejected(said))
                if said.message().is_some_and(|said| said.contains(&self.config.from.mailbox())) =>
            {
                Outcome::Later { cause: format!("the sender is not verified: {cause}") }
            }
            // Of this mail. In the sandbox of SES that is every address that is not verified.
            Some(SendEmailError::MessageRejected(_)) => Outcome::Refused { reason: Reason::word("MessageRejected"), cause },
            Some(SendEmailError::BadRequestException(_)) => Outcome::Refused { reason: Reason::word("BadRequest"), cause },
            // Of all our mails.
            Some(SendEmailError::AccountSuspendedException(_) | SendEmailError::SendingPausedException(_)) => {
                self.close(format!("sending is paused: {cause}"), now)
            }
            // The sender's domain or the configuration set is not what it should be, or we may not send. That is put right.
            Some(_) if error.raw_response().is_some_and(|raw| raw.status().is_client_error()) => Outcome::Later { cause },
            Some(_) | None => Outcome::Unknown { cause },
        }
    }

    /// Nobody's mail is tried for a while.
    fn close(&self, cause: String, now: Timestamp) -> Outcome {
        let until = now.plus(CLOSED_FOR);
        self.circuit.set(Some(until));
        Outcome::Closed { cause, until }
    }
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").finish_non_exhaustive()
    }
}

/// A limit of SES's that our mails have reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    /// Of mails a second.
    Rate,
    /// Of mails in 24 hours.
    Quota,
}

/// Which limit an error speaks of. SES has one kind of error for both and tells them apart in words only; its guide and its API
/// do not call it the same.
/// <https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas-errors.html>
fn limit(error: &SdkError<SendEmailError, HttpResponse>) -> Option<Limit> {
    let said = error.as_service_error()?;
    match said.code()? {
        "LimitExceededException" => Some(Limit::Quota),
        "TooManyRequestsException" | "ThrottlingException" | "Throttling" => {
            let of_the_day = said.message().is_some_and(|words| words.to_ascii_lowercase().contains("quota"));
            Some(if of_the_day { Limit::Quota } else { Limit::Rate })
        }
        _ => None,
    }
}

/// Whether SES has only said that others were sent too fast.
fn too_fast(error: &SdkError<SendEmailError, HttpResponse>) -> bool {
    limit(error) == Some(Limit::Rate)
}

/// The parts of the email. SES encodes the subject and makes the headers but for a constant one, so that there is no header to
/// inject anything into. The constant one keeps absence notes and other answering machines from replying (RFC 3834, section 5).
fn message(rendered: Rendered) -> Message {
    let utf8 = |text: String| Content::builder().data(text).charset("UTF-8").build().expect("there is a text");
    let body = Body::builder().text(utf8(rendered.text)).html(utf8(rendered.html)).build();
    let automatic = MessageHeader::builder().name("Auto-Submitted").value("auto-generated").build().expect("it is whole");
    Message::builder().subject(utf8(rendered.subject)).body(body).headers(automatic).build()
}
