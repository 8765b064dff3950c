//! The HTTP frame of the endpoints: parses events and returns responses.
//!
//! Only this module turns errors into responses. An invocation never fails: panics, events that are not HTTP requests and configuration
//! errors are answered like all other errors.

use std::time::{Duration, Instant};

use lambda_http::{
    Body,
    aws_lambda_events::apigw::ApiGatewayV2httpResponse,
    http::{HeaderMap, HeaderValue},
    lambda_runtime::{self, LambdaEvent},
    service_fn,
};
use serde_json::value::RawValue;
use shared::config::ConfigError;

use crate::{
    app::App,
    guard::guarded,
    http::{
        error::ApiError,
        event::Request,
        log,
        output::{self, NOT_MODIFIED, Reply},
        route::Route,
    },
};

/// The time limit of a request, including all reads, retries and pauses. It is shorter than the functions' timeout, which would end them
/// without a response.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Requests only the headers of a GET (RFC 9110, 9.3.2).
const HEAD: &str = "HEAD";

/// The state of an endpoint.
pub trait Endpoint {
    /// Whether the service is in maintenance, and the `Retry-After` of its responses.
    fn maintenance(&self) -> Option<Duration>;
}

impl<S: AsRef<App>> Endpoint for S {
    fn maintenance(&self) -> Option<Duration> {
        self.as_ref().maintenance
    }
}

/// Creates the state and serves requests until the execution environment ends.
///
/// # Errors
/// When Lambda's runtime API cannot be reached.
pub async fn run<S: Endpoint>(
    route: Route,
    state: impl Future<Output = Result<S, ConfigError>>,
    handle: impl AsyncFn(&S, &Request) -> Result<Reply, ApiError>,
) -> Result<(), lambda_http::Error> {
    log::start();
    let state = state.await;
    let (state, handle) = (&state, &handle);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| async move {
        let reply = respond(route, state.as_ref(), event.payload.get(), &event.context.request_id, handle).await;
        Ok::<_, std::convert::Infallible>(response(reply))
    }))
    .await
}

/// Answers an event. It never fails. `invocation` is Lambda's id of the invocation.
pub async fn respond<S: Endpoint>(
    route: Route,
    state: Result<&S, &ConfigError>,
    event: &str,
    invocation: &str,
    handle: &impl AsyncFn(&S, &Request) -> Result<Reply, ApiError>,
) -> Reply {
    let started = Instant::now();
    let (request, result) = match Request::parse(event, route.max_body) {
        Ok(request) => {
            let result = serve(route, state, &request, handle).await;
            (Some(request), result)
        }
        Err(error) => (None, Err(error)),
    };
    let id = request.as_ref().and_then(|request| request.id.as_deref()).unwrap_or(invocation);
    let bare = request.as_ref().is_some_and(|request| request.method == HEAD && route.methods.contains(&HEAD));
    let error = result.as_ref().err();
    let cause = error.and_then(ApiError::cause);
    log::RequestLine {
        route,
        request_id: id,
        invocation,
        caller: request.as_ref().and_then(|request| request.caller.get()),
        change: request.as_ref().and_then(|request| request.change.get()),
        effect: request.as_ref().and_then(|request| request.effect.get()).copied(),
        status: result.as_ref().map_or_else(ApiError::status, |reply| reply.status),
        code: error.map(ApiError::code),
        cause: cause.as_deref(),
        took: started.elapsed(),
    }
    .log();
    let reply = result.unwrap_or_else(|error| error_reply(&error, id));
    let reply = if bare { Reply { body: String::new(), ..reply } } else { reply };
    complete(reply, id)
}

/// Adds the headers of every response. A 304 has no content, and no type of it. Only files have rules of their own for caches.
fn complete(reply: Reply, id: &str) -> Reply {
    let has = |name: &str| reply.headers.iter().any(|(header, _)| *header == name);
    let (typed, cached) = (reply.status == NOT_MODIFIED || has("content-type"), has("cache-control"));
    let reply = if typed { reply } else { reply.with("content-type", "application/json".to_owned()) };
    let reply = if cached { reply } else { reply.with("cache-control", "no-store".to_owned()) };
    reply.with("x-request-id", id.to_owned())
}

/// Calls the endpoint, within the time limit; panics become errors.
async fn serve<S: Endpoint>(
    route: Route,
    state: Result<&S, &ConfigError>,
    request: &Request,
    handle: &impl AsyncFn(&S, &Request) -> Result<Reply, ApiError>,
) -> Result<Reply, ApiError> {
    guarded(
        DEADLINE,
        Box::pin(async {
            let state = state.map_err(|error| ApiError::Internal(error.to_string()))?;
            if let Some(retry_after) = state.maintenance() {
                return Err(ApiError::Maintenance { retry_after });
            }
            if !route.methods.contains(&request.method.as_str()) {
                return Err(ApiError::MethodNotAllowed { allow: route.methods });
            }
            handle(state, request).await
        }),
    )
    .await
}

/// The reply for an error.
fn error_reply(error: &ApiError, request_id: &str) -> Reply {
    let mut reply = Reply { status: error.status(), headers: Vec::new(), body: output::error(error, request_id) };
    if let Some(seconds) = error.retry_after() {
        reply = reply.with("retry-after", seconds.to_string());
    }
    match error {
        ApiError::Unauthorized(why, challenge) => reply.with("www-authenticate", challenge.header(why)),
        ApiError::MethodNotAllowed { allow } => reply.with("allow", allow.join(", ")),
        _ => reply,
    }
}

/// A reply in API Gateway's payload format 2.0.
fn response(reply: Reply) -> ApiGatewayV2httpResponse {
    let mut headers = HeaderMap::with_capacity(reply.headers.len());
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = i64::from(reply.status);
    response.headers = headers;
    response.body = Some(Body::Text(reply.body));
    response
}
