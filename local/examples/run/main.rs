//! `make run`: the whole service on this machine.
//!
//! It starts the embedded engine behind an endpoint that asks IAM ([`table_endpoint`]), and stand-ins for SES and EventBridge,
//! creates the table, builds the functions, runs them
//! under `cargo lambda watch` behind a [`gateway`], waits until every route answers, and ensures that three development keys
//! work. Then it does the work of AWS between the functions ([`delivery`]), shows the panel, the emails and events that the
//! functions send, and the API ([`pages`]), and issues bearer tokens ([`sign_in`]). On exit it stops every process that it started.

mod delivery;
mod faults;
mod function_log;
mod gateway;
mod http;
mod invoke;
mod keys;
mod loopback;
mod output;
mod pages;
mod processes;
mod seed;
mod settings;
mod sign_in;
mod state;
mod table_endpoint;
mod watch;
mod webhook;

use std::process::ExitCode;

use local::{
    client,
    engine::{Engine, Storage},
    iam::{Deployment, Guard, Template},
    server::hidden_port,
    table,
};
use tokio::{
    runtime,
    signal::unix::{Signal, SignalKind, signal},
};

use delivery::Services;
use faults::Faults;
use function_log::FunctionLog;
use keys::Keys;
use output::{Problem, print_error, print_line, problem};
use settings::{Schedule, Settings, TABLE_NAME};
use state::{Addresses, State};
use table_endpoint::TableEndpoint;
use watch::Watch;

fn main() -> ExitCode {
    let runtime = match runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&problem!("no runtime: {error}")),
    };
    match runtime.block_on(run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => fail(&problem),
    }
}

fn fail(problem: &Problem) -> ExitCode {
    print_error!("make run: {problem}.");
    ExitCode::FAILURE
}

/// Serves until a signal or an error, then stops all remaining processes.
async fn run() -> Result<(), Problem> {
    let mut shutdown = Shutdown::new()?;
    let settings = Settings::from_env()?;
    processes::adopt_orphans();
    let log = FunctionLog::new();
    let outcome = tokio::select! {
        outcome = serve(&settings, &log) => outcome,
        () = shutdown.requested() => {
            print_line!("\nStopping. The data stays in {}.", settings.state_dir.display());
            Ok(())
        }
    };
    processes::end_all().await;
    log.end().await;
    outcome
}

