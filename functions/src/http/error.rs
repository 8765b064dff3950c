//! The errors of the API: status, code and message.
//!
//! Only this file converts errors of other layers to API errors. A 5xx does not reveal its cause, which is logged.

use std::{borrow::Cow, fmt, time::Duration};

use shared::{
    domain::{ExternalId, Permission, Rejected, RoleId, invitation::Closing, text::excerpt},
    store::{Failure, StoreError},
};

use crate::{guard::Interrupted, http::invalid::Invalid};

/// Why a request failed.
#[derive(Debug)]
pub enum ApiError {
    /// The request is invalid.
    Invalid(Invalid),
    /// The caller is not authenticated: why, and how it can be.
    Unauthorized(&'static str, Challenge),
    /// The caller is known, but may not do this.
    Forbidden(Forbidden),
    /// The domain rejects the request.
    Rejected(Rejected),
    /// The route does not support the method.
    MethodNotAllowed {
        /// The supported methods, for the `Allow` header.
        allow: &'static [&'static str],
    },
    /// Maintenance is switched on.
    Maintenance {
        /// How long to wait before the next try.
        retry_after: Duration,
    },
    /// The table failed.
    Store(StoreError),
    /// A bug, or a broken configuration.
    Internal(String),
}

/// The credentials that a 401 asks for, in its header `WWW-Authenticate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// An API key.
    ApiKey,
    /// An API key or a bearer token.
    ApiKeyOrBearer,
    /// The same, after a bearer token that is not valid (RFC 6750, 3).
    InvalidToken,
}

/// Why a known caller may not do what it requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forbidden {
    /// The caller's role lacks a permission.
    Role {
        /// The required permission.
        permission: Permission,
        /// The caller's role.
        role: RoleId,
    },
    /// The caller's token gives no role.
    NoRole {
        /// The required permission; `None` if any role would do.
        permission: Option<Permission>,
    },
    /// The caller's token names no account.
    NoAccount,
    /// The caller's token names an account that does not exist.
    UnknownAccount(ExternalId),
    /// The caller's token names an account that this deployment does not serve.
    OtherAccount,
    /// The caller's token has no verified email address.
    NoVerifiedEmail,
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("You tried to do something that you're not allowed to do. ")?;
        match self {
            Self::Role { permission, role } => write!(f, "It requires the permission {permission}, which the role '{role}' does not have."),
            Self::NoRole { permission: Some(permission) } => {
                write!(f, "It requires the permission {permission}, and your token gives you no role here.")
            }
            Self::NoRole { permission: None } => f.write_str("It requires a role, and your token gives you none here."),
            Self::NoAccount => f.write_str("It requires a token that names an account."),
            Self::UnknownAccount(id) => write!(f, "No account has the external id '{}' that your token names.", excerpt(id.as_str())),
            Self::OtherAccount => f.write_str("This deployment does not serve the account that your token names."),
            Self::NoVerifiedEmail => f.write_str("It requires a token with a verified email address."),
        }
    }
}

/// The message of every 500.
const INTERNAL: &str = "Something has gone terribly wrong. Sorry! Tell us the requestId and we will find out why.";
/// The message of every 503.
const UNAVAILABLE: &str = "The service is temporarily unavailable, likely due to maintenance. It should be available soon, check the \
                           Retry-After header for an indication of when you might be able to try again.";
/// `Retry-After` in seconds while a dependency is down.
const UNAVAILABLE_RETRY_AFTER: u64 = 2;

impl Challenge {
    /// The value of the header. `why` has no quotes.
    #[must_use]
    pub fn header(self, why: &str) -> String {
        const API_KEY: &str = "ApiKey realm=\"invitations\"";
        const BEARER: &str = "Bearer realm=\"invitations\"";
        match self {
            Self::ApiKey => API_KEY.to_owned(),
            Self::ApiKeyOrBearer => format!("{API_KEY}, {BEARER}"),
            Self::InvalidToken => format!("{API_KEY}, {BEARER}, error=\"invalid_token\", error_description=\"{why}\""),
        }
    }
}

