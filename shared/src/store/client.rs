//! The SDK client: one per process, with one TLS stack and short deadlines.

use std::time::Duration;

use aws_config::{SdkConfig, environment::EnvironmentVariableCredentialsProvider};
use aws_sdk_dynamodb::{
    Client,
    config::{
        self, BehaviorVersion, Region, SharedCredentialsProvider, SharedHttpClient, StalledStreamProtectionConfig, retry::RetryConfig,
        timeout::TimeoutConfig,
    },
};
use aws_smithy_http_client::tls;

use super::{Store, TrustStore};
use crate::config::Connection;

/// How long a cold start waits for the connection to be opened.
const OPENING: Duration = Duration::from_secs(1);
/// How long a connection to another service is kept for the next request. A function stands still between its events, and the
/// other side may hang up unnoticed meanwhile. Requests to the table are tried again then; a mail is not.
const KEPT: Duration = Duration::from_secs(5);

/// A client with the credentials of the environment, which is where Lambda puts them. The rest of the usual chain (profiles,
/// metadata services, other roles) cannot apply there, and would be a tenth of the binary: see docs/adr/0013.
#[must_use]
pub fn connect(connection: &Connection) -> Client {
    let mut config = with_deadlines(config::Builder::default())
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(connection.region.clone()))
        .use_fips(connection.fips)
        .use_dual_stack(connection.dual_stack)
        .credentials_provider(EnvironmentVariableCredentialsProvider::new())
        // It watches long bodies. These are short, and an attempt's deadline covers them.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(http_client(&connection.trust, None));
    config.set_endpoint_url(connection.endpoint.clone());
    Client::from_conf(config.build())
}

fn http_client(trust: &TrustStore, kept: Option<Duration>) -> SharedHttpClient {
    let tls = tls::TlsContext::builder().with_trust_store(trust.as_tls().clone()).build();
    let mut builder = aws_smithy_http_client::Builder::new();
    builder.set_pool_idle_timeout(kept.map(Some));
    builder
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .tls_context(tls.expect("a trust store is all it is made of"))
        .build_https()
}

/// The same way to another service of AWS, at its own endpoint if it has one here.
#[must_use]
pub fn sdk_config(connection: &Connection, endpoint: Option<&str>) -> SdkConfig {
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(connection.region.clone()))
        .use_fips(connection.fips)
        .use_dual_stack(connection.dual_stack)
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(http_client(&connection.trust, Some(KEPT)));
    config.set_endpoint_url(endpoint.or(connection.any_endpoint.as_deref()).map(str::to_owned));
    config.build()
}

/// The deadlines and retries of every client of the table: an attempt has 1.5 seconds; an operation 8, its at most three
/// attempts and their pauses included. That is shorter than the functions' own limit, so that a caller gets an answer and
/// not a dead function.
#[must_use]
pub fn with_deadlines(config: config::Builder) -> config::Builder {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_millis(1500))
        .operation_timeout(Duration::from_secs(8))
        .build();
    config.timeout_config(timeouts).retry_config(RetryConfig::standard().with_max_attempts(3))
}

impl Store {
    /// Opens the connection by reading a row that does not exist, for at most a second.
    ///
    /// A cold start does this while its sandbox still has a whole processor; the first request would have the share that the
    /// function's memory buys. What becomes of it does not matter: when it fails, the first request tries and tells.
    pub async fn open(&self) {
        let read = self.client.get_item().table_name(&self.table).set_key(Some(super::keys::nothing().into()));
        let _ = tokio::time::timeout(OPENING, read.send()).await;
        super::read::yield_to_pool().await;
    }
}
