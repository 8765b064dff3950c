//! The processes that deliver, each with its own couriers' state, and each to be killed at any request.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_sdk_dynamodb::{
    Client,
    config::{
        BehaviorVersion, Credentials, Region, SharedCredentialsProvider, SharedHttpClient,
        retry::{RetryConfig, RetryPartition},
    },
};
use functions::{
    delivery::{
        courier::{Courier, bus::Bus, mailer::Mailer},
        worker::{Failed, invoke},
    },
    texts::Texts,
};
use local::client::CREDENTIALS;
use shared::{
    config::{DeliveryConfig, read_default_settings},
    store::{SdkConfig, Store, with_deadlines},
};
use support::TestApp;

use super::{
    counts::What,
    send_log::Context,
    wire::{Crash, Liveness, Service},
};
use support::random::Random;

/// What every process of a world is made of.
pub(super) struct Factory {
    pub(super) app: Arc<TestApp>,
    pub(super) context: Arc<Context>,
    pub(super) mails: String,
    pub(super) events: String,
    pub(super) random: Mutex<Random>,
}

/// A process of one of the functions that send.
pub(super) struct Process {
    factory: Arc<Factory>,
    liveness: Arc<Liveness>,
    courier: Courier,
    random: Random,
}

impl Process {
    pub(super) fn start(factory: &Arc<Factory>) -> Self {
        let mut random = factory.random.lock().unwrap_or_else(PoisonError::into_inner).fork();
        let liveness = Arc::new(Liveness::new(Arc::clone(&factory.context), random.fork()));
        Self { courier: courier(factory, &liveness), factory: Arc::clone(factory), liveness, random }
    }

    /// Invokes a function in it. `None` when it was killed meanwhile: then another process is in its place.
    pub(super) async fn invoke<A>(
        &mut self,
        killable: bool,
        event: &str,
        handle: &impl AsyncFn(&Courier, &str) -> Result<A, Failed>,
    ) -> Option<Result<A, Failed>> {
        let dies = killable && self.random.chance(1, 3);
        self.liveness.invoked(dies.then(|| Crash::draw(&mut self.random)));
        let answer = tokio::select! {
            biased;
            () = self.liveness.over() => None,
            answer = invoke(Ok(&self.courier), event, handle) => Some(answer),
        };
        if answer.is_none() {
            self.factory.context.counts.add(What::Killed, 1);
            *self = Self::start(&self.factory);
        }
        answer
    }
}

fn courier(factory: &Factory, liveness: &Arc<Liveness>) -> Courier {
    let app = &factory.app;
    let over = app.client.config().http_client().expect("a client has an HTTP client");
    let lookup = |name: &str| app.variable(name);
    let outgoing = DeliveryConfig::read(&lookup).expect("the configuration is right");
    let defaults = read_default_settings(&lookup).expect("the configuration is right");
    let texts = Texts::load(outgoing.texts.as_deref()).expect("the texts are right");
    let table = with_deadlines(app.client.config().to_builder())
        .http_client(liveness.wire(Service::Table, &over))
        // Nothing is learnt from waiting longer.
        .retry_config(RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(20)))
        .retry_partition(RetryPartition::new(app.table.clone()))
        .build();
    let clock = Arc::clone(app);
    let store = Store::new(Client::from_conf(table), app.table.clone(), Arc::new(move || clock.now()));
    let bus = Bus::new(&way(&factory.events, liveness.wire(Service::Events, &over)), outgoing.event_bus.clone(), app.state().urns.clone());
    let retention = outgoing.retention;
    let mailer = Mailer::new(&way(&factory.mails, liveness.wire(Service::Mails, &over)), outgoing, texts);
    Courier::new(store, mailer, bus, defaults, retention)
}

/// The way to a stand-in.
fn way(endpoint: &str, over: SharedHttpClient) -> SdkConfig {
    let (key, secret) = CREDENTIALS;
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("ca-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(key, secret, None, None, "verification")))
        .http_client(over)
        .endpoint_url(endpoint)
        .build()
}
