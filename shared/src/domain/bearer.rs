//! Bearer tokens: JSON Web Tokens (RFC 7519) of configured issuers.
//!
//! Of the header only the key's id and the algorithm are read: the id to find a key of the issuer, the algorithm to compare it with the
//! key's. Keys in a token, or addresses of keys, are ignored.

use std::{fmt, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    account::AccountId,
    issuer::{AccountClaim, Issuer, Issuers},
    json::Json,
    key_set::{ALGORITHMS, PublicKey},
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
            Self::Account => "the token names an account in another form than configured, or one that its issuer may not name",
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
    issuer: &'a Issuer,
    algorithm: String,
    key_id: String,
    claims: Json,
    /// The signed part, and its signature.
    message: &'a str,
    signature: Vec<u8>,
}

impl<'a> BearerToken<'a> {
    /// Finds the issuer that the token claims to be from.
    ///
    /// # Errors
    /// [`TokenProblem::Malformed`], [`TokenProblem::UnknownIssuer`].
    pub fn parse(token: &'a str, issuers: &'a Issuers) -> Result<Self, TokenProblem> {
        let compact = if token.len() <= MAX_LENGTH { Compact::parse(token) } else { None };
        let Compact { header, claims, message, signature } = compact.ok_or(TokenProblem::Malformed)?;
        let text = |name: &str| header.get(name).and_then(Json::as_text).map(str::to_owned).ok_or(TokenProblem::Malformed);
        let (algorithm, key_id) = (text("alg")?, text("kid")?);
        // Extensions that must be understood (RFC 7515, 4.1.11). This service understands none.
        if !ALGORITHMS.contains(&algorithm.as_str()) || header.get("crit").is_some() {
            return Err(TokenProblem::Malformed);
        }
        let issuer = claims.get("iss").and_then(Json::as_text).and_then(|url| issuers.find(url)).ok_or(TokenProblem::UnknownIssuer)?;
        Ok(Self { issuer, algorithm, key_id, claims, message, signature })
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
        if self.algorithm != key.algorithm() || !key.has_signed(self.message.as_bytes(), &self.signature) {
            return Err(TokenProblem::Signature);
        }
        let claims = &self.claims;
        let text = |name: &str| claims.get(name).and_then(Json::as_text).ok_or(TokenProblem::Claims);
        let subject = text("sub")?.parse().map_err(|_| TokenProblem::Claims)?;
        let expiry = time(claims, "exp")?.ok_or(TokenProblem::Claims)?.plus(LEEWAY);
        let not_before = time(claims, "nbf")?;
        if !self.issuer.is_audience(claims) {
            return Err(TokenProblem::Audience);
        }
        if now >= expiry {
            return Err(TokenProblem::Expired);
        }
        if not_before.is_some_and(|not_before| now.plus(LEEWAY) < not_before) {
            return Err(TokenProblem::NotYetValid);
        }
        let account = self.issuer.account(claims).map_err(|_| TokenProblem::Account)?;
        let (name, email) = (self.issuer.display_name(claims), self.issuer.verified_email(claims));
        let user = User::new(self.issuer.name().clone(), subject, name, email);
        Ok(VerifiedToken { user, account, role: self.issuer.role(claims), expiry })
    }
}

/// The parts of a signed token in its compact form (RFC 7515, 7.1).
struct Compact<'a> {
    header: Json,
    claims: Json,
    message: &'a str,
    signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    fn parse(token: &'a str) -> Option<Self> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let json = |part: &str| Json::parse(&decode(part)?).ok();
        Some(Self { header: json(header)?, claims: json(claims)?, message, signature: decode(signature)? })
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
