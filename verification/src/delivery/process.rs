//! Processes that deliver. Each has its own courier, and may crash at any request.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_sdk_dynamodb::{
    Client,
    config::retry::{RetryConfig, RetryPartition},
};
use functions::{
    delivery::{
        courier::{Courier, bus::Bus, mailer::Mailer},
        worker::{Failed, invoke},
    },
    texts::Texts,
};
use shared::{
    config::{DeliveryConfig, read_default_settings},
    store::{Store, with_deadlines},
};
use support::{
    TestApp,
    faults::{self, Faults},
    run_as,
    workers::sdk_config_over,
};

use super::{
    counts::Counter,
    send_log::Context,
    wire::{Crash, Liveness, Service},
};
use support::random::Random;

/// The parts that all processes of a simulation share.
pub(super) struct Factory {
    pub(super) app: Arc<TestApp>,
    pub(super) context: Arc<Context>,
    pub(super) ses: String,
    pub(super) event_bridge: String,
    pub(super) random: Mutex<Random>,
}

/// A process of a function that sends.
pub(super) struct Process {
    factory: Arc<Factory>,
    liveness: Arc<Liveness>,
    courier: Courier,
    random: Random,
}

impl Process {
    pub(super) fn start(factory: &Arc<Factory>) -> Self {
        let random = factory.random.lock().unwrap_or_else(PoisonError::into_inner).fork();
        let liveness = Arc::new(Liveness::new(Arc::clone(&factory.context)));
        Self { courier: courier(factory, &liveness), factory: Arc::clone(factory), liveness, random }
    }

    /// Invokes a function, by its name and handler. `None` if the process crashed meanwhile; a new process then takes its place.
    pub(super) async fn invoke<A>(
        &mut self,
        killable: bool,
        function: &'static str,
        event: &str,
        handle: &impl AsyncFn(&Courier, &str) -> Result<A, Failed>,
    ) -> Option<Result<A, Failed>> {
        let crashes = killable && self.random.chance(1, 3);
        self.liveness.start_invocation(crashes.then(|| Crash::draw(&mut self.random)));
        let (result, _) = faults::process::killable(run_as(function, invoke(Ok(&self.courier), event, handle))).await;
        if result.is_none() {
            self.factory.context.counts.add(Counter::Crashes, 1);
            *self = Self::start(&self.factory);
        }
        result
    }
}

fn courier(factory: &Factory, liveness: &Arc<Liveness>) -> Courier {
    let app = &factory.app;
    let wire = |service, faults: &Faults| liveness.wire(service, app.http_client(faults));
    let context = &factory.context;
    let lookup = |name: &str| app.variable(name);
    let config = DeliveryConfig::read(&lookup).expect("the configuration is valid");
    let defaults = read_default_settings(&lookup).expect("the configuration is valid");
    let texts = Texts::load(config.texts.as_deref()).expect("the texts are valid");
    let table = with_deadlines(app.function_config(&context.table))
        .http_client(wire(Service::Table, &context.table))
        // Longer waits would only slow the simulation down.
        .retry_config(RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(20)))
        .retry_partition(RetryPartition::new(app.table.clone()))
        .build();
    let clock = Arc::clone(app);
    let store = Store::new(Client::from_conf(table), app.table.clone(), Arc::new(move || clock.now()));
    let bus = Bus::new(
        &sdk_config_over(&factory.event_bridge, wire(Service::EventBridge, &context.event_bridge)),
        config.event_bus.clone(),
        app.state().urns.clone(),
    );
    let retention = config.retention;
    let mailer = Mailer::new(&sdk_config_over(&factory.ses, wire(Service::Ses, &context.ses)), config, texts);
    Courier::new(store, mailer, bus, defaults, retention)
}
