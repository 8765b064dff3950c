//! DynamoDB clients that can only reach a local endpoint, over plain HTTP with fixed credentials.

use std::iter::successors;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider},
    error::ProvideErrorMetadata,
};

/// Region of every local table. Local engines ignore it, but a signature needs one.
pub const REGION: &str = "us-east-1";

/// Access key and secret for local engines. They require a signature and do not verify it.
pub const CREDENTIALS: (&str, &str) = ("local", "local");

/// The SDK configuration for a local service at `endpoint`. It reads no environment variable and no profile, so it cannot reach
/// AWS by accident.
fn config(endpoint: &str) -> SdkConfig {
    let (key, secret) = CREDENTIALS;
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(key, secret, None, None, "local")))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .build()
}

/// The same without retries, so that a test sees each response.
#[cfg(test)]
pub(crate) fn config_without_retries(endpoint: &str) -> SdkConfig {
    config(endpoint).into_builder().retry_config(aws_sdk_dynamodb::config::retry::RetryConfig::disabled()).build()
}

/// A client for the engine at `endpoint`, such as `http://127.0.0.1:8000`.
#[must_use]
pub fn for_endpoint(endpoint: &str) -> Client {
    Client::new(&config(endpoint))
}

/// A client for the streams of the engine at `endpoint`.
#[must_use]
pub fn streams_for_endpoint(endpoint: &str) -> aws_sdk_dynamodbstreams::Client {
    aws_sdk_dynamodbstreams::Client::new(&config(endpoint))
}

/// The engine's code and message, or else the chain of causes. The SDK's own text fills a screen.
pub(crate) fn reason<E: std::error::Error + ProvideErrorMetadata>(error: &E) -> String {
    if let (Some(code), Some(message)) = (error.code(), error.message()) {
        return format!("{code}: {message}");
    }
    let causes = successors(Some(error as &dyn std::error::Error), |e| e.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
