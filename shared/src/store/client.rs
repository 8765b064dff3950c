//! The SDK client: one per process, with one TLS stack and short deadlines.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::{
    Client,
    config::{self, retry::RetryConfig, timeout::TimeoutConfig},
};
use aws_smithy_http_client::tls;

/// A client with the environment's region, credentials and endpoint (`AWS_ENDPOINT_URL_DYNAMODB`).
pub async fn connect() -> Client {
    let tls = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
    let http_client = aws_smithy_http_client::Builder::new().tls_provider(tls).build_https();
    let config = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http_client).load().await;
    Client::from_conf(with_deadlines(config::Builder::from(&config)).build())
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
