//! The courier: brings mails and events on their way, whatever reminds of them.
//!
//! - [`mailer`] gives mails to SES, and says what its answers mean.
//! - [`bus`] gives events to EventBridge.
//!
//! A mail is claimed before it is sent, on the condition that the invitation still is what it was: so a mail is never sent
//! twice by two couriers, and never for an invitation that was revoked or resent before. SES knows no idempotency, so one
//! window remains: when its answer is lost, or we are, a second copy with the same working link follows.

pub mod bus;
mod circuit;
pub mod mailer;

use std::{error::Error, iter::successors, time::Duration};

use aws_sdk_sesv2::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::RequestId,
};
use shared::{
    config::{Config, ConfigError, DeliveryConfig, read_default_settings},
    domain::{
        Invitation, Timestamp,
        courier::pause_after,
        delivery::{Delivery, DeliveryStatus, Reason},
        invitation::OperationId,
        settings::AccountSettings,
    },
    store::{InvitationKey, Store, StoreError, sdk_config},
};
use tracing::{error, info, warn};

use crate::{
    app::{combine, connected, variable},
    texts::Texts,
};

use bus::Bus;
use mailer::{Mailer, Outcome};

/// How many steps one reminder takes at most: an expiry, its event, a mail, the event of its failure, and others' changes
/// between them. What is left then is due again.
const STEPS: u32 = 8;
/// How long the table is asked again when it fails to note what became of a mail. Without the note there would be a second copy.
const PATIENCE: Duration = Duration::from_secs(15);

/// Brings mails and events on their way.
#[derive(Debug)]
pub struct Courier {
    store: Store,
    mailer: Mailer,
    bus: Bus,
    defaults: AccountSettings,
    retention: Option<Duration>,
}

impl Courier {
    /// Over a store that is connected.
    #[must_use]
    pub fn new(store: Store, mailer: Mailer, bus: Bus, defaults: AccountSettings, retention: Option<Duration>) -> Self {
        Self { store, mailer, bus, defaults, retention }
    }

    /// From the process's environment.
    ///
    /// # Errors
    /// All that is wrong with the configuration.
    pub fn from_env() -> Result<Self, ConfigError> {
        let delivery = combine(DeliveryConfig::read(&variable), read_default_settings(&variable));
        let (config, (delivery, defaults)) = combine(Config::read(&variable), delivery)?;
        let texts = Texts::load(delivery.texts.as_deref()).map_err(ConfigError)?;
        let store = connected(&config);
        let ses = sdk_config(&config.connection, delivery.ses_endpoint.as_deref());
        let events = sdk_config(&config.connection, delivery.events_endpoint.as_deref());
        let retention = delivery.retention;
        let bus = Bus::new(&events, delivery.event_bus.clone(), config.urns);
        Ok(Self::new(store, Mailer::new(&ses, delivery, texts), bus, defaults, retention))
    }

    /// The table that it works on.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Does whatever is due for one invitation. What cannot be done now stays due, and is no error.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Defect`], when the table fails.
    pub async fn process_due(&self, key: &InvitationKey) -> Result<(), StoreError> {
        match self.take_steps(key).await {
            Err(corrupt @ StoreError::Corrupt { .. }) => {
                error!(account = key.account.as_str(), invitation = %key.id, cause = %corrupt, "set aside");
                self.store.quarantine(key).await
            }
            result => result,
        }
    }

