//! What AWS does between the functions: Lambda reads the table's stream, EventBridge keeps the schedule and brings the reports of
//! SES.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, SystemTime},
};

use local::{
    events::Bus,
    ses::{Behaviour, Inbox, Mail, feedback},
    stream::{Mapping, Pump, Start, Stream},
};
use serde_json::json;
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::{MissedTickBehavior, interval, sleep},
};

use crate::{
    invoke::invoke,
    settings::{Settings, TABLE_NAME},
    state::{Addresses, State},
    words::{Problem, complain, problem, say},
};

/// The function that the stream rings for.
const DELIVERER: &str = "deliver-invitations";
/// The function that the schedule runs.
const RECONCILER: &str = "reconcile-deliveries";
/// The function that gets the reports of SES.
const RECORDER: &str = "record-feedback";
/// How often the stream is looked at when it had nothing: as often as Lambda does.
const LOOK: Duration = Duration::from_millis(250);
/// How long to wait before a batch that failed is tried again: long enough to save a source file.
const PAUSE: Duration = Duration::from_secs(2);
/// How long a mail travels. SES is no faster either.
const TRAVEL: Duration = Duration::from_secs(1);
/// How often a report is brought until the function takes it.
const TRIES: u32 = 3;

/// What the template says about the stream.
pub(crate) fn mapping(template: &str) -> Result<Mapping, Problem> {
    Mapping::of(template, DELIVERER).map_err(|e| problem!("{e}"))
}

/// Waits until the functions without a route answer that run by themselves. What they get here asks for nothing.
/// Afterwards the first mail does not wait for their start, and a setting that they stumble over has been told.
pub(crate) async fn wait_for_functions(url: &str) -> Result<(), Problem> {
    let tags = json!({ "account": ["000000000000"], "invitation": ["0".repeat(32)], "sending": ["1"] });
    let nobodys = json!({ "source": "aws.ses", "detail": { "eventType": "Open", "mail": { "tags": tags } } });
    for (function, event) in [(DELIVERER, Stream::event(&[])), (RECONCILER, json!({})), (RECORDER, nobodys)] {
        invoke(url, function, &event).await.map_err(Problem)?;
        say!("  {function} answers.");
    }
    Ok(())
}

/// The two services that get what the functions send.
pub(crate) struct Services {
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) bus: Arc<Bus>,
    /// The mails that were taken and are not yet reported on.
    travelling: UnboundedReceiver<Mail>,
}

impl Services {
    pub(crate) fn start() -> Result<Self, Problem> {
        let failed = |e| problem!("the services for mails and events cannot be started: {e}");
        let inbox = Inbox::on_free_port().map_err(failed)?;
        let bus = Bus::on_free_port().map_err(failed)?;
        let (sender, travelling) = unbounded_channel();
        inbox.answer_with(move |mail| {
            // Nobody receives any more when everything is being stopped.
            let _ = sender.send(mail.clone());
            Behaviour::Accept
        });
        Ok(Self { inbox: Arc::new(inbox), bus: Arc::new(bus), travelling })
    }

    /// Reads the stream, keeps the schedule and reports on mails, until one of that cannot go on.
    pub(crate) async fn run(self, settings: &Settings, state: &State, addresses: &Addresses, mapping: Mapping) -> Problem {
        let url = &addresses.url;
        tokio::select! {
            outcome = read_stream(state, addresses, mapping) => match outcome {
                Ok(never) => match never {},
                Err(problem) => problem,
            },
            () = reconcile(url, settings.reconcile_every) => problem!("the schedule ended"),
            () = report(url, self.travelling) => problem!("the inbox ended"),
        }
    }
}

async fn read_stream(state: &State, addresses: &Addresses, mapping: Mapping) -> Result<Infallible, Problem> {
    let failed = |e| problem!("the table's stream cannot be read: {e}");
    let start = state.stream_position().map_or_else(|| mapping.start(), Start::After);
    let stream = Stream::open(&addresses.dynamodb, TABLE_NAME, start).await.map_err(failed)?;
    let mut pump = Pump::new(stream, mapping).with_pause(PAUSE);
    let mut remembered = None;
    loop {
        let more = pump
            .step(async |event| invoke(&addresses.url, DELIVERER, &event).await.inspect_err(|reason| complain!("{reason}")))
            .await
            .map_err(failed)?;
        if pump.handled() != remembered.as_deref() {
            remembered = pump.handled().map(str::to_owned);
            remembered.as_deref().map_or(Ok(()), |number| state.write_stream_position(number))?;
        }
        if !more {
            sleep(LOOK).await;
        }
    }
}

async fn reconcile(url: &str, every: Duration) {
    let mut schedule = interval(every);
    schedule.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        schedule.tick().await;
        if let Err(reason) = invoke(url, RECONCILER, &json!({})).await {
            complain!("{reason}");
        }
    }
}

/// Brings the reports on one mail after the other.
async fn report(url: &str, mut travelling: UnboundedReceiver<Mail>) {
    while let Some(mail) = travelling.recv().await {
        let travelled = SystemTime::now().duration_since(mail.time).unwrap_or_default();
        sleep(TRAVEL.saturating_sub(travelled)).await;
        for event in feedback::events(&mail) {
            for attempt in 1..=TRIES {
                match invoke(url, RECORDER, &event).await {
                    Ok(_) => break,
                    Err(reason) if attempt == TRIES => complain!("{reason}"),
                    Err(_) => sleep(PAUSE).await,
                }
            }
        }
    }
}