impl ApiError {
    /// The HTTP status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Invalid(_) => 400,
            Self::Unauthorized(..) => 401,
            Self::Forbidden(_) => 403,
            Self::MethodNotAllowed { .. } => 405,
            Self::Rejected(rejected) => match rejected {
                Rejected::AlreadyInvited { .. }
                | Rejected::Closed(_)
                | Rejected::Expired
                | Rejected::EmailRefused(_)
                | Rejected::MaxSends { .. }
                | Rejected::MaxUpdates { .. }
                | Rejected::RoleChanged { .. }
                | Rejected::DomainNotAllowed(_)
                | Rejected::RedirectNotAllowed { .. }
                | Rejected::Expiry { .. }
                | Rejected::KeyReused => 400,
                Rejected::RoleNotGrantable { .. } | Rejected::WrongInvitee | Rejected::SignInRequired => 403,
                Rejected::NotFound => 404,
                Rejected::Changed => 412,
                Rejected::Cooldown { .. } | Rejected::Quota { .. } => 429,
            },
            Self::Store(StoreError::Corrupt { .. } | StoreError::Defect { .. }) | Self::Internal(_) => 500,
            Self::Store(StoreError::Unavailable { .. }) | Self::Maintenance { .. } => 503,
        }
    }

    /// The stable error code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(invalid) => invalid.code,
            Self::Unauthorized(..) => "unauthorized",
            Self::Forbidden(_) => "forbidden",
            Self::MethodNotAllowed { .. } => "method-not-allowed",
            Self::Rejected(rejected) => match rejected {
                Rejected::NotFound => "not-found",
                Rejected::AlreadyInvited { .. } => "already-invited",
                Rejected::Changed => "changed",
                Rejected::Closed(Closing::Accepted) => "already-accepted",
                Rejected::Closed(Closing::Declined) => "already-declined",
                Rejected::Closed(Closing::Revoked) => "already-revoked",
                Rejected::Expired => "expired",
                Rejected::EmailRefused(_) => "email-refused",
                Rejected::DomainNotAllowed(_) => "domain-not-allowed",
                Rejected::RedirectNotAllowed { .. } => "redirect-not-allowed",
                Rejected::WrongInvitee => "wrong-invitee",
                Rejected::SignInRequired => "sign-in-required",
                Rejected::MaxSends { .. } => "max-sends",
                Rejected::MaxUpdates { .. } => "max-changes",
                Rejected::RoleChanged { .. } => "role-changed",
                Rejected::Cooldown { .. } => "resend-cooldown",
                Rejected::Quota { .. } => "send-quota",
                Rejected::RoleNotGrantable { .. } => "role-not-grantable",
                Rejected::Expiry { .. } => "invalid-expiry",
                Rejected::KeyReused => "idempotency-key-reused",
            },
            Self::Maintenance { .. } => "maintenance",
            Self::Store(StoreError::Unavailable { .. }) => "unavailable",
            Self::Store(StoreError::Corrupt { .. } | StoreError::Defect { .. }) | Self::Internal(_) => "internal-error",
        }
    }

    /// The message for the caller.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Invalid(invalid) => invalid.message.clone(),
            Self::Unauthorized(why, _) => format!("Unauthorized: {why}"),
            Self::Forbidden(forbidden) => forbidden.to_string(),
            Self::MethodNotAllowed { allow } => format!("this route accepts only {}", allow.join(", ")),
            Self::Rejected(rejected) => rejected.to_string(),
            Self::Store(StoreError::Unavailable { .. }) | Self::Maintenance { .. } => UNAVAILABLE.to_owned(),
            Self::Store(StoreError::Corrupt { .. } | StoreError::Defect { .. }) | Self::Internal(_) => INTERNAL.to_owned(),
        }
    }

    /// The fields, parameters and headers of the request that caused the error, each with the reason.
    #[must_use]
    pub fn fields(&self) -> Cow<'_, [(String, String)]> {
        let field = match self {
            Self::Invalid(invalid) => return Cow::Borrowed(&invalid.fields),
            Self::Rejected(Rejected::AlreadyInvited { .. } | Rejected::DomainNotAllowed(_) | Rejected::WrongInvitee) => "email",
            Self::Rejected(Rejected::RedirectNotAllowed { .. }) => "redirect",
            Self::Rejected(Rejected::Expiry { .. }) => "expiry",
            Self::Rejected(Rejected::RoleNotGrantable { .. } | Rejected::RoleChanged { .. }) => "roleID",
            Self::Rejected(
                Rejected::NotFound
                | Rejected::Changed
                | Rejected::Closed(_)
                | Rejected::Expired
                | Rejected::EmailRefused(_)
                | Rejected::SignInRequired
                | Rejected::MaxSends { .. }
                | Rejected::MaxUpdates { .. }
                | Rejected::Cooldown { .. }
                | Rejected::Quota { .. }
                | Rejected::KeyReused,
            )
            | Self::Unauthorized(..)
            | Self::Forbidden(_)
            | Self::MethodNotAllowed { .. }
            | Self::Maintenance { .. }
            | Self::Store(_)
            | Self::Internal(_) => return Cow::Borrowed(&[]),
        };
        let message = self.message();
        let reason = message.strip_prefix(field).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&message);
        Cow::Owned(vec![(field.to_owned(), reason.to_owned())])
    }

    /// `Retry-After`: whole seconds to wait before the next try.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Rejected(Rejected::Cooldown { retry_after } | Rejected::Quota { retry_after, .. }) => Some(*retry_after),
            Self::Maintenance { retry_after } => Some(retry_after.as_secs()),
            Self::Store(StoreError::Unavailable { .. }) => Some(UNAVAILABLE_RETRY_AFTER),
            _ => None,
        }
    }

    /// The cause of a 5xx, for the log.
    #[must_use]
    pub fn cause(&self) -> Option<String> {
        match self {
            Self::Store(error) => Some(error.to_string()),
            Self::Internal(cause) => Some(cause.clone()),
            _ => None,
        }
    }
}

impl From<Invalid> for ApiError {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<Forbidden> for ApiError {
    fn from(forbidden: Forbidden) -> Self {
        Self::Forbidden(forbidden)
    }
}

impl From<Rejected> for ApiError {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Interrupted> for ApiError {
    fn from(interrupted: Interrupted) -> Self {
        match interrupted {
            Interrupted::Panicked(_) => Self::Internal(interrupted.to_string()),
            Interrupted::TimedOut(_) => StoreError::Unavailable { cause: interrupted.to_string() }.into(),
        }
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Rejected(rejected) => Self::Rejected(rejected),
            Failure::Store(error) => Self::Store(error),
        }
    }
}
