//! Authentication: turns a credential into a [`Principal`], without which nothing reaches an account's data.
//!
//! A credential is an API key, or the bearer token of a configured issuer.

mod api_keys;
mod bearer;

use std::{fmt, sync::Arc};

use shared::{
    domain::{AccountId, Permission, Principal, RoleId, Roles, Urns, bearer::VerifiedToken, issuer::AccountClaim, issuer::Issuers},
    store::Store,
};

use self::{api_keys::ApiKeys, bearer::BearerTokens};
use crate::http::{
    error::{ApiError, Challenge, Forbidden},
    event::{Caller, Request},
};

/// Authenticates callers and checks their permissions.
pub struct Authenticator {
    keys: ApiKeys,
    tokens: Option<BearerTokens>,
    store: Store,
    roles: Roles,
    urns: Urns,
}

/// Whose word counts for an invitee's decision.
pub enum InviteeCaller {
    /// A host application, which may confirm who the invitee is.
    Host(Principal),
    /// An invitee who has signed in.
    User(Arc<VerifiedToken>),
}

/// A credential, as the `Authorization` header presents it.
enum Credential<'a> {
    ApiKey(&'a str),
    Bearer(&'a str, &'a BearerTokens),
}

impl Authenticator {
    /// Looks up keys in `store`, and accepts tokens of `issuers`.
    #[must_use]
    pub fn new(store: Store, roles: Roles, urns: Urns, issuers: Issuers) -> Self {
        let tokens = if issuers.is_empty() { None } else { Some(BearerTokens::new(store.clone(), issuers)) };
        Self { keys: ApiKeys::new(store.clone()), tokens, store, roles, urns }
    }

    /// Returns the caller of a request if it has `permission`.
    ///
    /// # Errors
    /// [`ApiError::Unauthorized`], [`ApiError::Forbidden`], or a store error.
    pub async fn authorize(&self, request: &Request, permission: Permission) -> Result<Principal, ApiError> {
        let who = self.caller(request, Some(permission)).await?;
        require(&who, permission)?;
        Ok(who)
    }

    /// Returns the caller of a request, whatever its permissions.
    ///
    /// # Errors
    /// [`ApiError::Unauthorized`], [`ApiError::Forbidden`] for a token without an account or a role, or a store error.
    pub async fn authenticate(&self, request: &Request) -> Result<Principal, ApiError> {
        self.caller(request, None).await
    }

    /// The configured roles that a caller may grant, sorted.
    pub fn grantable_by<'a>(&'a self, who: &'a Principal) -> impl Iterator<Item = &'a RoleId> {
        self.roles.names().filter(|role| who.may_grant(role))
    }

    /// The caller of an account's route, recorded for the log. `permission` is what the route requires.
    async fn caller(&self, request: &Request, permission: Option<Permission>) -> Result<Principal, ApiError> {
        let who = match self.credential(request)? {
            Credential::ApiKey(key) => self.api_key(key).await?,
            Credential::Bearer(token, tokens) => {
                let token = tokens.verify(token, self.store.now()).await?;
                let account = self.account_of(&token, tokens).await;
                let account = account.inspect_err(|_| record(request, None, token.user().urn_anywhere(&self.urns)))?;
                token.principal(account.clone(), &self.roles, &self.urns).ok_or_else(|| {
                    record(request, Some(&account), token.user().urn(&self.urns, &account));
                    Forbidden::NoRole { permission }
                })?
            }
        };
        record(request, Some(who.account()), who.urn().to_owned());
        Ok(who)
    }

    /// Returns who confirms the identity of an invitee; `None` if the request has no credential.
    ///
    /// # Errors
    /// [`ApiError::Unauthorized`], [`ApiError::Forbidden`], or a store error.
    pub async fn invitee(&self, request: &Request) -> Result<Option<InviteeCaller>, ApiError> {
        if request.headers.authorization.is_none() {
            return Ok(None);
        }
        let caller = match self.credential(request)? {
            Credential::ApiKey(key) => {
                let host = self.api_key(key).await?;
                record(request, Some(host.account()), host.urn().to_owned());
                require(&host, Permission::Modify)?;
                InviteeCaller::Host(host)
            }
            Credential::Bearer(token, tokens) => InviteeCaller::User(tokens.verify(token, self.store.now()).await?),
        };
        Ok(Some(caller))
    }

    /// Returns the person who has signed in.
    ///
    /// # Errors
    /// [`ApiError::Unauthorized`], also for an API key, or a store error.
    pub async fn user(&self, request: &Request) -> Result<Arc<VerifiedToken>, ApiError> {
        match self.credential(request)? {
            Credential::ApiKey(_) => {
                Err(self.unauthorized("this route takes the token of a person: send the header 'Authorization: Bearer <token>'"))
            }
            Credential::Bearer(token, tokens) => tokens.verify(token, self.store.now()).await,
        }
    }

    fn credential<'a>(&'a self, request: &'a Request) -> Result<Credential<'a>, ApiError> {
        let header = request.headers.authorization.as_ref().ok_or_else(|| {
            self.unauthorized(match self.tokens {
                None => "send the header 'Authorization: ApiKey <key>'",
                Some(_) => "send the header 'Authorization: ApiKey <key>' or 'Authorization: Bearer <token>'",
            })
        })?;
        match (header.0.trim().split_once(' '), &self.tokens) {
            (Some((scheme, key)), _) if scheme.eq_ignore_ascii_case("ApiKey") => Ok(Credential::ApiKey(key.trim())),
            (Some((scheme, token)), Some(tokens)) if scheme.eq_ignore_ascii_case("Bearer") => Ok(Credential::Bearer(token.trim(), tokens)),
            (_, None) => Err(self.unauthorized("the header must read 'Authorization: ApiKey <key>'")),
            (_, Some(_)) => Err(self.unauthorized("the header must read 'Authorization: ApiKey <key>' or 'Authorization: Bearer <token>'")),
        }
    }

    async fn api_key(&self, key: &str) -> Result<Principal, ApiError> {
        let who = self.keys.verify(key, self.store.now(), &self.roles, &self.urns).await?;
        who.map_err(|why| self.unauthorized(why))
    }

    /// The account that the token names.
    async fn account_of(&self, token: &VerifiedToken, tokens: &BearerTokens) -> Result<AccountId, ApiError> {
        match token.account().ok_or(Forbidden::NoAccount)? {
            AccountClaim::Id(account) if self.store.serves(account) => Ok(account.clone()),
            AccountClaim::Id(_) => Err(Forbidden::OtherAccount.into()),
            AccountClaim::External(id) => {
                let account = tokens.account_of(id, self.store.now()).await?;
                Ok(account.ok_or_else(|| Forbidden::UnknownAccount(id.clone()))?)
            }
        }
    }

    /// The error for a request without a usable credential.
    fn unauthorized(&self, why: &'static str) -> ApiError {
        let challenge = if self.tokens.is_some() { Challenge::ApiKeyOrBearer } else { Challenge::ApiKey };
        ApiError::Unauthorized(why, challenge)
    }
}

/// Records the caller for the log.
fn record(request: &Request, account: Option<&AccountId>, urn: String) {
    request.caller.get_or_init(|| Caller { account: account.cloned(), urn });
}

/// Checks a caller's permission.
///
/// # Errors
/// [`Forbidden`].
pub fn require(who: &Principal, permission: Permission) -> Result<(), Forbidden> {
    if who.can(permission) { Ok(()) } else { Err(Forbidden::Role { permission, role: who.role_id().clone() }) }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").finish_non_exhaustive()
    }
}
