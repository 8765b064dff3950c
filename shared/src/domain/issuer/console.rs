//! How people sign in at an issuer in the console: by authorization code with PKCE, as a public client.

use url::Url;

use super::parse::Fields;
use crate::domain::{
    json::Json,
    text::{Malformed, excerpt},
    web,
};

/// The scope that is requested if none is configured.
const SCOPE: &str = "openid";

/// Parameters of the authorization request that the console sets itself.
const OWN_PARAMETERS: [&str; 10] = [
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "redirect_uri",
    "request",
    "request_uri",
    "response_mode",
    "response_type",
    "state",
];

/// What the console needs to know about an issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Console {
    /// The client that is registered for the console.
    pub client_id: String,
    /// Where people sign in.
    pub authorization_endpoint: Endpoint,
    /// Where the page exchanges the code for a token.
    pub token_endpoint: Endpoint,
    /// Where people sign out of the issuer; `None` if they only sign out of the console.
    pub end_session_endpoint: Option<Endpoint>,
    /// The requested scope.
    pub scope: String,
    /// Further parameters of the authorization request, such as an `audience`.
    pub parameters: Vec<(String, String)>,
    /// Which of the issuer's tokens the API accepts.
    pub token: TokenKind,
}

/// Which token the console sends to the API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TokenKind {
    /// The access token.
    #[default]
    Access,
    /// The ID token.
    Id,
}

impl TokenKind {
    /// The name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Id => "id",
        }
    }
}

/// An address at the issuer. Its origin can be a source in a Content-Security-Policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

impl Endpoint {
    fn parse(text: &str) -> Result<Self, Malformed> {
        let url = web::address(text)?;
        match url.host() {
            Some(url::Host::Ipv6(_)) => {
                Err(Malformed(format!("'{}' cannot be used: browsers allow no IPv6 address in a policy", excerpt(text))))
            }
            _ => Ok(Self(url)),
        }
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Its origin, such as `https://login.example.com`.
    #[must_use]
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }
}

impl Fields<'_, '_> {
    /// The member `console`, if it is there. Its mistakes are among the problems.
    pub(super) fn console(&mut self) -> Option<Console> {
        let mut fields = self.inside("console")?;
        let client_id = fields.required_text("clientID");
        let authorization_endpoint = fields.required_text("authorizationEndpoint");
        let authorization_endpoint = authorization_endpoint.and_then(|text| fields.endpoint("authorizationEndpoint", text));
        let token_endpoint = fields.required_text("tokenEndpoint").and_then(|text| fields.endpoint("tokenEndpoint", text));
        let end_session_endpoint = fields.text("endSessionEndpoint").and_then(|text| fields.endpoint("endSessionEndpoint", text));
        let scope = match fields.member("scope") {
            None => SCOPE.to_owned(),
            Some(_) => fields.required_text("scope").unwrap_or_default().to_owned(),
        };
        let parameters = fields.parameters();
        let token = match fields.member("token").map(Json::as_text) {
            None => TokenKind::default(),
            Some(name) => [TokenKind::Access, TokenKind::Id].into_iter().find(|kind| Some(kind.as_str()) == name).unwrap_or_else(|| {
                fields.problem(Some("token"), "must be 'access' or 'id'");
                TokenKind::default()
            }),
        };
        // Without this scope, the issuer returns no ID token.
        if token == TokenKind::Id && !scope.split(' ').any(|part| part == "openid") {
            fields.problem(Some("scope"), "must include 'openid' if token is 'id'");
        }
        fields.finish();
        Some(Console {
            client_id: client_id?.to_owned(),
            authorization_endpoint: authorization_endpoint?,
            token_endpoint: token_endpoint?,
            end_session_endpoint,
            scope,
            parameters,
            token,
        })
    }

    fn endpoint(&mut self, name: &str, text: &str) -> Option<Endpoint> {
        self.check(Some(name), Endpoint::parse(text))
    }

    fn parameters(&mut self) -> Vec<(String, String)> {
        let members = match self.member("parameters") {
            None => return Vec::new(),
            Some(Json::Object(members)) => members.as_slice(),
            Some(_) => &[],
        };
        let texts: Option<Vec<_>> = members.iter().map(|(name, value)| Some((name.clone(), value.as_text()?.to_owned()))).collect();
        let texts = texts.unwrap_or_default();
        if texts.is_empty() {
            self.problem(Some("parameters"), "must be an object of strings, such as {\"audience\": \"https://api.example.com\"}");
        }
        for (name, _) in &texts {
            if name == "scope" || OWN_PARAMETERS.contains(&name.as_str()) {
                self.problem(Some("parameters"), format!("'{name}' is not a further parameter"));
            }
        }
        texts
    }
}
