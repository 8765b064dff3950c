//! Bearer tokens: JSON Web Tokens (RFC 7519) of configured issuers.
//!
//! Of the header only the key's id and the algorithm are read: the id to find a key of the issuer, the algorithm to compare it with the
//! key's. Keys in a token, or addresses of keys, are ignored.

use std::{fmt, time::Duration};

use jsonwebtoken::{dangerous::insecure_decode_claims, decode_header, errors::ErrorKind};

use super::{
    account::AccountId,
    issuer::{AccountClaim, Issuer, Issuers},
    json::Json,
    key_set::PublicKey,
    principal::Principal,
    role::{RoleId, Roles},
    time::Timestamp,
    urn::Urns,
    user::{IssuerName, User},
};

/// Longer tokens are rejected unread. API Gateway accepts 10,240 bytes for all headers.
const MAX_LENGTH: usize = 8192;
/// How far the clocks of issuers may differ from ours.
const LEEWAY: Duration = Duration::from_secs(60);

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenProblem {
    /// It is not a token that this service can verify.
    Malformed,
    /// No configured issuer has issued it.
    UnknownIssuer,
    /// Its issuer has no such key.
    UnknownKey,
    /// The key did not sign it.
    Signature,
    /// A claim is missing or has the wrong type.
    Claims,
    /// It is for another application.
    Audience,
    /// It names an account that its issuer may not name.
    Account,
    /// It is no longer valid.
    Expired,
    /// It is not valid yet.
    NotYetValid,
}

impl TokenProblem {
    /// The sentence for the caller, without quotes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "the token is not a signed JWT with RS256 or ES256 and a key id",
            Self::UnknownIssuer => "the token is from an issuer that is not configured",
            Self::UnknownKey => "the token is signed with a key that its issuer has not published",
            Self::Signature => "the signature of the token is not valid",
            Self::Claims => "a claim of the token is missing or has the wrong type",
            Self::Audience => "the token is for another application",
            Self::Account => "the token names an account that its issuer may not name",
            Self::Expired => "the token has expired",
            Self::NotYetValid => "the token is not valid yet",
        }
    }
}

impl fmt::Display for TokenProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A token that is not verified yet. It says which key verifies it.
pub struct BearerToken<'a> {
    token: &'a str,
    issuer: &'a Issuer,
    key_id: String,
}

impl<'a> BearerToken<'a> {
    /// Finds the issuer that the token claims to be from.
    ///
    /// # Errors
    /// [`TokenProblem::Malformed`], [`TokenProblem::UnknownIssuer`].
    pub fn parse(token: &'a str, issuers: &'a Issuers) -> Result<Self, TokenProblem> {
        if token.len() > MAX_LENGTH {
            return Err(TokenProblem::Malformed);
        }
        let header = decode_header(token).map_err(|_| TokenProblem::Malformed)?;
        let claims: Json = insecure_decode_claims(token).map_err(|_| TokenProblem::Malformed)?;
        let issuer = claims.get("iss").and_then(Json::as_text).and_then(|url| issuers.find(url)).ok_or(TokenProblem::UnknownIssuer)?;
        Ok(Self { token, issuer, key_id: header.kid.ok_or(TokenProblem::Malformed)? })
    }

    /// The issuer that the token claims to be from.
    #[must_use]
    pub fn issuer(&self) -> &'a Issuer {
        self.issuer
    }

    /// The key that the token claims to be signed with.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Verifies the token with a key of its issuer.
    ///
    /// # Errors
    /// [`TokenProblem`].
    pub fn verify(&self, key: &PublicKey, now: Timestamp) -> Result<VerifiedToken, TokenProblem> {
        let claims = key.verify(self.token).map_err(|error| match error.kind() {
            // The header was read before, so these are claims of another type than the library expects.
            ErrorKind::Json(_) => TokenProblem::Claims,
            _ => TokenProblem::Signature,
        })?;
        let text = |name: &str| claims.get(name).and_then(Json::as_text).ok_or(TokenProblem::Claims);
        if text("iss")? != self.issuer.url() {
            return Err(TokenProblem::UnknownIssuer);
        }
        let subject = text("sub")?.parse().map_err(|_| TokenProblem::Claims)?;
        let expiry = time(&claims, "exp")?.ok_or(TokenProblem::Claims)?.plus(LEEWAY);
        let not_before = time(&claims, "nbf")?;
        if !self.issuer.is_audience(&claims) {
            return Err(TokenProblem::Audience);
        }
        if now >= expiry {
            return Err(TokenProblem::Expired);
        }
        if not_before.is_some_and(|not_before| now.plus(LEEWAY) < not_before) {
            return Err(TokenProblem::NotYetValid);
        }
        let account = self.issuer.account(&claims).map_err(|_| TokenProblem::Account)?;
        let (name, email) = (self.issuer.display_name(&claims), self.issuer.verified_email(&claims));
        let user = User::new(self.issuer.name().clone(), subject, name, email);
        Ok(VerifiedToken { user, account, role: self.issuer.role(&claims), expiry })
    }
}

/// A point in time in seconds since 1970 (RFC 7519, NumericDate), if the claim is there.
fn time(claims: &Json, name: &str) -> Result<Option<Timestamp>, TokenProblem> {
    match claims.get(name) {
        None => Ok(None),
        // Times that no timestamp can hold are as far away as the last one that does.
        Some(Json::Number(seconds)) if *seconds >= 0.0 => {
            Ok(Some(Timestamp::from_millis((seconds * 1000.0) as i64).unwrap_or(Timestamp::MAX)))
        }
        Some(_) => Err(TokenProblem::Claims),
    }
}

/// What a verified token says. Only [`BearerToken::verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedToken {
    user: User,
    account: Option<AccountClaim>,
    role: Option<RoleId>,
    expiry: Timestamp,
}

impl VerifiedToken {
    /// The person.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.user
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> &IssuerName {
        self.user.issuer()
    }

    /// The account that the person acts for. The token of an invitee has none.
    #[must_use]
    pub fn account(&self) -> Option<&AccountClaim> {
        self.account.as_ref()
    }

    /// Until when the token is accepted.
    #[must_use]
    pub fn expiry(&self) -> Timestamp {
        self.expiry
    }

    /// The person as a caller for `account`, which the token names; `None` if the token gives no role.
    #[must_use]
    pub fn principal(&self, account: AccountId, roles: &Roles, urns: &Urns) -> Option<Principal> {
        let role = self.role.clone()?;
        let (urn, name) = (self.user.urn(urns, &account), self.user.name().map(ToString::to_string));
        let permissions = roles.get(&role);
        Some(Principal::new(account, urn, name, role, permissions))
    }
}
