//! The SDK client: one per process, with a single TLS stack and short deadlines.

use std::time::Duration;

use aws_config::{SdkConfig, environment::EnvironmentVariableCredentialsProvider};
use aws_sdk_dynamodb::{
    Client,
    config::{
        self, BehaviorVersion, Region, SharedCredentialsProvider, SharedHttpClient, StalledStreamProtectionConfig, retry::RetryConfig,
        timeout::TimeoutConfig,
    },
};
use aws_smithy_http_client::{Connector, tls};

use super::{Store, TrustStore};
use crate::config::Connection;

/// How long a cold start waits for the connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// How long an idle connection to another service is reused. A function is frozen between events, and the other side may close the
/// connection unnoticed meanwhile. Requests to the table are retried then; an email is not.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// A client for the table. It reads credentials only from the environment, where Lambda puts them. The rest of the default provider chain
/// (profiles, metadata services, other roles) cannot apply there, and would be a tenth of the binary: see docs/adr/0013.
#[must_use]
pub fn connect(connection: &Connection) -> Client {
    let mut config = with_deadlines(config::Builder::default())
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(connection.region.clone()))
        .use_fips(connection.fips)
        .use_dual_stack(connection.dual_stack)
        .credentials_provider(EnvironmentVariableCredentialsProvider::new())
        // This protects long bodies. Ours are short, and the attempt timeout covers them.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(http_client(&connection.trust, None));
    config.set_endpoint_url(connection.endpoint.clone());
    Client::from_conf(config.build())
}

fn http_client(trust: &TrustStore, idle_timeout: Option<Duration>) -> SharedHttpClient {
    let mut builder = aws_smithy_http_client::Builder::new();
    builder.set_pool_idle_timeout(idle_timeout.map(Some));
    builder.tls_provider(RING).tls_context(tls_context(trust)).build_https()
}

/// A connector for requests that are not an AWS service's.
#[must_use]
pub fn connector(trust: &TrustStore) -> Connector {
    Connector::builder().tls_provider(RING).tls_context(tls_context(trust)).build()
}

const RING: tls::Provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);

fn tls_context(trust: &TrustStore) -> tls::TlsContext {
    let tls = tls::TlsContext::builder().with_trust_store(trust.as_tls().clone()).build();
    tls.expect("a trust store suffices to build the TLS context")
}

/// The same configuration for another AWS service, with its own endpoint if one is configured.
#[must_use]
pub fn sdk_config(connection: &Connection, endpoint: Option<&str>) -> SdkConfig {
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(connection.region.clone()))
        .use_fips(connection.fips)
        .use_dual_stack(connection.dual_stack)
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(http_client(&connection.trust, Some(IDLE_TIMEOUT)));
    config.set_endpoint_url(endpoint.or(connection.any_endpoint.as_deref()).map(str::to_owned));
    config.build()
}

/// Sets the timeouts and retries of every client of the table: 1.5 seconds for an attempt; 8 seconds for an operation, including up to
/// three attempts and the pauses between them. This is shorter than the functions' timeout, so that a caller gets a response.
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
    /// A cold start does this while its sandbox still has a full CPU; the first request would have only the share that the function's
    /// memory size buys. The result does not matter: if this fails, the first request tries again and reports the error.
    pub async fn open(&self) {
        let read = self.client.get_item().table_name(&self.table).set_key(Some(super::keys::nothing().into()));
        let _ = tokio::time::timeout(CONNECT_WITHIN, read.send()).await;
        super::read::yield_to_pool().await;
    }
}
