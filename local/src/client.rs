//! DynamoDB clients that can only reach a local endpoint: plain HTTP, made-up credentials.

use std::iter::successors;

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Config, Credentials, Region},
    error::ProvideErrorMetadata,
};

/// Region of every local table. Local engines do not care, but a signature has to name one.
pub const REGION: &str = "us-east-1";

/// Access key and secret for local engines. They check that there is a signature, not whose.
pub const CREDENTIALS: (&str, &str) = ("local", "local");

/// A client for the engine at `endpoint`, such as `http://127.0.0.1:8000`. It reads no environment variable and no profile,
/// so it never reaches AWS by accident.
#[must_use]
pub fn for_endpoint(endpoint: &str) -> Client {
    let (key, secret) = CREDENTIALS;
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(key, secret, None, None, "local"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .build();
    Client::from_conf(config)
}

/// A client for the streams of the engine at `endpoint`, of the same kind.
#[must_use]
pub fn streams_for_endpoint(endpoint: &str) -> aws_sdk_dynamodbstreams::Client {
    let (key, secret) = CREDENTIALS;
    let config = aws_sdk_dynamodbstreams::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(key, secret, None, None, "local"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .build();
    aws_sdk_dynamodbstreams::Client::from_conf(config)
}

/// What the engine says, or else the chain of causes. The SDK's own text for it fills a screen.
pub(crate) fn reason<E: std::error::Error + ProvideErrorMetadata>(error: &E) -> String {
    if let (Some(code), Some(message)) = (error.code(), error.message()) {
        return format!("{code}: {message}");
    }
    let causes = successors(Some(error as &dyn std::error::Error), |e| e.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