async fn serve(settings: &Settings, log: &FunctionLog) -> Result<(), Problem> {
    let state = State::open(&settings.state_dir)?;
    let api = settings::bind(settings.port, "PORT")?;
    let dynamodb = settings::bind(settings.dynamodb_port, "DYNAMODB_PORT")?;
    let inbox = settings::bind(settings.inbox_port, "INBOX_PORT")?;
    let issuer = settings::bind(settings.issuer_port, "ISSUER_PORT")?;
    settings.check_tools()?;

    let file = state.path("invitations.db");
    let template = settings::template()?;
    let guard = guard(&template)?;
    let hidden = hidden_port().map_err(|e| problem!("no port is free: {e}"))?;
    let engine = Engine::start(hidden, Storage::File(&file)).map_err(|e| problem!("{e}"))?;
    let table = TableEndpoint::start(dynamodb, engine.endpoint(), guard.clone())?;
    print_line!("DynamoDB engine: {}, data in {}.", table.url(), file.display());
    let mapping = delivery::mapping(&template)?;
    let schedules = settings::schedules(&template)?;
    let cors = gateway::Cors::read(settings.cors_origins.clone(), &template)?;
    table::create_table(&client::for_endpoint(engine.endpoint()), TABLE_NAME, &template)
        .await
        .map_err(|e| problem!("{e}; delete {} to start with an empty database", file.display()))?;
    let services = Services::start(settings, &guard)?;
    let faults = match settings.faults {
        0 => None,
        percent => Some(Faults::start(table.url(), percent)?),
    };
    let url = format!("http://127.0.0.1:{}", settings.port);
    let issuer = sign_in::open(issuer, state.issuer_key()?, &url)?;
    let addresses = Addresses {
        functions: faults.as_ref().map_or(table.url(), |faults| faults.endpoint()).to_owned(),
        dynamodb: table.url().to_owned(),
        inbox: pages::open(inbox, services.inbox.clone(), services.bus.clone(), &url, &issuer)?,
        issuer,
        ses: services.inbox.endpoint().to_owned(),
        events: services.bus.endpoint().to_owned(),
        url,
    };

    print_line!("Building the functions: minutes the first time, seconds later.");
    watch::build().await?;
    let mut watch = Watch::start(settings, &state.write_environment(&addresses)?, log)?;
    gateway::open(api, watch.port(), cors)?;

    print_line!("Starting the functions.");
    let url = &addresses.url;
    let keys = start_functions(&mut watch, url, &settings::routes(&template)?, &schedules, state.keys()).await;
    let keys = keys.inspect_err(|_| log.show())?;
    let file = state.write_keys(&addresses, &keys)?;

    if let Some(faults) = &faults {
        faults.enable();
        print_line!("Faults: {} % of the functions' requests to DynamoDB. Counts: {}", settings.faults, faults.endpoint());
    }
    log.show_from_now_on();
    print_line!("\nReady: open {} and invite someone. Ctrl-C stops it.", addresses.inbox);
    print_line!("  API: {url}, API keys: {}", file.display());
    print_line!("  Console: {url}/console");
    print_line!("  Bearer tokens: {}", addresses.issuer);
    if let Some(webhook) = &settings.webhook {
        print_line!("  Events are also sent to {}", webhook.shown());
    }
    print_line!("Or paste this into another terminal to send an invitation:");
    print_line!("{}", seed::first_command(url, &keys.full_access));
    print_line!("This prints a bearer token:");
    print_line!("{}", sign_in::first_command(&addresses.issuer));
    tokio::select! {
        problem = watch.ended() => Err(problem),
        problem = services.run(settings, &state, &addresses, mapping, schedules) => Err(problem),
    }
}

/// Decides what the functions may do, by the policies of the template. What is refused is a line of the log.
fn guard(template: &str) -> Result<Guard, Problem> {
    let guard = Template::parse(template).and_then(|template| Guard::new(&template, &Deployment::of(&state::deployed)));
    let guard = guard.map_err(|reason| problem!("template.yaml: {reason}"))?;
    guard.observe(|_, decision| {
        if let Err(refusal) = decision {
            print_error!("IAM: {refusal}.");
        }
    });
    Ok(guard)
}

/// Waits until all functions answer, and ensures that the development keys work.
async fn start_functions(
    watch: &mut Watch,
    url: &str,
    routes: &[(String, String)],
    schedules: &[Schedule],
    last: Option<Keys>,
) -> Result<Keys, Problem> {
    let broken = watch.unless_it_ends(http::wait_for_routes(url, watch.port(), routes)).await?;
    // Their errors name invalid settings, which the routes share.
    watch.unless_it_ends(delivery::wait_for_functions(url, schedules)).await?;
    if let Some(route) = broken.first() {
        return Err(problem!("{route} returns 500; the log above contains the reason"));
    }
    let keys = watch.unless_it_ends(keys::working_keys(url, last)).await?;
    watch.unless_it_ends(seed::display_name(url)).await?;
    Ok(keys)
}

/// The reasons to stop: a signal, or the end of the parent `make`, after which Ctrl-C would not reach this process.
struct Shutdown {
    signals: [Signal; 3],
    parent: Option<rustix::process::Pid>,
}

impl Shutdown {
    fn new() -> Result<Self, Problem> {
        let on = |kind| signal(kind).map_err(|e| problem!("signals cannot be received: {e}"));
        let signals = [on(SignalKind::interrupt())?, on(SignalKind::terminate())?, on(SignalKind::hangup())?];
        Ok(Self { signals, parent: rustix::process::getppid() })
    }

    async fn requested(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.signals;
        let orphaned = async {
            while rustix::process::getppid() == self.parent {
                tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            () = orphaned => {}
        }
    }
}
