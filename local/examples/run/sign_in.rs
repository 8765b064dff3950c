//! The development issuer: the documents that the functions verify tokens with, and a page that signs anyone in.
//!
//! It stands in for the host application's identity provider and asks for no password. So it only answers requests to 127.0.0.1
//! or localhost, and a website whose host name resolves to this machine gets no token. Applications on this machine sign people in
//! by the authorization code flow ([`flow`]).

mod authorization;
mod cors;
mod flow;
mod token;

use std::{net::TcpListener, sync::Arc};

use axum::{
    Router,
    extract::{Form, FromRequest, Request, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    },
    middleware::from_fn,
    response::{IntoResponse, Json, Response},
    routing::{get, post},
};
use local::{
    issuer::{AUDIENCE, AUTHORIZATION_PATH, DISCOVERY_PATH, END_SESSION_PATH, KEY_SET_PATH, SigningKey, TOKEN_PATH, discovery, key_set},
    server::listen,
};
use minijinja::Environment;
use serde_json::{Value, json};
use shared::domain::Timestamp;

use crate::{
    keys::ACCOUNT,
    output::{Problem, problem},
    pages::{guard, render, style, templates},
};
use authorization::Codes;
use token::{Token, TokenRequest};

/// The policy of the page: it loads its style and sends its forms.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);

/// The roles of the host application, and the roles here that they stand for.
const ROLES: [(&str, &str); 2] = [("admin", "full-access"), ("viewer", "read-only")];

/// The value of `ISSUERS` with which the functions accept the tokens of the issuer at `url`.
pub(crate) fn issuers(url: &str) -> String {
    let roles: serde_json::Map<_, _> = ROLES.into_iter().map(|(host, role)| (host.to_owned(), role.into())).collect();
    let dev = json!({
        "issuer": url,
        "audience": { "values": [AUDIENCE] },
        "account": { "claim": "/account", "kind": "id" },
        "role": { "claim": "/role", "map": roles },
        "name": "/name",
        "email": "/email",
        "console": {
            "clientID": "console",
            "authorizationEndpoint": format!("{url}/authorize"),
            "tokenEndpoint": format!("{url}/token"),
            "scope": "openid profile email",
        },
    });
    json!({ "dev": dev }).to_string()
}

/// A command to paste, which prints a token of an administrator.
pub(crate) fn first_command(url: &str) -> String {
    format!("curl -s {url}/token -d email=jane.doe@example.com -d 'name=Jane Doe' -d role=admin -d account={ACCOUNT}")
}

#[derive(Clone)]
struct SignIn {
    issuer: String,
    /// The URL of the invitation API.
    api: String,
    key: SigningKey,
    codes: Arc<Codes>,
    templates: Arc<Environment<'static>>,
}

/// Serves the issuer on `listener`. Returns its URL, which is also the `iss` of its tokens.
pub(crate) fn open(listener: TcpListener, key: SigningKey, api: &str) -> Result<String, Problem> {
    let failed = |e: &dyn std::fmt::Display| problem!("the issuer's port cannot be served: {e}");
    let (listener, address) = listen(listener).map_err(|e| failed(&e))?;
    let issuer = format!("http://{address}");
    let templates = Arc::new(templates().map_err(|e| failed(&e))?);
    let state = SignIn { issuer: issuer.clone(), api: api.to_owned(), key, codes: Arc::default(), templates };
    let app = Router::new()
        .route(TOKEN_PATH, post(flow::token))
        .route(DISCOVERY_PATH, get(async |State(state): State<SignIn>| Json(discovery(&state.issuer))))
        .route(KEY_SET_PATH, get(async |State(state): State<SignIn>| Json(key_set([&state.key]))))
        .route_layer(from_fn(cors::allow_loopback))
        .route("/", get(form).post(sign_in))
        .route(AUTHORIZATION_PATH, get(flow::page).post(flow::sign_in))
        .route(END_SESSION_PATH, get(flow::sign_out))
        .route("/style.css", get(style))
        .layer(from_fn(guard))
        .with_state(state);
    tokio::spawn(async { axum::serve(listener, app).await });
    Ok(issuer)
}

impl SignIn {
    fn token(&self, request: TokenRequest) -> Result<Token, String> {
        Token::new(request, &self.issuer, &self.key, Timestamp::now())
    }

    fn page(&self, template: &str, context: &Value) -> Response {
        let mut page = render(&self.templates, template, context);
        page.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
        page
    }

    /// The form that picks a person, which is sent to `action`. `client` is the application to sign in to.
    fn form(&self, action: &str, client: Option<&str>, error: Option<&str>) -> Response {
        let roles = ROLES.map(|(host, role)| json!({ "host": host, "role": role }));
        let context = json!({ "people": people(), "roles": roles, "account": ACCOUNT, "action": action, "client": client, "error": error });
        self.page("sign-in.html", &context)
    }
}

/// The people to choose from. An empty field is none.
pub(crate) fn people() -> [Value; 3] {
    let person = |name: &str, email: &str, role: &str, account: &str, note: &str| json!({ "name": name, "email": email, "role": role, "account": account, "note": note });
    [
        person("Jane Doe", "jane.doe@example.com", "admin", ACCOUNT, "administers the account"),
        person("Vic Reader", "vic.reader@example.com", "viewer", ACCOUNT, "can view the account's invitations"),
        person("Nora New", "new.colleague@example.com", "", "", "is invited, and has no account yet"),
    ]
}

async fn form(State(state): State<SignIn>) -> Response {
    state.form("/", None, None)
}

async fn sign_in(State(state): State<SignIn>, request: Request) -> Response {
    match read(request).await.and_then(|request| state.token(request)) {
        Ok(token) => state.page(
            "token.html",
            &json!({
                "token": token.text,
                "expiry": token.expiry.to_string(),
                "claims": serde_json::to_string_pretty(&token.claims).unwrap_or_default(),
                "command": format!("curl -s {}{} -H 'Authorization: Bearer {}'", state.api, token.route(), token.text),
            }),
        ),
        Err(reason) => (StatusCode::BAD_REQUEST, state.form("/", None, Some(&reason))).into_response(),
    }
}

/// Reads a form or JSON. The error is a sentence.
async fn read(request: Request) -> Result<TokenRequest, String> {
    if is_json(request.headers()) {
        Json::from_request(request, &()).await.map(|Json(read)| read).map_err(|e| e.body_text())
    } else {
        Form::from_request(request, &()).await.map(|Form(read)| read).map_err(|e| e.body_text())
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}

#[cfg(test)]
mod tests;
