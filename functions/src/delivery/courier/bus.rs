//! Publishes events to EventBridge. Events contain neither email addresses nor tokens; consumers that need the address get it from
//! the API.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_eventbridge::{
    Client,
    config::{Builder, retry::RetryConfig, timeout::TimeoutConfig},
    primitives::DateTime,
    types::PutEventsRequestEntry,
};
use serde::Serialize;
use shared::{
    domain::{
        ExternalId, Invitation, Timestamp, Urns,
        invitation::expiry,
        metadata::Metadata,
        outbox::{Event, EventType},
        settings::{AccountSettings, Redirect},
    },
    store::SdkConfig,
};
use tracing::error;

use super::{circuit::Circuit, describe};
use crate::http::output::{DeliveryBody, to_json};

/// The `source` of every event.
pub const SOURCE: &str = "invitations";
/// How many entries a `PutEvents` call accepts.
const MAX_ENTRIES: usize = 10;
/// How long EventBridge is not called after a failed call, so that emails do not wait for it repeatedly.
const CIRCUIT_OPEN_FOR: Duration = Duration::from_secs(30);

/// An EventBridge bus.
#[derive(Debug)]
pub struct Bus {
    client: Client,
    name: String,
    urns: Urns,
    circuit: Circuit,
}

impl Bus {
    /// The bus with this name.
    #[must_use]
    pub fn new(config: &SdkConfig, name: String, urns: Urns) -> Self {
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(2)).operation_timeout(Duration::from_secs(8));
        let config = Builder::from(config).retry_config(RetryConfig::standard().with_max_attempts(3)).timeout_config(timeouts.build());
        Self { client: Client::from_conf(config.build()), name, urns, circuit: Circuit::default() }
    }

    /// Whether events may be published now: the circuit is closed.
    #[must_use]
    pub fn is_available(&self, now: Timestamp) -> bool {
        self.circuit.open_until(now).is_none()
    }

    /// Publishes all events in an invitation's outbox and returns whether that succeeded. Publishing again is safe: the events are
    /// identical. `settings` are those of the account, read after the invitation.
    pub async fn publish(&self, invitation: &Invitation, settings: &AccountSettings, now: Timestamp) -> bool {
        for events in invitation.outbox.events.chunks(MAX_ENTRIES) {
            let entries = events.iter().map(|event| self.entry(invitation, settings, event)).collect();
            let failure = match self.client.put_events().set_entries(Some(entries)).send().await {
                Ok(output) if output.failed_entry_count() == 0 => continue,
                Ok(output) => {
                    let codes: Vec<&str> = output.entries().iter().filter_map(|entry| entry.error_code()).collect();
                    codes.join(", ")
                }
                Err(error) => {
                    self.circuit.set(Some(now.plus(CIRCUIT_OPEN_FOR)));
                    describe(&error)
                }
            };
            let (account, id) = (invitation.resource.account.as_str(), invitation.resource.id.to_string());
            error!(account, invitation = id, cause = failure, "events not published");
            return false;
        }
        true
    }

    fn entry(&self, invitation: &Invitation, settings: &AccountSettings, event: &Event) -> PutEventsRequestEntry {
        let urn = self.urns.invitation(&invitation.resource.account, invitation.resource.id);
        let (kind, delivery) = (event.event_type.kind(), event.delivery());
        let terms = event.terms.as_ref();
        let expiry = match event.event_type {
            EventType::Created | EventType::CreatedUnsent | EventType::Resent | EventType::ResentUnsent => {
                Some(expiry(event.at, invitation.lifetime))
            }
            EventType::Changed | EventType::Reminded => Some(terms.map_or(invitation.resource.expiry, |terms| terms.expiry)),
            EventType::Expired => Some(event.at),
            EventType::Delivered
            | EventType::SoftBounced
            | EventType::Bounced
            | EventType::Complained
            | EventType::Failed
            | EventType::Accepted
            | EventType::Declined
            | EventType::Revoked => None,
        };
        let accepted_by = invitation.resource.accepted_by.as_deref().filter(|_| event.event_type == EventType::Accepted);
        let detail = Detail {
            id: event.id(invitation.resource.id),
            sequence: event.sequence,
            kind,
            time: event.at.to_string(),
            account: invitation.resource.account.as_str(),
            external_id: settings.external_id_at(event.at).map(ExternalId::as_str),
            invitation: InvitationDetail {
                id: invitation.resource.id.to_string(),
                urn: &urn,
                role_id: terms.map_or(&invitation.resource.role, |terms| &terms.role).as_str(),
                created: invitation.resource.created.to_string(),
                invited_by: &invitation.resource.invited_by,
                expiry: expiry.map(|expiry| expiry.to_string()),
                sent: matches!(event.event_type, EventType::CreatedUnsent | EventType::ResentUnsent).then_some(false),
                metadata: invitation.resource.metadata.as_ref().map(Metadata::entries),
                redirect: invitation.resource.redirect.as_ref().map(Redirect::as_str),
                accepted_by,
                delivery: delivery.as_ref().map(DeliveryBody::from),
            },
        };
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(SOURCE)
            .detail_type(format!("Invitation {}{}", kind[..1].to_ascii_uppercase(), &kind[1..]))
            .time(DateTime::from_millis(event.at.as_millis()))
            .resources(&urn)
            .detail(to_json(&detail))
            .build()
    }
}

#[derive(Serialize)]
struct Detail<'a> {
    id: String,
    sequence: u64,
    #[serde(rename = "type")]
    kind: &'static str,
    time: String,
    account: &'a str,
    #[serde(rename = "externalID", skip_serializing_if = "Option::is_none")]
    external_id: Option<&'a str>,
    invitation: InvitationDetail<'a>,
}

/// The invitation as it was at the time of the event: what never changes or what the event keeps, and what the event is about.
#[derive(Serialize)]
struct InvitationDetail<'a> {
    id: String,
    urn: &'a str,
    #[serde(rename = "roleID")]
    role_id: &'a str,
    created: String,
    #[serde(rename = "invitedBy")]
    invited_by: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiry: Option<String>,
    /// Only `false`: the link was handed out, and no email is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect: Option<&'a str>,
    #[serde(rename = "acceptedBy", skip_serializing_if = "Option::is_none")]
    accepted_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<DeliveryBody<'a>>,
}
