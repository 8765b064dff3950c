//! The faults of SES, EventBridge and the table in one round.

use local::{
    events::{self, Bus},
    ses::{self, Inbox},
};

use super::{
    counts::{Counter, Counts},
    defects::Defect,
    send_log::Context,
};
use support::{
    TestApp,
    faults::Fault::{ConnectionRefused, Dropped, Error, ErrorAfterwards, ReplyLost},
    random::Random,
};

/// The behaviour of SES in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SesBehaviour {
    /// Accepts every email.
    Healthy,
    /// Sometimes throttles, fails, or accepts an email without a reply.
    Unreliable,
    /// Throttles most requests.
    Throttling,
    /// Has paused all sending.
    Paused,
    /// Fails every request.
    Down,
}

/// The faults of one round.
#[derive(Debug, Clone, Copy)]
pub(super) struct FaultSchedule {
    /// One in this many requests to the table fails; none if it is 0.
    fault_odds: u32,
    ses: SesBehaviour,
    /// Whether EventBridge sometimes fails.
    events_fail: bool,
}

impl FaultSchedule {
    pub(super) const NONE: Self = Self { fault_odds: 0, ses: SesBehaviour::Healthy, events_fail: false };

    pub(super) fn draw(random: &mut Random) -> Self {
        let behaviours = [
            SesBehaviour::Unreliable,
            SesBehaviour::Unreliable,
            SesBehaviour::Unreliable,
            SesBehaviour::Unreliable,
            SesBehaviour::Unreliable,
            SesBehaviour::Healthy,
            SesBehaviour::Throttling,
            SesBehaviour::Paused,
            SesBehaviour::Down,
        ];
        Self { fault_odds: *random.pick(&[8, 12, 20, 40]), ses: *random.pick(&behaviours), events_fail: random.chance(3, 4) }
    }

    /// Applies the schedule. One write in eight is dropped by a defect that does so.
    pub(super) fn apply(self, app: &TestApp, context: &Context, inbox: &Inbox, bus: &Bus, random: &mut Random) {
        let table = [ConnectionRefused, ReplyLost, ErrorAfterwards, Error(400, "ThrottlingException")];
        let drops = |defect, reply| context.defects.contains(&defect).then_some((Dropped(reply), 1250));
        let events_accepted = "{\"FailedEntryCount\":0,\"Entries\":[]}";
        for (faults, counter, one_in, kinds, defect) in [
            (&app.faults, Counter::TableFaults, self.fault_odds, &table[..], None),
            (&context.table, Counter::TableFaults, self.fault_odds, &table, drops(Defect::TableDropsWrites, "{}")),
            (&context.ses, Counter::RepliesLost, self.fault_odds * 3, &[ReplyLost], drops(Defect::EmailsLost, "{\"MessageId\":\"none\"}")),
            (&context.event_bridge, Counter::BusRefusals, self.fault_odds * 3, &table[..2], drops(Defect::EventsLost, events_accepted)),
        ] {
            context.counts.add(counter, faults.injected());
            let each = 10_000_u32.checked_div(one_in * kinds.len() as u32).unwrap_or(0);
            faults.schedule(random.bits(), kinds.iter().map(|kind| (kind.clone(), each)).chain(defect).collect());
        }
        let (mut seed, counts) = (random.fork(), context.counts.clone());
        inbox.answer_with(move |_| self.ses.respond(&mut seed, &counts));
        let (mut seed, counts) = (random.fork(), context.counts.clone());
        bus.answer_with(move |_| if self.events_fail { respond_to_events(&mut seed, &counts) } else { events::Behaviour::Accept });
    }
}

impl SesBehaviour {
    fn respond(self, random: &mut Random, counts: &Counts) -> ses::Behaviour {
        let (counter, behaviour) = match (self, random.below(100)) {
            (Self::Paused, _) => (Counter::Paused, ses::Behaviour::Error { status: 400, code: "SendingPausedException" }),
            (Self::Down, 0..50) => (Counter::Failed, ses::Behaviour::Error { status: 500, code: "InternalFailure" }),
            (Self::Down, _) => (Counter::Failed, ses::Behaviour::Error { status: 503, code: "ServiceUnavailable" }),
            (Self::Unreliable, 0..4) | (Self::Throttling, 0..60) => {
                (Counter::Throttled, ses::Behaviour::Error { status: 429, code: "TooManyRequestsException" })
            }
            (Self::Unreliable, 4..9) => (Counter::Failed, ses::Behaviour::Error { status: 500, code: "InternalFailure" }),
            (Self::Unreliable, 9..15) => (Counter::RepliesLost, ses::Behaviour::AcceptAndDrop),
            _ => return ses::Behaviour::Accept,
        };
        counts.add(counter, 1);
        behaviour
    }
}

fn respond_to_events(random: &mut Random, counts: &Counts) -> events::Behaviour {
    let behaviour = match random.below(100) {
        0..5 => events::Behaviour::Error { status: 400, code: "AccessDeniedException" },
        5..6 => events::Behaviour::Error { status: 500, code: "InternalException" },
        6..12 => events::Behaviour::Fail { entries: vec![0], code: "ThrottlingException" },
        12..16 => events::Behaviour::AcceptAndDrop,
        _ => return events::Behaviour::Accept,
    };
    counts.add(Counter::BusRefusals, 1);
    behaviour
}
