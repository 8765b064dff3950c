//! The work of AWS between the functions: Lambda reads the table's stream; EventBridge runs the schedules and delivers the
//! events of SES.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, SystemTime},
};

use local::{
    events::Bus,
    iam::Guard,
    ses::{Behaviour, Inbox, SentEmail, feedback},
    stream::{Mapping, Pump, Start, Stream},
};
use serde_json::json;
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};

use crate::{
    invoke::invoke,
    output::{Problem, print_error, problem},
    settings::{Schedule, Settings, TABLE_NAME},
    state::{Addresses, State},
};

/// The function that handles the stream.
const DELIVERER: &str = "deliver-invitations";
/// The function whose schedule `RECONCILE_SECONDS` changes.
const RECONCILER: &str = "reconcile-deliveries";
/// The function whose schedule `REFRESH_SECONDS` changes.
const REFRESHER: &str = "refresh-issuers";
/// What it says when an issuer cannot be reached.
const NOT_REFRESHED: &str = "could not be refreshed";
/// The function that handles the events of SES.
const RECORDER: &str = "record-feedback";
/// The pause after an empty read of the stream, the same as Lambda's.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// The pause before a failed invocation is retried: long enough to save a source file.
const RETRY_DELAY: Duration = Duration::from_secs(2);
/// The time from sending an email to its report, like that of SES.
const REPORT_DELAY: Duration = Duration::from_secs(1);
/// How often the delivery of a report is attempted.
const MAX_ATTEMPTS: u32 = 3;

/// The template's event source mapping of the stream.
pub(crate) fn mapping(template: &str) -> Result<Mapping, Problem> {
    Mapping::of(template, DELIVERER).map_err(|e| problem!("{e}"))
}

/// Waits until the event-driven functions answer events that require no work. Then the first email does not wait for their
/// start, and an invalid setting has already been reported. The scheduled functions run for the first time.
pub(crate) async fn wait_for_functions(url: &str, schedules: &[Schedule]) -> Result<(), Problem> {
    let tags = json!({ "account": ["000000000000"], "invitation": ["0".repeat(32)], "sending": ["1"] });
    let ignored = json!({ "source": "aws.ses", "detail": { "eventType": "Open", "mail": { "tags": tags } } });
    let scheduled = schedules.iter().map(|schedule| (schedule.function.as_str(), json!({})));
    for (function, event) in [(DELIVERER, Stream::event(&[])), (RECORDER, ignored)].into_iter().chain(scheduled) {
        match invoke(url, function, &event).await {
            Ok(_) => {}
            // An issuer of the developer's own may be down, or need a network that is not there. It is tried again every minute.
            Err(reason) if function == REFRESHER && reason.contains(NOT_REFRESHED) => print_error!("{reason}"),
            Err(reason) => return Err(Problem(reason)),
        }
    }
    Ok(())
}

/// The two services that the functions send to.
pub(crate) struct Services {
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) bus: Arc<Bus>,
    /// Accepted emails without a report.
    unreported: UnboundedReceiver<SentEmail>,
}

impl Services {
    /// Starts them. They refuse what `guard` does not allow.
    pub(crate) fn start(settings: &Settings, guard: &Guard) -> Result<Self, Problem> {
        let failed = |e| problem!("the stand-ins for SES and EventBridge do not start: {e}");
        let inbox = Inbox::on_free_port().map_err(failed)?;
        let bus = Bus::on_free_port().map_err(failed)?;
        inbox.guard_by(guard.clone());
        bus.guard_by(guard.clone());
        if let Some(webhook) = settings.webhook.clone() {
            webhook.subscribe(&bus)?;
        }
        let (sender, unreported) = unbounded_channel();
        inbox.answer_with(move |email| {
            // The receiver is gone when everything is being stopped.
            let _ = sender.send(email.clone());
            Behaviour::Accept
        });
        Ok(Self { inbox: Arc::new(inbox), bus: Arc::new(bus), unreported })
    }

    /// Reads the stream, runs the scheduled functions and reports on emails, until one of them fails.
    pub(crate) async fn run(
        self,
        settings: &Settings,
        state: &State,
        addresses: &Addresses,
        mapping: Mapping,
        schedules: Vec<Schedule>,
    ) -> Problem {
        let url = &addresses.url;
        let mut scheduled = JoinSet::new();
        for Schedule { function, every } in schedules {
            let every = match function.as_str() {
                RECONCILER => settings.reconcile_every,
                REFRESHER => settings.refresh_every,
                _ => every,
            };
            scheduled.spawn(run_every(every, url.clone(), function));
        }
        tokio::select! {
            outcome = read_stream(state, addresses, mapping) => match outcome {
                Ok(never) => match never {},
                Err(problem) => problem,
            },
            Some(_) = scheduled.join_next() => problem!("a schedule ended"),
            () = report(url, self.unreported) => problem!("the inbox ended"),
        }
    }
}

async fn read_stream(state: &State, addresses: &Addresses, mapping: Mapping) -> Result<Infallible, Problem> {
    let failed = |e| problem!("the table's stream cannot be read: {e}");
    let start = state.stream_position().map_or_else(|| mapping.start(), Start::After);
    let stream = Stream::open(&addresses.dynamodb, TABLE_NAME, start).await.map_err(failed)?;
    let mut pump = Pump::new(stream, mapping).with_pause(RETRY_DELAY);
    let mut written = None;
    loop {
        let more = pump
            .step(async |event| invoke(&addresses.url, DELIVERER, &event).await.inspect_err(|reason| print_error!("{reason}")))
            .await
            .map_err(failed)?;
        if pump.handled() != written.as_deref() {
            written = pump.handled().map(str::to_owned);
            written.as_deref().map_or(Ok(()), |number| state.write_stream_position(number))?;
        }
        if !more {
            sleep(POLL_INTERVAL).await;
        }
    }
}

async fn run_every(pause: Duration, url: String, function: String) {
    let mut schedule = interval(pause);
    schedule.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        schedule.tick().await;
        if let Err(reason) = invoke(&url, &function, &json!({})).await {
            print_error!("{reason}");
        }
    }
}

/// Delivers the reports of one email after the other.
async fn report(url: &str, mut unreported: UnboundedReceiver<SentEmail>) {
    while let Some(email) = unreported.recv().await {
        let elapsed = SystemTime::now().duration_since(email.time).unwrap_or_default();
        sleep(REPORT_DELAY.saturating_sub(elapsed)).await;
        for event in feedback::events(&email) {
            for attempt in 1..=MAX_ATTEMPTS {
                match invoke(url, RECORDER, &event).await {
                    Ok(_) => break,
                    Err(reason) if attempt == MAX_ATTEMPTS => print_error!("{reason}"),
                    Err(_) => sleep(RETRY_DELAY).await,
                }
            }
        }
    }
}
