//! Log lines: what goes to standard output, and in which form.

use tracing::{level_filters::LevelFilter, subscriber::set_global_default};

use crate::app::variable;

/// Starts the log as Lambda's logging controls ask for it: from `AWS_LAMBDA_LOG_LEVEL` on, INFO unless it is set, and as JSON
/// when `AWS_LAMBDA_LOG_FORMAT` says so.
///
/// Finer levels than INFO, which would show people's addresses, are not compiled into a release. The runtime's own subscriber
/// would accept filters for single modules, and bring a compiler of regular expressions along for that.
pub(crate) fn start() {
    let level = variable("AWS_LAMBDA_LOG_LEVEL").and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let lines = tracing_subscriber::fmt().with_max_level(level).with_target(false).without_time();
    // There is no other subscriber that could be in the way.
    let _ = if variable("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json")) {
        set_global_default(lines.json().finish())
    } else {
        set_global_default(lines.finish())
    };
}
