//! Cross-origin requests, as API Gateway answers them with the `CorsConfiguration` of the template, which is read at the start.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
            ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
        },
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_yaml_ng::Value;

use super::is_invocation;
use crate::{
    loopback::is_loopback_origin,
    output::{Problem, problem},
};

/// `CORS_ORIGINS`: the origins whose pages may call the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origins {
    /// Those of this machine. No website has one of them.
    Loopback,
    Any,
    Listed(Vec<String>),
}

impl Origins {
    /// The syntax is that of the template's parameter `CorsOrigins`. Without a value, pages on this machine may call the API.
    pub(crate) fn parse(value: Option<&str>) -> Result<Self, Problem> {
        match value {
            None => Ok(Self::Loopback),
            Some("") => Ok(Self::Listed(Vec::new())),
            Some("*") => Ok(Self::Any),
            Some(list) if list.split(',').all(is_origin) => Ok(Self::Listed(list.split(',').map(str::to_owned).collect())),
            Some(other) => Err(problem!(
                "CORS_ORIGINS is '{other}', but must be empty, *, or origins such as https://app.example.com without a path, separated by commas"
            )),
        }
    }

    /// The value of `Access-Control-Allow-Origin` for a page of this origin.
    fn allow(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        match self {
            Self::Loopback => is_loopback_origin(origin).then(|| origin.clone()),
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::Listed(origins) => origins.iter().any(|listed| listed == origin).then(|| origin.clone()),
        }
    }
}

fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.contains(|c: char| "/*".contains(c) || c.is_whitespace()))
}

/// What pages of the allowed origins may send and read.
pub(crate) struct Cors {
    origins: Origins,
    methods: HeaderValue,
    headers: HeaderValue,
    exposed: HeaderValue,
    max_age: HeaderValue,
}

impl Cors {
    pub(crate) fn read(origins: Origins, template: &str) -> Result<Self, Problem> {
        let template: Value = serde_yaml_ng::from_str(template).map_err(|e| problem!("template.yaml: {e}"))?;
        let unsupported = || problem!("template.yaml: the CorsConfiguration of InvitationsApi is incomplete or unsupported");
        let api = template.get("Resources").and_then(|resources| resources.get("InvitationsApi")?.get("Properties"));
        // Under the condition that there are origins.
        let configuration = api.and_then(|api| api.get("CorsConfiguration")?.get(1)).ok_or_else(unsupported)?;
        let list = |name: &str| {
            let names = configuration.get(name)?.as_sequence()?.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?;
            HeaderValue::try_from(names.join(",")).ok()
        };
        Ok(Self {
            origins,
            methods: list("AllowMethods").ok_or_else(unsupported)?,
            headers: list("AllowHeaders").ok_or_else(unsupported)?,
            exposed: list("ExposeHeaders").ok_or_else(unsupported)?,
            max_age: configuration.get("MaxAge").and_then(Value::as_u64).ok_or_else(unsupported)?.into(),
        })
    }

    /// The preflight response. Without the headers, the browser does not send the request.
    fn preflight(&self, origin: &HeaderValue) -> Response {
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        if self.share(headers, origin) {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, self.headers.clone());
            headers.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        }
        response
    }

    /// Names the origin of the page if it is allowed.
    fn share(&self, headers: &mut HeaderMap, origin: &HeaderValue) -> bool {
        let allowed = self.origins.allow(origin);
        allowed.map(|allowed| headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed)).is_some()
    }
}

/// Answers preflight requests, and shares responses of the API with pages of the allowed origins. Invocations are not part of the API.
pub(super) async fn apply(State(cors): State<Arc<Cors>>, request: Request, next: Next) -> Response {
    if cors.origins == Origins::Listed(Vec::new()) || is_invocation(request.uri()) {
        return next.run(request).await;
    }
    let origin = request.headers().get(ORIGIN).cloned();
    let is_preflight = request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match &origin {
        Some(origin) if is_preflight => cors.preflight(origin),
        _ => next.run(request).await,
    };
    let headers = response.headers_mut();
    // The panel's script is cacheable.
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin.filter(|_| !is_preflight)
        && cors.share(headers, &origin)
    {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, cors.exposed.clone());
    }
    response
}

#[cfg(test)]
mod tests;
