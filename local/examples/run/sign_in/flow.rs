//! The endpoints of the authorization code flow. The page at the authorization endpoint picks the person.

use axum::{
    body::{Body, to_bytes},
    extract::{Form, FromRequest, Query, RawQuery, Request, State},
    http::StatusCode,
    response::{IntoResponse, Json, Redirect, Response},
};
use local::issuer::AUTHORIZATION_PATH;
use serde_json::{Value, json};
use shared::domain::Timestamp;

use super::{
    SignIn,
    authorization::{AuthorizationRequest, CLIENT, OAuthError, Parameters, Refused},
    is_json, read,
    token::Token,
};
use crate::{loopback::LoopbackUrl, pages::with_policy};

const MAX_BODY: usize = 64 * 1024;

type ParsedQuery = Result<Query<Vec<(String, String)>>, axum::extract::rejection::QueryRejection>;

/// Asks who signs in.
pub(super) async fn page(State(state): State<SignIn>, RawQuery(raw): RawQuery, query: ParsedQuery) -> Response {
    match authorization_request(&state, query) {
        Ok(request) => form(&state, raw.as_deref(), &request, None),
        Err(refused) => refusal(&state, refused),
    }
}

/// Sends the person who was picked back to the client, with a code.
pub(super) async fn sign_in(State(state): State<SignIn>, RawQuery(raw): RawQuery, query: ParsedQuery, body: Request) -> Response {
    let request = match authorization_request(&state, query) {
        Ok(request) => request,
        Err(refused) => return refusal(&state, refused),
    };
    let person = match read(body).await {
        // The token is issued when the code is redeemed. Until then nothing about it can become wrong.
        Ok(person) => state.token(person.clone()).map(|_| person),
        Err(reason) => Err(reason),
    };
    match person {
        Ok(person) => match state.codes.issue(request.clone(), person, Timestamp::now()) {
            Ok(code) => Redirect::to(&request.answer(&code, &state.issuer)).into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("no random bytes available for a code: {error}\n")).into_response(),
        },
        Err(reason) => (StatusCode::BAD_REQUEST, form(&state, raw.as_deref(), &request, Some(&reason))).into_response(),
    }
}

fn authorization_request(state: &SignIn, query: ParsedQuery) -> Result<AuthorizationRequest, Refused> {
    let Query(parameters) = query.map_err(|error| Refused::Page(error.body_text()))?;
    AuthorizationRequest::parse(&Parameters(parameters), &state.issuer)
}

fn form(state: &SignIn, query: Option<&str>, request: &AuthorizationRequest, error: Option<&str>) -> Response {
    let origin = request.origin();
    let page = state.form(&format!("{AUTHORIZATION_PATH}?{}", query.unwrap_or_default()), Some(origin), error);
    // Browsers apply form-action to the redirect, too.
    with_policy(
        page,
        format!(
            "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'self' {origin}; frame-ancestors 'none'"
        ),
    )
}

fn refusal(state: &SignIn, refused: Refused) -> Response {
    match refused {
        Refused::Page(reason) => (StatusCode::BAD_REQUEST, message(state, "Sign-in is not possible", &reason)).into_response(),
        Refused::Redirect(url) => Redirect::to(&url).into_response(),
    }
}

/// For clients, which redeem a code, and for scripts, which name a person. The formats are those of RFC 6749, sections 5.1 and 5.2.
pub(super) async fn token(State(state): State<SignIn>, request: Request) -> Response {
    match tokens(&state, request).await {
        Ok(tokens) => Json(tokens).into_response(),
        Err(OAuthError { code, description }) => {
            (StatusCode::BAD_REQUEST, Json(json!({ "error": code, "error_description": description }))).into_response()
        }
    }
}

async fn tokens(state: &SignIn, request: Request) -> Result<Value, OAuthError> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY).await.map_err(|e| OAuthError::invalid_request(e.to_string()))?;
    let request = || Request::from_parts(parts.clone(), Body::from(body.clone()));
    if !is_json(&parts.headers) {
        let parameters = Form::from_request(request(), &()).await.map(|Form(pairs)| Parameters(pairs));
        let parameters = parameters.map_err(|e| OAuthError::invalid_request(e.body_text()))?;
        match parameters.get("grant_type")? {
            None => {}
            Some("authorization_code") => {
                let grant = state.codes.redeem(&parameters, Timestamp::now())?;
                let token = state.token(grant.person).map_err(OAuthError::invalid_request)?;
                let mut tokens = bearer(&token);
                if let Some(nonce) = grant.id_token {
                    tokens["id_token"] = token.id_token(CLIENT, nonce.as_deref(), &state.key).into();
                }
                return Ok(tokens);
            }
            Some(other) => {
                return Err(OAuthError::new("unsupported_grant_type", format!("grant_type must be authorization_code, not {other}.")));
            }
        }
    }
    let person = read(request()).await.map_err(OAuthError::invalid_request)?;
    state.token(person).map(|token| bearer(&token)).map_err(OAuthError::invalid_request)
}

fn bearer(token: &Token) -> Value {
    json!({ "access_token": token.text, "token_type": "Bearer", "expires_in": token.lifetime.as_secs() })
}

/// The issuer keeps no session. So it only sends the browser back to the client.
pub(super) async fn sign_out(State(state): State<SignIn>, query: ParsedQuery) -> Response {
    let Ok(Query(parameters)) = query else { return StatusCode::BAD_REQUEST.into_response() };
    let parameters = Parameters(parameters);
    let back = || {
        let Some(url) = parameters.get("post_logout_redirect_uri")? else { return Ok(None) };
        let url = LoopbackUrl::parse(url)
            .ok_or_else(|| OAuthError::invalid_request("post_logout_redirect_uri must begin with http://127.0.0.1 or http://localhost."))?;
        Ok(Some(match parameters.get("state")? {
            Some(state) => url.with(&[("state", state)]),
            None => url.as_str().to_owned(),
        }))
    };
    match back() {
        Ok(Some(url)) => Redirect::to(&url).into_response(),
        Ok(None) => message(&state, "Signed out", "This issuer remembers nobody."),
        Err(OAuthError { description, .. }) => {
            (StatusCode::BAD_REQUEST, message(&state, "Signing out is not possible", &description)).into_response()
        }
    }
}

fn message(state: &SignIn, heading: &str, text: &str) -> Response {
    state.page("message.html", &json!({ "heading": heading, "text": text }))
}
