//! The requests to IAM that a call of an AWS service makes.

mod dynamodb;
mod eventbridge;
mod ses;

use axum::http::request::Parts;
use serde_json::Value;

pub use dynamodb::{Schema, requests as dynamodb_requests};

use super::request::Request;

/// Where the resources of a stack are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Such as `aws`.
    pub partition: String,
    /// Such as `eu-central-1`.
    pub region: String,
    /// The AWS account.
    pub account: String,
}

impl Location {
    /// The ARN of a resource, such as `table/invitations` of the service `dynamodb`.
    #[must_use]
    pub fn arn(&self, service: &str, resource: &str) -> String {
        let Self { partition, region, account } = self;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

/// A call of an AWS service by HTTP.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The header `authorization`.
    pub authorization: Option<&'a str>,
    /// The header `x-amz-target`: service and operation.
    pub target: Option<&'a str>,
    /// The path of the URL.
    pub path: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// The services that calls are made to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    DynamoDb,
    EventBridge,
    Ses,
}

impl<'a> Call<'a> {
    /// The call of an HTTP request.
    #[must_use]
    pub fn of(parts: &'a Parts, body: &'a [u8]) -> Self {
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        Self { authorization: header("authorization"), target: header("x-amz-target"), path: parts.uri.path(), body }
    }

    pub(super) fn service(&self) -> Service {
        match self.target {
            Some(target) if target.starts_with("AWSEvents.") => Service::EventBridge,
            None if self.path.starts_with("/v2/email/") => Service::Ses,
            _ => Service::DynamoDb,
        }
    }

    /// The access key ID in `Credential=KEY/date/region/service/aws4_request`.
    pub(super) fn access_key(&self) -> Option<&'a str> {
        let parameters = self.authorization?.strip_prefix("AWS4-HMAC-SHA256")?;
        let credential = parameters.split(',').find_map(|parameter| parameter.trim().strip_prefix("Credential="))?;
        credential.split('/').next().filter(|key| !key.is_empty())
    }

    /// What IAM decides on: all of it must be allowed. The error says what cannot be understood.
    pub(super) fn requests(&self, location: &Location, schema: &Schema) -> Result<Vec<Request>, String> {
        let body: Value = serde_json::from_slice(self.body).map_err(|error| format!("the body is not JSON: {error}"))?;
        match self.service() {
            Service::DynamoDb => {
                let operation = self.target.and_then(|target| target.rsplit('.').next()).ok_or("it has no operation")?;
                let mut requests = dynamodb::requests(location, schema, operation, &body)?;
                // To IAM, the rows of a partition that a transaction writes are all the same.
                requests.dedup();
                Ok(requests)
            }
            Service::EventBridge => Ok(eventbridge::requests(location, &body)),
            Service::Ses => Ok(ses::requests(location, &body)),
        }
    }
}

/// The texts of a list.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests;
