//! Everything after the response: the stream, and stand-ins for SES and EventBridge.

use aws_sdk_dynamodb::config::{BehaviorVersion, IdentityCache, Region, SharedHttpClient};
use functions::{
    delivery::{
        courier::{Courier, bus::Bus as EventBus, mailer::Mailer},
        deliver_invitations, reconcile_deliveries,
        record_feedback::{self, Feedback, Recorded},
        worker::{Failed, invoke},
    },
    texts::Texts,
};
use local::{
    events::{Bus, Event},
    ses::{Inbox, SentEmail, feedback},
    stream::{Mapping, Pump, Start, Stream},
};
use serde_json::Value;
use shared::{
    config::{DeliveryConfig, read_default_settings},
    store::{InvitationKey, SdkConfig, StoreError},
};

use crate::{
    TestApp,
    identity::{credentials, run_as},
    root_file,
};

/// The background functions and the services that they call.
pub struct Workers {
    /// Stands in for SES.
    pub inbox: Inbox,
    /// Stands in for EventBridge.
    pub bus: Bus,
    /// Sends emails and events.
    pub courier: Courier,
    feedback: Feedback,
    pump: Pump,
}

impl Workers {
    /// The background functions of a service.
    pub async fn of(app: &TestApp) -> Self {
        let inbox = Inbox::on_free_port().expect("there is a port");
        let bus = Bus::on_free_port().expect("there is a port");
        inbox.guard_by(app.guard());
        bus.guard_by(app.guard());
        let courier = courier(app, &inbox, &bus);
        let feedback = Feedback { store: app.state().store.clone(), retention: outgoing(app).retention };
        let stream = Stream::open(&app.endpoint, &app.table, Start::TrimHorizon).await.expect("the table has a stream");
        let mapping = Mapping::of(&root_file("template.yaml"), "deliver-invitations").expect("the template maps the stream");
        Self { inbox, bus, courier, feedback, pump: Pump::new(stream, mapping) }
    }

    /// The courier of another process of the same service.
    #[must_use]
    pub fn another_courier(&self, app: &TestApp) -> Courier {
        courier(app, &self.inbox, &self.bus)
    }

    /// Delivers the records of the stream, as Lambda does, until none is left.
    pub async fn deliver(&mut self) {
        let courier = &self.courier;
        let work = self.pump.drain(async |event: Value| {
            let event = event.to_string();
            let answer = run_as("deliver-invitations", invoke(Ok(courier), &event, &deliver_invitations::handle)).await;
            answer.map(|answer| serde_json::to_value(answer).expect("the answer is JSON")).map_err(|failed| failed.to_string())
        });
        work.await.expect("the stream can be read");
    }

    /// Discards the records of the stream.
    pub async fn drop_stream_records(&mut self) {
        self.pump.drain(async |_| Ok(serde_json::json!({ "batchItemFailures": [] }))).await.expect("the stream can be read");
    }

    /// Runs the reconciler once.
    pub async fn reconcile(&self) -> reconcile_deliveries::Round {
        let round = invoke(Ok(&self.courier), "{}", &reconcile_deliveries::handle);
        run_as("reconcile-deliveries", round).await.expect("the table answers")
    }

    /// Sends the reports of SES about an email. Its recipient decides which: `bounce…` means a bounce, and so on.
    pub async fn report(&self, email: &SentEmail) {
        for event in feedback::events(email) {
            self.report_event(&event.to_string()).await;
        }
    }

    /// Sends an arbitrary report of SES.
    pub async fn report_event(&self, event: &str) -> Recorded {
        self.record(event).await.expect("the report can be recorded")
    }

    /// Sends a report of SES that must fail, and returns the error.
    pub async fn fail_to_report(&self, event: &str) -> Failed {
        self.record(event).await.expect_err("the report cannot be recorded")
    }

    async fn record(&self, event: &str) -> Result<Recorded, Failed> {
        run_as("record-feedback", invoke(Ok(&self.feedback), event, &record_feedback::handle)).await
    }

    /// The last email to an address.
    #[must_use]
    pub fn last_email(&self, to: &str) -> SentEmail {
        let emails = self.inbox.emails();
        emails.into_iter().rev().find(|email| email.to == [to]).unwrap_or_else(|| panic!("no email to {to}"))
    }

    /// The token in the last email to an address.
    #[must_use]
    pub fn last_token(&self, to: &str) -> String {
        token(&self.last_email(to))
    }

    /// The types of the published events, in order.
    #[must_use]
    pub fn event_types(&self) -> Vec<String> {
        self.bus.events().iter().map(|event: &Event| event.detail["type"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// The token in the link of an email.
#[must_use]
pub fn token(email: &SentEmail) -> String {
    let text = email.text.as_deref().expect("an email has a text part");
    let link = text.split_whitespace().find(|word| word.contains("#i1.")).unwrap_or_else(|| panic!("no link in {text}"));
    link.split_once('#').expect("a link has a fragment").1.to_owned()
}

/// Does an invitation's due work, as a record of the stream would.
///
/// # Errors
/// As [`Courier::process_due`].
pub async fn process_due(courier: &Courier, key: &InvitationKey) -> Result<(), StoreError> {
    run_as("deliver-invitations", courier.process_due(key)).await
}

fn courier(app: &TestApp, inbox: &Inbox, bus: &Bus) -> Courier {
    let (outgoing, lookup) = (outgoing(app), |name: &str| app.variable(name));
    let defaults = read_default_settings(&lookup).expect("the configuration is valid");
    let texts = Texts::load(outgoing.texts.as_deref()).expect("the texts are valid");
    let events = EventBus::new(&sdk_config(bus.endpoint()), outgoing.event_bus.clone(), app.state().urns.clone());
    let retention = outgoing.retention;
    Courier::new(app.state().store.clone(), Mailer::new(&sdk_config(inbox.endpoint()), outgoing, texts), events, defaults, retention)
}

fn outgoing(app: &TestApp) -> DeliveryConfig {
    DeliveryConfig::read(&|name| app.variable(name)).expect("the configuration is valid")
}

/// The SDK configuration for a stand-in: its requests are signed as the function that runs.
#[must_use]
pub fn sdk_config_over(endpoint: &str, http_client: SharedHttpClient) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("ca-1"))
        .credentials_provider(credentials())
        .identity_cache(IdentityCache::no_cache())
        .http_client(http_client)
        .endpoint_url(endpoint)
        .build()
}

fn sdk_config(endpoint: &str) -> SdkConfig {
    sdk_config_over(endpoint, aws_smithy_http_client::Builder::new().build_http())
}
