//! Issuers are configuration: whose tokens are accepted, and where their claims are.

mod console;
mod discovery;
mod parse;

use super::{
    account::{AccountId, ExternalId},
    email::Email,
    email_domain::DomainPattern,
    json::{Json, Pointer},
    role::RoleId,
    settings::DisplayName,
    user::IssuerName,
};

pub use console::{Console, Endpoint, TokenKind};

/// An issuer whose tokens are accepted (OpenID Connect).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    name: IssuerName,
    url: String,
    audience: Audience,
    account: Option<AccountRule>,
    role: Option<RoleRule>,
    display_name: Option<Pointer>,
    email: Option<EmailRule>,
    /// Few functions need it.
    console: Option<Box<Console>>,
}

/// Whom a token must be for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Audience {
    claim: Pointer,
    values: Vec<String>,
}

/// Which account a token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct AccountRule {
    claim: Pointer,
    kind: AccountKind,
    /// The accounts that the issuer may name; `None` for all.
    only: Option<Vec<String>>,
}

/// What an account claim holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AccountKind {
    /// Twelve digits.
    Id,
    /// An external id.
    External,
}

/// Which role a token gives.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RoleRule {
    claim: Pointer,
    /// The issuer's roles with ours, in order of preference.
    roles: Vec<(String, RoleId)>,
}

/// Which address a token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct EmailRule {
    claim: Pointer,
    /// Where the token says that the issuer has verified the address; `None` if the issuer verifies every address.
    verified: Option<Pointer>,
    /// Where addresses must be to count; `None` for anywhere.
    domains: Option<Vec<DomainPattern>>,
}

/// The account in a token. The form of the claim is checked, not that the account exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountClaim {
    /// By its id.
    Id(AccountId),
    /// By its external id.
    External(ExternalId),
}

/// An account claim that the issuer may not make.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WrongAccount;

impl Issuer {
    /// The name in the configuration.
    #[must_use]
    pub fn name(&self) -> &IssuerName {
        &self.name
    }

    /// The issuer's identifier, a URL. Tokens have it as `iss`, and the discovery document is below it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How people sign in at the issuer in the console, if they can.
    #[must_use]
    pub fn console(&self) -> Option<&Console> {
        self.console.as_deref()
    }

    /// Whether one of the audiences of a token is among ours.
    pub(super) fn is_audience(&self, claims: &Json) -> bool {
        let is_ours = |audience: &Json| audience.as_text().is_some_and(|audience| self.audience.values.iter().any(|ours| ours == audience));
        match self.audience.claim.find(claims) {
            Some(Json::Array(audiences)) => audiences.iter().all(|audience| audience.as_text().is_some()) && audiences.iter().any(is_ours),
            Some(audience) => is_ours(audience),
            None => false,
        }
    }

    /// The account in a token, if it names one.
    pub(super) fn account(&self, claims: &Json) -> Result<Option<AccountClaim>, WrongAccount> {
        let Some((rule, claim)) = self.account.as_ref().and_then(|rule| Some((rule, rule.claim.find(claims)?))) else { return Ok(None) };
        let text = claim.as_text().ok_or(WrongAccount)?;
        let account = match rule.kind {
            AccountKind::Id => text.parse().ok().map(AccountClaim::Id),
            AccountKind::External => text.parse().ok().map(AccountClaim::External),
        };
        let allowed = rule.only.as_ref().is_none_or(|only| only.iter().any(|allowed| allowed == text));
        account.filter(|_| allowed).map(Some).ok_or(WrongAccount)
    }

    /// The first of our roles that one of the token's roles stands for.
    pub(super) fn role(&self, claims: &Json) -> Option<RoleId> {
        let rule = self.role.as_ref()?;
        let claimed = match rule.claim.find(claims)? {
            Json::Array(roles) => roles.iter().filter_map(Json::as_text).collect(),
            role => vec![role.as_text()?],
        };
        rule.roles.iter().find(|(theirs, _)| claimed.contains(&theirs.as_str())).map(|(_, ours)| ours.clone())
    }

    /// The person's name, if invitees may see it.
    pub(super) fn display_name(&self, claims: &Json) -> Option<DisplayName> {
        self.display_name.as_ref()?.find(claims)?.as_text()?.parse().ok()
    }

    /// The person's address, if it is verified, and the issuer may prove it.
    pub(super) fn verified_email(&self, claims: &Json) -> Option<Email> {
        let rule = self.email.as_ref()?;
        let verified = rule.verified.as_ref().is_none_or(|verified| verified.find(claims) == Some(&Json::Bool(true)));
        let text = rule.claim.find(claims)?.as_text()?;
        // Nothing is cleaned up: an address with something around it may be another mailbox.
        let exact = |email: &Email| email.as_entered() == text && text.trim() == text;
        let allowed =
            |email: &Email| rule.domains.as_ref().is_none_or(|domains| domains.iter().any(|domain| domain.matches(email.normalised())));
        text.parse().ok().filter(|email| verified && exact(email) && allowed(email))
    }
}

/// All issuers of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Issuers(Vec<Issuer>);

impl Issuers {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them can prove that a person owns an address.
    #[must_use]
    pub fn prove_addresses(&self) -> bool {
        self.0.iter().any(|issuer| issuer.email.is_some())
    }

    /// The roles that their roles stand for, with the issuers' names.
    pub fn roles(&self) -> impl Iterator<Item = (&IssuerName, &RoleId)> {
        self.0.iter().flat_map(|issuer| issuer.role.iter().flat_map(|rule| rule.roles.iter().map(|(_, ours)| (&issuer.name, ours))))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Issuer> {
        self.0.iter()
    }

    /// The issuer with this identifier, compared byte by byte.
    #[must_use]
    pub fn find(&self, url: &str) -> Option<&Issuer> {
        self.0.iter().find(|issuer| issuer.url() == url)
    }
}
