//! The connections of functions to the table: signed as the function that runs, decided on by its policies, with faults.

use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    config::{self, IdentityCache, SharedHttpClient, retry::RetryPartition, timeout::TimeoutConfig},
};
use local::iam::Guard;
use shared::store::{Clock, Store, with_deadlines};

use crate::{
    faults::Faults,
    identity::{credentials, guarded},
};

/// Makes connections to one table.
#[derive(Clone)]
pub(crate) struct Clients {
    /// Connects to the engine directly.
    pub(crate) direct: Client,
    pub(crate) table: String,
    pub(crate) clock: Clock,
    pub(crate) guard: Guard,
}

impl Clients {
    /// A store whose client has the deadlines of production, passes through the faults, and hardly pauses before it retries.
    pub(crate) fn store(&self, faults: &Faults) -> Store {
        let config = self.production(faults).build();
        let retries = config.retry_config().expect("production has a retry policy").clone();
        self.over(config.to_builder().retry_config(retries.with_initial_backoff(Duration::from_millis(1))))
    }

    /// The same with the pauses of production.
    pub(crate) fn store_in_real_time(&self, faults: &Faults) -> Store {
        self.over(self.production(faults))
    }

    /// A store with a long SDK timeout.
    pub(crate) fn patient_store(&self, faults: &Faults) -> Store {
        let patient = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(18)).build();
        self.over(self.config(faults).timeout_config(patient))
    }

    /// The configuration of every client.
    pub(crate) fn config(&self, faults: &Faults) -> config::Builder {
        let config = self.direct.config().to_builder().http_client(self.http_client(faults));
        config.credentials_provider(credentials()).identity_cache(IdentityCache::no_cache())
    }

    pub(crate) fn http_client(&self, faults: &Faults) -> SharedHttpClient {
        guarded(&self.guard, faults.over(&self.direct))
    }

    /// The configuration of production.
    fn production(&self, faults: &Faults) -> config::Builder {
        // The SDK's retry budget is per process; tests must not use up each other's.
        with_deadlines(self.config(faults)).retry_partition(RetryPartition::new(self.table.clone()))
    }

    fn over(&self, config: config::Builder) -> Store {
        Store::new(Client::from_conf(config.build()), self.table.clone(), Clock::clone(&self.clock))
    }
}
