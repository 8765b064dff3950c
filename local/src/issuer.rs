//! A stand-in for an OpenID Connect provider: an [`Issuer`] that publishes its keys and signs any claims.
//!
//! It signs whatever it is asked to, so it only listens on loopback and is never part of a deployment.

mod response;
mod signing_key;

use std::{
    fmt, io,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{body::Body, http::Response};
use hyper::{Method, Request, body::Incoming};
use serde_json::{Value, json};
use shared::domain::Timestamp;
use tokio::{net::TcpStream, time::sleep};

use crate::{
    server::{NoResponse, Server, accept, connection, free_port},
    stand_in::lock,
};

pub use signing_key::SigningKey;

/// The path of the discovery document.
pub const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";
/// The path of the key set.
pub const KEY_SET_PATH: &str = "/jwks.json";
/// The path where people sign in.
pub const AUTHORIZATION_PATH: &str = "/authorize";
/// The path where codes are redeemed.
pub const TOKEN_PATH: &str = "/token";
/// The path where people sign out.
pub const END_SESSION_PATH: &str = "/end-session";
/// The audience of tokens that do not name another.
pub const AUDIENCE: &str = "invitations";
/// The lifetime of tokens that do not name another.
pub const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// The discovery document of the issuer with this URL. Only `make run` serves the endpoints for people; tests sign tokens directly.
#[must_use]
pub fn discovery(url: &str) -> Value {
    json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}{AUTHORIZATION_PATH}"),
        "token_endpoint": format!("{url}{TOKEN_PATH}"),
        "end_session_endpoint": format!("{url}{END_SESSION_PATH}"),
        "jwks_uri": format!("{url}{KEY_SET_PATH}"),
        "scopes_supported": ["openid", "profile", "email"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "authorization_response_iss_parameter_supported": true,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "RS256"],
        "claims_supported": ["iss", "sub", "aud", "iat", "exp", "email", "email_verified", "name", "role", "account"],
    })
}

/// The key set with these keys.
pub fn key_set<'a>(keys: impl IntoIterator<Item = &'a SigningKey>) -> Value {
    json!({ "keys": keys.into_iter().map(SigningKey::jwk).collect::<Vec<_>>() })
}

/// A published document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// The discovery document.
    Discovery,
    /// The key set.
    KeySet,
}

impl Document {
    fn requested<B>(request: &Request<B>) -> Option<Self> {
        match (request.method(), request.uri().path()) {
            (&Method::GET, DISCOVERY_PATH) => Some(Self::Discovery),
            (&Method::GET, KEY_SET_PATH) => Some(Self::KeySet),
            _ => None,
        }
    }
}

/// The response to a request for a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// The document.
    Serve,
    /// The document, after a pause.
    Late(Duration),
    /// This status without a body: 503 when the issuer is down.
    Status(u16),
    /// A redirect to this URL.
    Redirect(String),
    /// This body in place of the document.
    Body(Vec<u8>),
    /// A body of spaces that never ends.
    Endless,
    /// The head of a response, and never a body.
    Stall,
    /// The connection is closed without a response.
    Drop,
    /// Never a response.
    Hang,
}

/// A running issuer. Dropping it stops it.
pub struct Issuer {
    server: Server,
    state: Arc<Mutex<State>>,
}

struct State {
    url: String,
    /// Newest first, and never empty.
    keys: Vec<SigningKey>,
    requests: Vec<Document>,
    script: Box<dyn FnMut(Document) -> Behaviour + Send>,
}

impl Issuer {
    /// Starts an issuer with one key for ES256, on a free port of loopback.
    ///
    /// # Errors
    /// When no port or thread is available.
    pub fn on_free_port() -> io::Result<Self> {
        let listener = free_port()?;
        let url = format!("http://{}", listener.local_addr()?);
        let keys = vec![SigningKey::generate()];
        let state = Arc::new(Mutex::new(State { url, keys, requests: Vec::new(), script: Box::new(|_| Behaviour::Serve) }));
        let shared = Arc::clone(&state);
        let server = Server::on_thread("issuer", listener, |listener, stopped| async move {
            tokio::select! {
                never = accept(listener, |stream| serve(stream, Arc::clone(&shared))) => match never {},
                _ = stopped => {}
            }
        })?;
        Ok(Self { server, state })
    }

    /// The `iss` of its tokens, such as `http://127.0.0.1:9200`.
    #[must_use]
    pub fn url(&self) -> &str {
        self.server.endpoint()
    }

    /// These claims, after `iss`, `aud`, `iat` and `exp` of a token that is valid at `now`. A claim that is given replaces them.
    #[must_use]
    pub fn claims(&self, now: Timestamp, given: Value) -> Value {
        let mut claims = json!({ "iss": self.url(), "aud": AUDIENCE, "iat": now.as_secs(), "exp": now.plus(LIFETIME).as_secs() });
        if let (Some(claims), Value::Object(given)) = (claims.as_object_mut(), given) {
            claims.extend(given);
        }
        claims
    }

    /// A token with exactly these claims, signed with the newest key.
    #[must_use]
    pub fn token(&self, claims: Value) -> String {
        self.key().token(&claims)
    }

    /// The newest key.
    #[must_use]
    pub fn key(&self) -> SigningKey {
        lock(&self.state).keys[0].clone()
    }

    /// Publishes another key, which signs from now on. The old ones stay published.
    pub fn add_key(&self, key: SigningKey) {
        lock(&self.state).keys.insert(0, key);
    }

    /// Does the same with a new key for ES256.
    pub fn rotate(&self) {
        self.add_key(SigningKey::generate());
    }

    /// Removes all keys but the newest.
    pub fn retire_old_keys(&self) {
        lock(&self.state).keys.truncate(1);
    }

    /// The discovery document.
    #[must_use]
    pub fn discovery(&self) -> Value {
        discovery(self.url())
    }

    /// The key set.
    #[must_use]
    pub fn key_set(&self) -> Value {
        key_set(&lock(&self.state).keys)
    }

    /// From now on `script` decides on each request for a document.
    pub fn answer_with(&self, script: impl FnMut(Document) -> Behaviour + Send + 'static) {
        lock(&self.state).script = Box::new(script);
    }

    /// The requests for documents, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<Document> {
        lock(&self.state).requests.clone()
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl State {
    /// The document, and how to answer.
    fn request(&mut self, document: Document) -> (Value, Behaviour) {
        self.requests.push(document);
        let content = match document {
            Document::Discovery => discovery(&self.url),
            Document::KeySet => key_set(&self.keys),
        };
        (content, (self.script)(document))
    }
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) {
    let respond = async |request: Request<Incoming>| match Document::requested(&request) {
        Some(document) => respond(document, &state).await,
        None => Ok(response::status(404)),
    };
    connection(stream, respond).await;
}

async fn respond(document: Document, state: &Mutex<State>) -> Result<Response<Body>, NoResponse> {
    let (content, behaviour) = lock(state).request(document);
    Ok(match behaviour {
        Behaviour::Serve => response::json(content.to_string()),
        Behaviour::Late(pause) => {
            sleep(pause).await;
            response::json(content.to_string())
        }
        Behaviour::Status(status) => response::status(status),
        Behaviour::Redirect(url) => response::redirect(&url),
        Behaviour::Body(body) => response::json(body),
        Behaviour::Endless => response::json(Body::new(response::Unfinished::Endless)),
        Behaviour::Stall => response::json(Body::new(response::Unfinished::Stalled)),
        Behaviour::Drop => return Err(NoResponse),
        Behaviour::Hang => std::future::pending().await,
    })
}

#[cfg(test)]
mod tests;
