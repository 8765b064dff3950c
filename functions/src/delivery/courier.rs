//! The courier: sends emails and publishes events, independent of the trigger.
//!
//! - [`mailer`] sends emails through SES and classifies its errors.
//! - [`bus`] publishes events to EventBridge.
//!
//! An email is claimed before it is sent, on the condition that the invitation has not changed. So two couriers never send the same
//! email, and no email is sent for an invitation that was revoked or resent before. SES has no idempotency, so one gap remains: if its
//! reply is lost or the process ends, a second copy with the same working link follows.

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
        courier::{EmailKind, pause_after},
        delivery::{Delivery, DeliveryStatus, Reason},
        invitation::OperationId,
        settings::AccountSettings,
    },
    store::{InvitationKey, Store, StoreError, Stored, sdk_config},
};
use tracing::{error, info, warn};

use crate::{
    app::{combine, connected, variable},
    texts::Texts,
};

use bus::Bus;
use mailer::{Mailer, Outcome};

/// The maximum number of steps per trigger: an expiry, its event, an email, the event of its failure, and concurrent changes. The rest
/// becomes due again.
const MAX_STEPS: u32 = 8;
/// How long recording an email's outcome is retried if the table fails. If it were not recorded, a second copy would be sent.
const RETRY_FOR: Duration = Duration::from_secs(15);

/// Sends emails and publishes events.
#[derive(Debug)]
pub struct Courier {
    store: Store,
    mailer: Mailer,
    bus: Bus,
    defaults: AccountSettings,
    retention: Option<Duration>,
}

impl Courier {
    /// Creates a courier over a connected store.
    #[must_use]
    pub fn new(store: Store, mailer: Mailer, bus: Bus, defaults: AccountSettings, retention: Option<Duration>) -> Self {
        Self { store, mailer, bus, defaults, retention }
    }

    /// Reads the environment.
    ///
    /// # Errors
    /// All configuration problems.
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

    /// The table.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Does everything that is due for an invitation. Work that cannot be done now stays due and is not an error.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Defect`], when the table fails.
    pub async fn process_due(&self, key: &InvitationKey) -> Result<(), StoreError> {
        match self.process_steps(key).await {
            Err(corrupt @ StoreError::Corrupt { .. }) => {
                error!(account = key.account.as_str(), invitation = %key.id, cause = %corrupt, "row quarantined");
                self.store.quarantine(key).await
            }
            result => result,
        }
    }

    async fn process_steps(&self, key: &InvitationKey) -> Result<(), StoreError> {
        let mut known = None;
        for _ in 0..MAX_STEPS {
            let stored = match known.take() {
                Some(known) => known,
                None => match self.store.load(key).await? {
                    Some(stored) => stored,
                    None => return Ok(()),
                },
            };
            let (invitation, now) = (&stored.invitation, self.store.now());
            if invitation.expiry_is_due(now) {
                if invitation.email_is_pending() {
                    let (account, sending) = (key.account.as_str(), invitation.link.version);
                    error!(account, invitation = %key.id, sending, "expired before its email could be sent");
                }
                known = self.store.compare_and_set(&stored, &invitation.expired(now), self.retention).await?;
                if known.is_some() {
                    info!(account = key.account.as_str(), invitation = %key.id, "invitation expired");
                }
                continue;
            }
            let publishes = !invitation.outbox.events.is_empty() && self.bus.is_available(now);
            let (email, paused_until) = (invitation.due_email(now), self.mailer.circuit_open_until(now));
            let sends = email.is_some() && paused_until.is_none();
            let settings = if publishes || sends { self.store.settings(&key.account).await } else { Ok(AccountSettings::default()) };
            let mut after = invitation.clone();
            if publishes && self.publish(invitation, &settings, now).await {
                after = after.published();
            }
            let mut claim = None;
            match (email, paused_until) {
                (Some(kind), None) => {
                    after = self.plan_reminder(&after, kind, &settings);
                    if after.due_email(now) == Some(kind) {
                        let (_, claim) = claim.insert((kind, OperationId::generate()));
                        after = after.claimed(claim.clone(), now);
                    }
                }
                // SES currently sends no emails: this one has not been tried.
                (Some(_), Some(until)) => after = after.postponed(until),
                (None, _) => {}
            }
            if after == *invitation && !stored.is_listed_early(now) {
                return Ok(());
            }
            known = match (self.store.compare_and_set(&stored, &after, self.retention).await?, claim) {
                (None, _) => None,
                (Some(claimed), Some((kind, claim))) => self.send(key, kind, claimed, settings, &claim).await?,
                (Some(_), None) => return Ok(()),
            };
        }
        Ok(())
    }

    /// Publishes the invitation's events and returns whether that succeeded. The settings were read after the invitation, so after its
    /// events were committed: see docs/adr/0022.
    async fn publish(&self, invitation: &Invitation, settings: &Result<AccountSettings, StoreError>, now: Timestamp) -> bool {
        match settings {
            Ok(settings) => self.bus.publish(invitation, settings, now).await,
            // The events stay due until the account's row can be read again.
            Err(cause) => {
                let (account, id) = (invitation.resource.account.as_str(), invitation.resource.id);
                error!(account, invitation = %id, %cause, "events not published");
                false
            }
        }
    }

    /// The invitation before its email is claimed, with the reminder as the settings say. A reminder that is due may then be due later, or
    /// never.
    fn plan_reminder(&self, invitation: &Invitation, kind: EmailKind, settings: &Result<AccountSettings, StoreError>) -> Invitation {
        let setting = settings.as_ref().map(|settings| self.mailer.remind_before(settings));
        match (kind, setting) {
            (EmailKind::Invitation, Ok(setting)) => invitation.with_reminder(setting),
            (EmailKind::Reminder, Ok(setting)) => invitation.with_reminder_no_earlier_than(setting),
            // Without the settings nothing is sent.
            (_, Err(_)) => invitation.clone(),
        }
    }

