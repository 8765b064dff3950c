//! Log lines: what goes to standard output, and in which form. One line for a request; nothing in it about people.

use std::time::Duration;

use tracing::{Subscriber, error, info, level_filters::LevelFilter, subscriber::set_global_default};
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    app::variable,
    http::{event::Caller, route::Route},
};

/// Starts the log as Lambda's logging controls ask for it: from `AWS_LAMBDA_LOG_LEVEL` on, INFO unless it is set, and as JSON
/// when `AWS_LAMBDA_LOG_FORMAT` says so.
///
/// Finer levels than INFO, which would show people's addresses, are not compiled into a release. The runtime's own subscriber
/// would accept filters for single modules, and bring a compiler of regular expressions along for that.
pub(crate) fn start() {
    let level = variable("AWS_LAMBDA_LOG_LEVEL").and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    // There is no other subscriber that could be in the way.
    let _ = if variable("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json")) {
        set_global_default(json(level, std::io::stdout))
    } else {
        set_global_default(tracing_subscriber::fmt().with_max_level(level).with_target(false).without_time().finish())
    };
}

/// Lines as JSON, all fields on the first level. With a time stamp: Lambda takes a line without one for INFO, and would drop
/// our errors when only errors are wanted.
pub fn json(level: LevelFilter, writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static) -> impl Subscriber + Send + Sync {
    let lines = tracing_subscriber::fmt().with_max_level(level).with_target(false).with_writer(writer);
    lines.json().flatten_event(true).with_current_span(false).with_span_list(false).finish()
}

/// What there is to say of a request when it has been answered.
pub(crate) struct Answered<'a> {
    pub(crate) route: Route,
    /// What the caller was told that the request is called.
    pub(crate) request_id: &'a str,
    /// What Lambda calls it, in the lines of its own.
    pub(crate) invocation: &'a str,
    pub(crate) caller: Option<&'a Caller>,
    pub(crate) status: u16,
    /// Of an error.
    pub(crate) code: Option<&'static str>,
    /// Of an error that is not the caller's.
    pub(crate) cause: Option<&'a str>,
    pub(crate) took: Duration,
}

impl Answered<'_> {
    /// The line. A request that failed because of us or of DynamoDB is an ERROR.
    ///
    /// All in one event: fields of a span would be formatted when they are known, and parsed again for every line.
    pub(crate) fn log(&self) {
        let Self { request_id, invocation, status, code, cause, .. } = *self;
        let (method, path) = (self.route.method(), self.route.path);
        let (account, caller) = (self.caller.map(|it| it.account.as_str()), self.caller.map(|it| it.urn.as_str()));
        let micros = self.took.as_micros() as u64;
        if cause.is_some() {
            error!(method, path, request_id, invocation, account, caller, status, code, cause, micros, "failed");
        } else {
            info!(method, path, request_id, invocation, account, caller, status, code, micros, "answered");
        }
    }
}
