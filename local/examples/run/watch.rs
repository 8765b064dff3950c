//! Builds the functions and runs them under `cargo lambda watch`.

use std::{
    env,
    io::{IsTerminal, stderr},
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::Stdio,
};

use tokio::process::{Child, ChildStdin, Command};

use crate::{
    function_log::FunctionLog,
    output::{Problem, problem},
    settings::Settings,
};

/// Runs its arguments and ends them when its standard input closes, which is when this process ends, even by SIGKILL.
const SUPERVISOR: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
{ cat <&3 >/dev/null; kill "$child"; } 2>/dev/null &
exec 3<&-
wait "$child"
"#;

/// Restarts a function that was killed (137 is a shell's status for SIGKILL), as Lambda starts another execution environment;
/// `cargo lambda watch` would leave its route dead. Otherwise it received a signal to end, or would end again. With the variable set,
/// each function would warn that it handles only one event at a time. The access key of a function is the name of its program, so its
/// own policies decide what it may do.
const RUNNER: &str = concat!(
    r#"target."cfg(all())".runner=["sh","-c","unset AWS_LAMBDA_MAX_CONCURRENCY; export AWS_ACCESS_KEY_ID=${1##*/}; "#,
    r#"while \"$@\"; [ $? = 137 ]; do :; done","sh"]"#,
);

/// Builds the functions in the same way as `cargo lambda watch`, so that it does not build them again.
pub(crate) async fn build() -> Result<(), Problem> {
    let built = Command::new("cargo").args(["build", "--bins"]).stdin(Stdio::null()).status().await;
    match built {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(problem!("the functions do not build; the compiler's messages are above")),
        Err(error) => Err(problem!("cargo cannot be started: {error}")),
    }
}

/// A running `cargo lambda watch`.
pub(crate) struct Watch {
    child: Child,
    port: u16,
    /// Closing it ends the child.
    _stdin: Option<ChildStdin>,
}

impl Watch {
    /// Starts it on a free port of loopback, with the functions' environment from the file `environment`. Its output goes to `log`.
    pub(crate) fn start(settings: &Settings, environment: &Path, log: &FunctionLog) -> Result<Self, Problem> {
        let port = free_port()?;
        let mut command = Command::new("sh");
        command.args(["-c", SUPERVISOR, "sh"]).arg(&settings.cargo_lambda).args(["lambda", "watch", "--disable-cors"]);
        command.args(["--invoke-address", "127.0.0.1", "--invoke-port", &port.to_string()]);
        command.args(["--config", RUNNER]);
        command.args(["--concurrency", &settings.concurrency.to_string()]).arg("--env-file").arg(environment);
        if !settings.reload {
            command.arg("--ignore-changes");
        }
        // Functions must not get the caller's AWS credentials or profile.
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
            command.env_remove(name);
        }
        // It starts each function by cargo, whose messages are noise for programs that were just built.
        command.env("CARGO_TERM_QUIET", if settings.reload { "false" } else { "true" });
        // The emulator's log. The functions' level is AWS_LAMBDA_LOG_LEVEL.
        command.env("RUST_LOG", "cargo_lambda=warn");
        // Cargo would not see the terminal behind the pipes.
        if stderr().is_terminal() && env::var_os("CARGO_TERM_COLOR").is_none() {
            command.env("CARGO_TERM_COLOR", "always");
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.process_group(0).spawn();
        let mut child = child.map_err(|e| problem!("`cargo lambda watch` cannot be started: {e}"))?;
        log.read(&mut child);
        let stdin = child.stdin.take();
        Ok(Self { child, port, _stdin: stdin })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The result of `work`, or an error if `cargo lambda watch` ends first.
    pub(crate) async fn unless_it_ends<T>(&mut self, work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
        tokio::select! {
            outcome = work => outcome,
            problem = self.ended() => Err(problem),
        }
    }

    /// Waits until it ends, which is an error.
    pub(crate) async fn ended(&mut self) -> Problem {
        match self.child.wait().await {
            Ok(status) => problem!("`cargo lambda watch` ended ({status}), so everything was stopped"),
            Err(error) => problem!("waiting for `cargo lambda watch` failed: {error}"),
        }
    }
}

/// A port that was just free. `cargo lambda watch` binds it itself.
fn free_port() -> Result<u16, Problem> {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    taken.map(|address| address.port()).map_err(|e| problem!("no port is free: {e}"))
}