    /// Sends the email that `claim` has claimed, and records the outcome. Returns the resulting invitation, if it still exists.
    async fn send(
        &self,
        key: &InvitationKey,
        kind: EmailKind,
        claimed: Stored,
        settings: Result<AccountSettings, StoreError>,
        claim: &OperationId,
    ) -> Result<Option<Stored>, StoreError> {
        let invitation = &claimed.invitation;
        let outcome = match settings {
            Ok(settings) => self.mailer.send(kind, invitation, &settings.or(&self.defaults), self.store.now()).await,
            // The invitation is valid. Its email waits until the account's row can be read again.
            Err(error) => Outcome::NotSent { cause: error.to_string() },
        };
        let (sending, tries) = (invitation.link.version, invitation.send_attempts.tries);
        let (account, id) = (key.account.as_str(), key.id.to_string());
        match outcome {
            Outcome::Accepted { message_id } => {
                // From the request that asked for it. A reminder is sent when its time has come.
                let delay = || self.store.now().since(invitation.resource.last_sent).as_millis() as u64;
                let delay_millis = (kind == EmailKind::Invitation).then(delay);
                info!(account, invitation = id, %kind, sending, message_id, delay_millis, "email sent");
                match kind {
                    EmailKind::Invitation => self.record(key, claimed, DeliveryStatus::Sent, None).await,
                    EmailKind::Reminder => self.record_reminder(key, claimed).await,
                }
            }
            Outcome::Rejected { reason, cause } => {
                warn!(account, invitation = id, %kind, sending, cause, "email refused");
                match kind {
                    EmailKind::Invitation => self.record(key, claimed, DeliveryStatus::Failed, Some(&reason)).await,
                    EmailKind::Reminder => self.change_claimed(key, claimed, claim, |before, _| before.without_reminder()).await,
                }
            }
            Outcome::Throttled { until } => {
                warn!(account, invitation = id, %kind, sending, "SES is busy, email postponed");
                self.change_claimed(key, claimed, claim, |before, _| before.postponed_uncounted(until)).await
            }
            Outcome::CircuitOpen { cause, until } => {
                error!(account, invitation = id, %kind, sending, cause, "email postponed");
                self.change_claimed(key, claimed, claim, |before, _| before.postponed_uncounted(until)).await
            }
            Outcome::NotSent { cause } => {
                error!(account, invitation = id, %kind, sending, cause, "email postponed");
                let pause = |before: &Invitation, now: Timestamp| before.postponed(now.plus(pause_after(before.send_attempts.tries)));
                self.change_claimed(key, claimed, claim, pause).await
            }
            // SES may have accepted the email, and will report it then. So the claim remains, and the email becomes due again when the
            // claim ends.
            Outcome::Unknown { cause } if tries > 1 => {
                error!(account, invitation = id, %kind, sending, cause, "no response from SES, again");
                Ok(Some(claimed))
            }
            Outcome::Unknown { cause } => {
                warn!(account, invitation = id, %kind, sending, cause, "no response from SES");
                Ok(Some(claimed))
            }
        }
    }

    /// Changes the invitation if `claim` still has its email.
    async fn change_claimed(
        &self,
        key: &InvitationKey,
        claimed: Stored,
        claim: &OperationId,
        change: impl Fn(&Invitation, Timestamp) -> Invitation,
    ) -> Result<Option<Stored>, StoreError> {
        // Without the claim, the email was resent in the meantime, or found to be sent after all.
        let own = |before: &Invitation| before.send_attempts.claim.as_ref() == Some(claim);
        let change = |before: &Invitation, now| if own(before) { change(before, now) } else { before.clone() };
        self.store.update_with_retry(key, Some(claimed), self.retention, RETRY_FOR, change).await
    }

    /// Records that SES has accepted the reminder. The claim does not matter: the reminder was sent.
    async fn record_reminder(&self, key: &InvitationKey, claimed: Stored) -> Result<Option<Stored>, StoreError> {
        let sending = claimed.invitation.link.version;
        let report = |before: &Invitation, now| before.reminded(sending, now);
        self.store.update_with_retry(key, Some(claimed), self.retention, RETRY_FOR, report).await
    }

    async fn record(
        &self,
        key: &InvitationKey,
        claimed: Stored,
        status: DeliveryStatus,
        reason: Option<&Reason>,
    ) -> Result<Option<Stored>, StoreError> {
        let sending = claimed.invitation.link.version;
        let report = |before: &Invitation, now| before.delivered(sending, Delivery { status, at: now, reason: reason.cloned() });
        self.store.update_with_retry(key, Some(claimed), self.retention, RETRY_FOR, report).await
    }
}

/// The service's error code and status, or the chain of causes, for the log. Never the service's message, which may repeat an address.
fn describe<E: ProvideErrorMetadata + RequestId + Error + 'static>(error: &SdkError<E, HttpResponse>) -> String {
    let request = error.request_id().unwrap_or("none");
    match error.as_service_error() {
        Some(service_error) => {
            let status = error.raw_response().map_or(0, |raw| raw.status().as_u16());
            format!("{} (status {status}, request {request})", service_error.code().unwrap_or("an error without a code"))
        }
        None => successors(Some(error as &dyn Error), |error| (*error).source()).map(ToString::to_string).collect::<Vec<_>>().join(": "),
    }
}
