//! The authorization code flow with PKCE (RFC 6749, 7636, 9207 and 9700), for a public client on this machine.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use shared::domain::Timestamp;

use super::token::TokenRequest;
use crate::loopback::LoopbackUrl;

/// The public client that is registered, with all redirect URIs on this machine.
pub(super) const CLIENT: &str = "console";
/// How long a code can be redeemed.
const CODE_LIFETIME: Duration = Duration::from_secs(60);

/// The parameters of a query or a form. An empty one is as good as none.
pub(super) struct Parameters(pub(super) Vec<(String, String)>);

impl Parameters {
    /// The value of a parameter that must not be repeated.
    pub(super) fn get(&self, name: &'static str) -> Result<Option<&str>, OAuthError> {
        let mut values = self.0.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str());
        let value = values.next().filter(|value| !value.is_empty());
        match values.next() {
            None => Ok(value),
            Some(_) => Err(OAuthError::invalid_request(format!("{name} is repeated."))),
        }
    }

    fn required(&self, name: &'static str) -> Result<&str, OAuthError> {
        self.get(name)?.ok_or_else(|| OAuthError::invalid_request(format!("{name} is missing.")))
    }
}

/// An error of OAuth, with a sentence about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OAuthError {
    pub(super) code: &'static str,
    pub(super) description: String,
}

impl OAuthError {
    pub(super) fn new(code: &'static str, description: impl Into<String>) -> Self {
        // The characters that RFC 6749 permits.
        let permitted = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
        let description = description.into().chars().map(|c| if permitted(c) { c } else { '?' }).collect();
        Self { code, description }
    }

    pub(super) fn invalid_request(description: impl Into<String>) -> Self {
        Self::new("invalid_request", description)
    }

    fn invalid_grant(description: &str) -> Self {
        Self::new("invalid_grant", description)
    }
}

/// A refused authorization request.
#[derive(Debug)]
pub(super) enum Refused {
    /// The client or its redirect URI is not registered. The browser must not be sent there, so a page says so.
    Page(String),
    /// The client learns it, at this URL.
    Redirect(String),
}

/// A valid authorization request.
#[derive(Debug, Clone)]
pub(super) struct AuthorizationRequest {
    redirect: LoopbackUrl,
    state: Option<String>,
    /// The SHA-256 of the verifier that redeems the code.
    challenge: String,
    /// The nonce of the ID token, if the client asks for one.
    id_token: Option<Option<String>>,
}

impl AuthorizationRequest {
    /// `issuer` is in the URL of an error, so that the client knows who answers.
    pub(super) fn parse(parameters: &Parameters, issuer: &str) -> Result<Self, Refused> {
        let on_page = |error: OAuthError| Refused::Page(error.description);
        match parameters.required("client_id").map_err(on_page)? {
            CLIENT => {}
            other => return Err(Refused::Page(format!("There is no client {other}. The client of this issuer is {CLIENT}."))),
        }
        let redirect = parameters.required("redirect_uri").map_err(on_page)?;
        let Some(redirect) = LoopbackUrl::parse(redirect) else {
            return Err(Refused::Page(format!("redirect_uri must begin with http://127.0.0.1 or http://localhost, not {redirect}.")));
        };
        let state = parameters.get("state");
        let valid = || {
            let state = state.clone()?.map(str::to_owned);
            match parameters.required("response_type")? {
                "code" => {}
                other => return Err(OAuthError::new("unsupported_response_type", format!("response_type must be code, not {other}."))),
            }
            if parameters.get("response_mode")?.is_some_and(|mode| mode != "query") {
                return Err(OAuthError::invalid_request("response_mode must be query."));
            }
            // Without it the challenge would be the verifier itself.
            if parameters.get("code_challenge_method")? != Some("S256") {
                return Err(OAuthError::invalid_request("code_challenge_method must be S256."));
            }
            let challenge = parameters.required("code_challenge")?;
            if challenge.len() != 43 || URL_SAFE_NO_PAD.decode(challenge).is_err() {
                return Err(OAuthError::invalid_request("code_challenge must be a SHA-256 in base64url without padding."));
            }
            if parameters.get("prompt")?.is_some_and(|prompt| prompt.split(' ').any(|prompt| prompt == "none")) {
                return Err(OAuthError::new("login_required", "The person must be picked on the page."));
            }
            let openid = parameters.get("scope")?.is_some_and(|scope| scope.split(' ').any(|scope| scope == "openid"));
            let nonce = parameters.get("nonce")?.map(str::to_owned);
            Ok(Self { redirect: redirect.clone(), state, challenge: challenge.to_owned(), id_token: openid.then_some(nonce) })
        };
        valid().map_err(|error| {
            let mut answer = vec![("error", error.code), ("error_description", &error.description), ("iss", issuer)];
            answer.extend(state.ok().flatten().map(|state| ("state", state)));
            Refused::Redirect(redirect.with(&answer))
        })
    }

    /// Where the browser goes with the code.
    pub(super) fn answer(&self, code: &str, issuer: &str) -> String {
        let mut answer = vec![("code", code), ("iss", issuer)];
        answer.extend(self.state.as_deref().map(|state| ("state", state)));
        self.redirect.with(&answer)
    }

    /// The origin of the client.
    pub(super) fn origin(&self) -> &str {
        self.redirect.origin()
    }
}

/// A redeemed code: the token to issue.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) person: TokenRequest,
    /// The nonce of the ID token, if the client asked for one.
    pub(super) id_token: Option<Option<String>>,
}

struct Issued {
    request: AuthorizationRequest,
    person: TokenRequest,
    expiry: Timestamp,
}

/// The codes that can be redeemed.
#[derive(Default)]
pub(super) struct Codes(Mutex<HashMap<String, Issued>>);

impl Codes {
    pub(super) fn issue(&self, request: AuthorizationRequest, person: TokenRequest, now: Timestamp) -> Result<String, getrandom::Error> {
        let mut code = [0; 32];
        getrandom::fill(&mut code)?;
        let code = URL_SAFE_NO_PAD.encode(code);
        let mut codes = self.lock();
        codes.retain(|_, issued| now < issued.expiry);
        codes.insert(code.clone(), Issued { request, person, expiry: now.plus(CODE_LIFETIME) });
        Ok(code)
    }

    /// Every attempt uses the code up, so that a verifier cannot be guessed.
    pub(super) fn redeem(&self, parameters: &Parameters, now: Timestamp) -> Result<Grant, OAuthError> {
        let code = parameters.required("code")?;
        let issued = self.lock().remove(code);
        if parameters.required("client_id")? != CLIENT {
            return Err(OAuthError::new("invalid_client", format!("The client of this issuer is {CLIENT}.")));
        }
        let (redirect, verifier) = (parameters.required("redirect_uri")?, parameters.required("code_verifier")?);
        let Some(Issued { request, person, .. }) = issued.filter(|issued| now < issued.expiry) else {
            return Err(OAuthError::invalid_grant("The code is unknown, used or older than a minute."));
        };
        if redirect != request.redirect.as_str() {
            return Err(OAuthError::invalid_grant("redirect_uri is not that of the authorization request."));
        }
        let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(is_unreserved) {
            return Err(OAuthError::invalid_grant("code_verifier must be 43 to 128 letters, digits, '-', '.', '_' or '~'."));
        }
        if URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())) != request.challenge {
            return Err(OAuthError::invalid_grant("code_verifier is not that of the code challenge."));
        }
        Ok(Grant { person, id_token: request.id_token })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Issued>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
