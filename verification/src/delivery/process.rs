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
    background::{Failed, invoke},
    courier::{Courier, bus::Bus, mailer::Mailer},
    texts::Texts,
};
use local::client::CREDENTIALS;
use shared::{
    config::{Outgoing, read_default_settings},
    store::{SdkConfig, Store, with_deadlines},
};
use support::TestApp;

use super::{
    counts::What,
    ledger::Scene,
    wire::{Death, Life, Service},
};
use crate::random::Random;

/// What every process of a world is made of.
pub(super) struct Makings {
    pub(super) app: Arc<TestApp>,
    pub(super) scene: Arc<Scene>,
    pub(super) mails: String,
    pub(super) events: String,
    pub(super) random: Mutex<Random>,
}

/// A process of one of the functions that send.
pub(super) struct Process {
    makings: Arc<Makings>,
    life: Arc<Life>,
    courier: Courier,
    random: Random,
}

impl Process {
    pub(super) fn start(makings: &Arc<Makings>) -> Self {
        let mut random = makings.random.lock().unwrap_or_else(PoisonError::into_inner).fork();
        let life = Arc::new(Life::new(Arc::clone(&makings.scene), random.fork()));
        Self { courier: courier(makings, &life), makings: Arc::clone(makings), life, random }
    }

    /// Invokes a function in it. `None` when it was killed meanwhile: then another process is in its place.
    pub(super) async fn invoke<A>(
        &mut self,
        mortal: bool,
        event: &str,
        handle: &impl AsyncFn(&Courier, &str) -> Result<A, Failed>,
    ) -> Option<Result<A, Failed>> {
        let dies = mortal && self.random.chance(1, 3);
        self.life.invoked(dies.then(|| Death::draw(&mut self.random)));
        let answer = tokio::select! {
            biased;
            () = self.life.over() => None,
            answer = invoke(Ok(&self.courier), event, handle) => Some(answer),
        };
        if answer.is_none() {
            self.makings.scene.counts.add(What::Killed, 1);
            *self = Self::start(&self.makings);
        }
        answer
    }
}

fn courier(makings: &Makings, life: &Arc<Life>) -> Courier {
    let app = &makings.app;
    let over = app.client.config().http_client().expect("a client has an HTTP client");
    let lookup = |name: &str| app.variable(name);
    let outgoing = Outgoing::read(&lookup).expect("the configuration is right");
    let defaults = read_default_settings(&lookup).expect("the configuration is right");
    let texts = Texts::load(outgoing.texts.as_deref()).expect("the texts are right");
    let table = with_deadlines(app.client.config().to_builder())
        .http_client(life.wire(Service::Table, &over))
        // Nothing is learnt from waiting longer.
        .retry_config(RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(20)))
        .retry_partition(RetryPartition::new(app.table.clone()))
        .build();
    let clock = Arc::clone(app);
    let store = Store::new(Client::from_conf(table), app.table.clone(), Arc::new(move || clock.now()));
    let bus = Bus::new(&way(&makings.events, life.wire(Service::Events, &over)), outgoing.event_bus.clone(), app.state().urns.clone());
    let retention = outgoing.retention;
    let mailer = Mailer::new(&way(&makings.mails, life.wire(Service::Mails, &over)), outgoing, texts);
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