    async fn take_steps(&self, key: &InvitationKey) -> Result<(), StoreError> {
        for _ in 0..STEPS {
            let Some(stored) = self.store.load(key).await? else { return Ok(()) };
            let (invitation, now) = (&stored.invitation, self.store.now());
            if invitation.expiry_is_due(now) {
                if invitation.delivery.is_none() {
                    let (account, sending) = (key.account.as_str(), invitation.link.version);
                    error!(account, invitation = %key.id, sending, "expired before its mail could be sent");
                }
                self.store.compare_and_set(&stored, &invitation.expired(now), self.retention).await?;
                continue;
            }
            let mut after = invitation.clone();
            if !invitation.outbox.events.is_empty() && self.bus.publish(invitation, now).await {
                after = after.published();
            }
            let mut claim = None;
            if invitation.mail_is_due(now) {
                match self.mailer.closed_until(now) {
                    None => after = after.claimed(claim.insert(OperationId::generate()).clone(), now),
                    // Nobody's mail goes out for the time being: this one has not been tried.
                    Some(until) => after = after.postponed(until),
                }
            }
            if after == *invitation {
                return Ok(());
            }
            if !self.store.compare_and_set(&stored, &after, self.retention).await? {
                continue;
            }
            match claim {
                Some(claim) => self.send(key, &after, &claim).await?,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// Sends the mail that `claim` has taken in hand, and notes what became of it.
    async fn send(&self, key: &InvitationKey, invitation: &Invitation, claim: &OperationId) -> Result<(), StoreError> {
        let outcome = match self.store.settings(&key.account).await {
            Ok(settings) => self.mailer.send(invitation, &settings.or(&self.defaults), self.store.now()).await,
            // Nothing is wrong with the invitation: its mail waits until the account's row can be read again.
            Err(error) => Outcome::Later { cause: error.to_string() },
        };
        let sending = invitation.link.version;
        let (account, id) = (key.account.as_str(), key.id.to_string());
        match outcome {
            Outcome::Taken { message } => {
                info!(account, invitation = id, sending, message, "mail sent");
                self.note(key, sending, DeliveryStatus::Sent, None).await
            }
            Outcome::Refused { reason, cause } => {
                warn!(account, invitation = id, sending, cause, "mail refused");
                self.note(key, sending, DeliveryStatus::Failed, Some(&reason)).await
            }
            Outcome::Busy { until } => {
                warn!(account, invitation = id, sending, "SES is busy, mail postponed");
                self.postpone(key, claim, |before, _| before.put_back(until)).await
            }
            Outcome::Closed { cause, until } => {
                error!(account, invitation = id, sending, cause, "mail postponed");
                self.postpone(key, claim, |before, _| before.put_back(until)).await
            }
            Outcome::Later { cause } => {
                error!(account, invitation = id, sending, cause, "mail postponed");
                self.postpone(key, claim, |before, now| before.postponed(now.plus(pause_after(before.send_attempts.tries)))).await
            }
            // Perhaps it is on its way, and SES will report it. So the claim stays, and its end is when the mail is due again.
            Outcome::Unknown { cause } if invitation.send_attempts.tries > 1 => {
                error!(account, invitation = id, sending, cause, "no answer to a mail, again");
                Ok(())
            }
            Outcome::Unknown { cause } => {
                warn!(account, invitation = id, sending, cause, "no answer to a mail");
                Ok(())
            }
        }
    }

    /// Lets a mail wait that `claim` has in hand.
    async fn postpone(
        &self,
        key: &InvitationKey,
        claim: &OperationId,
        wait: impl Fn(&Invitation, Timestamp) -> Invitation,
    ) -> Result<(), StoreError> {
        // Else it is somebody else's business by now: sent again, or found to be sent after all.
        let own = |before: &Invitation| before.send_attempts.claim.as_ref() == Some(claim);
        let wait = |before: &Invitation, now| if own(before) { wait(before, now) } else { before.clone() };
        self.store.update_with_retry(key, self.retention, PATIENCE, wait).await.map(drop)
    }

    async fn note(&self, key: &InvitationKey, sending: u32, status: DeliveryStatus, reason: Option<&Reason>) -> Result<(), StoreError> {
        let news = |before: &Invitation, now| before.delivered(sending, Delivery { status, at: now, reason: reason.cloned() });
        self.store.update_with_retry(key, self.retention, PATIENCE, news).await.map(drop)
    }
}

/// What went wrong, for the log: never what a service says about it in words, which may repeat an address.
fn describe<E: ProvideErrorMetadata + RequestId + Error + 'static>(error: &SdkError<E, HttpResponse>) -> String {
    let request = error.request_id().unwrap_or("none");
    match error.as_service_error() {
        Some(said) => {
            let status = error.raw_response().map_or(0, |raw| raw.status().as_u16());
            format!("{} (status {status}, request {request})", said.code().unwrap_or("an error without a code"))
        }
        None => successors(Some(error as &dyn Error), |error| (*error).source()).map(ToString::to_string).collect::<Vec<_>>().join(": "),
    }
}
