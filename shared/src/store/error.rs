//! Errors of the table, and the classification of SDK errors.

use std::{error::Error, fmt};

use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};

use crate::domain::Rejected;

/// The table did not carry out the request. A missing row is a result, not an error.
#[derive(Debug)]
pub enum StoreError {
    /// Throttled, unreachable, too slow or contended; the same request may succeed later.
    Unavailable {
        /// The chain of causes, for the log.
        cause: String,
    },
    /// A row cannot be read.
    Corrupt {
        /// The row's sort key.
        key: String,
        /// The attribute and its problem.
        problem: String,
    },
    /// A defect of this service: a missing table, missing permissions, an invalid request.
    Defect {
        /// The chain of causes, for the log.
        cause: String,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable { cause } => write!(f, "DynamoDB is not available: {cause}"),
            Self::Corrupt { key, problem } => write!(f, "the row {key} cannot be read: {problem}"),
            Self::Defect { cause } => write!(f, "DynamoDB refused the request: {cause}"),
        }
    }
}

impl Error for StoreError {}

/// Why an operation on the table failed.
#[derive(Debug)]
pub enum Failure {
    /// The domain rejects the request.
    Rejected(Rejected),
    /// The table failed.
    Store(StoreError),
}

impl From<Rejected> for Failure {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Whether a failed request had an effect.
pub(super) enum Verdict {
    /// It was not carried out, and may be retried.
    NotDone,
    /// It may have been carried out.
    Unknown,
    /// It was not carried out, and a retry cannot succeed.
    Never,
}

/// Classifies an SDK error by the effect of the request. Only an error response with DynamoDB's code counts as a rejection; an unreadable
/// reply is unknown.
pub(super) fn verdict<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Verdict {
    match error {
        SdkError::ConstructionFailure(_) => Verdict::Never,
        SdkError::ServiceError(context) => match context.err().code() {
            Some(
                "ProvisionedThroughputExceededException"
                | "RequestLimitExceeded"
                | "ThrottlingException"
                | "Throttling"
                | "TransactionConflictException",
            ) => Verdict::NotDone,
            None | Some("TransactionInProgressException") => Verdict::Unknown,
            Some(_) if context.raw().status().is_client_error() => Verdict::Never,
            Some(_) => Verdict::Unknown,
        },
        _ => Verdict::Unknown,
    }
}

/// The error of a read, or of a write whose effect cannot be checked.
pub(super) fn failed<E>(error: SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let cause = describe(&error);
    match verdict(&error) {
        Verdict::NotDone | Verdict::Unknown => StoreError::Unavailable { cause },
        Verdict::Never => StoreError::Defect { cause },
    }
}

/// The chain of causes and DynamoDB's request id. Never the reply itself, which contains personal data.
pub(super) fn describe<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let causes: Vec<String> =
        std::iter::successors(Some(error as &dyn Error), |error| (*error).source()).map(ToString::to_string).collect();
    let raw = error.raw_response();
    let status = raw.map_or(0, |raw| raw.status().as_u16());
    let request = raw.and_then(|raw| raw.headers().get("x-amzn-requestid")).unwrap_or("none");
    format!("{} (code {}, status {status}, request {request})", causes.join(": "), error.code().unwrap_or("none"))
}
