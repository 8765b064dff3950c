//! Logging to standard output: one line per request, without personal data.

use std::time::Duration;

use shared::domain::AccountId;
use tracing::{Subscriber, error, info, level_filters::LevelFilter, subscriber::set_global_default};
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    app::variable,
    http::{
        event::{Caller, Change, Effect},
        route::Route,
    },
};

/// Starts logging as Lambda's logging controls say: `AWS_LAMBDA_LOG_LEVEL` is the level, INFO by default, and
/// `AWS_LAMBDA_LOG_FORMAT` selects JSON.
///
/// Release builds do not contain levels below INFO, which would log email addresses. The runtime's own subscriber is not used,
/// because its filters for single modules need a regular expression compiler.
pub(crate) fn start() {
    let level = variable("AWS_LAMBDA_LOG_LEVEL").and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    // This cannot fail, because nothing else sets a subscriber.
    let _ = if variable("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json")) {
        set_global_default(json(level, std::io::stdout))
    } else {
        set_global_default(tracing_subscriber::fmt().with_max_level(level).with_target(false).without_time().finish())
    };
}

/// JSON lines with all fields at the top level. They have a timestamp, because Lambda treats lines without one as INFO and would
/// drop errors if the log level is ERROR.
pub fn json(level: LevelFilter, writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static) -> impl Subscriber + Send + Sync {
    let lines = tracing_subscriber::fmt().with_max_level(level).with_target(false).with_writer(writer);
    lines.json().flatten_event(true).with_current_span(false).with_span_list(false).finish()
}

/// The log line of a request.
pub(crate) struct RequestLine<'a> {
    pub(crate) route: Route,
    /// The request id in the response.
    pub(crate) request_id: &'a str,
    /// Lambda's request id, as in Lambda's own log lines.
    pub(crate) invocation: &'a str,
    pub(crate) caller: Option<&'a Caller>,
    pub(crate) change: Option<&'a Change>,
    pub(crate) effect: Option<Effect>,
    pub(crate) status: u16,
    /// The code of an error.
    pub(crate) code: Option<&'static str>,
    /// The cause of a 5xx.
    pub(crate) cause: Option<&'a str>,
    pub(crate) took: Duration,
}

impl RequestLine<'_> {
    /// Writes the line. Its level is ERROR if the request failed because of the service or DynamoDB.
    ///
    /// A single event without a span: the fields of a span would be formatted early and parsed again for every line.
    pub(crate) fn log(&self) {
        let Self { request_id, invocation, status, code, cause, .. } = *self;
        let (method, path) = (self.route.method(), self.route.path);
        let (account, caller) =
            (self.caller.and_then(|it| it.account.as_ref()).map(AccountId::as_str), self.caller.map(|it| it.urn.as_str()));
        let invitation = self.change.map(|it| tracing::field::display(it.invitation));
        let action = self.change.map(|it| it.action);
        let (created, decided) = match self.effect {
            Some(Effect::Created(created)) => (Some(created), None),
            Some(Effect::Decided(decision)) => (None, Some(decision.closing().state().as_str())),
            None => (None, None),
        };
        let micros = self.took.as_micros() as u64;
        if cause.is_some() {
            error!(method, path, request_id, invocation, account, caller, invitation, action, status, code, cause, micros, "failed");
        } else {
            info!(
                method,
                path, request_id, invocation, account, caller, invitation, action, created, decided, status, code, micros, "finished"
            );
        }
    }
}
