//! A DynamoDB client that can only reach a local endpoint: plain HTTP, made-up credentials.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};

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
