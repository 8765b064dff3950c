//! What SES, EventBridge and the table are like for a while.

use local::{
    events::{self, Bus},
    ses::{self, Inbox},
};

use super::{
    counts::{Counts, What},
    send_log::Context,
};
use support::random::Random;
use support::{TestApp, faults::Fault};

/// How SES answers for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// It takes every mail.
    Good,
    /// Now and then it throttles, fails, or takes a mail and says nothing.
    Mixed,
    /// It throttles more often than not.
    Busy,
    /// It has paused all sending.
    Paused,
    /// It does nothing but fail.
    Down,
}

/// The schedule of one round.
#[derive(Debug, Clone, Copy)]
pub(super) struct FaultSchedule {
    /// One request to the table in so many fails; none, when this is 0.
    storm: usize,
    mails: Mood,
    /// Whether EventBridge fails now and then.
    events: bool,
}

impl FaultSchedule {
    pub(super) const CALM: Self = Self { storm: 0, mails: Mood::Good, events: false };

    pub(super) fn draw(random: &mut Random) -> Self {
        let moods = [Mood::Mixed, Mood::Mixed, Mood::Mixed, Mood::Mixed, Mood::Mixed, Mood::Good, Mood::Busy, Mood::Paused, Mood::Down];
        Self { storm: *random.pick(&[8, 12, 20, 40]), mails: *random.pick(&moods), events: random.chance(3, 4) }
    }

    /// Lets it be so.
    pub(super) fn begin(self, app: &TestApp, context: &Context, inbox: &Inbox, bus: &Bus, random: &mut Random) {
        context.counts.add(What::TableFaults, app.faults.met());
        app.faults.clear();
        context.set_storm(self.storm);
        if self.storm > 0 {
            let faults = vec![Fault::Refused, Fault::ReplyLost, Fault::ErrorAfterwards, Fault::Error(400, "ThrottlingException")];
            app.faults.sometimes(random.bits(), u32::try_from(self.storm).expect("a small number"), faults);
        }
        let (mut seed, counts) = (random.fork(), context.counts.clone());
        inbox.answer_with(move |_| self.mails.answer(&mut seed, &counts));
        let (mut seed, counts) = (random.fork(), context.counts.clone());
        bus.answer_with(move |_| if self.events { answer_events(&mut seed, &counts) } else { events::Behaviour::Accept });
    }
}

impl Mood {
    fn answer(self, random: &mut Random, counts: &Counts) -> ses::Behaviour {
        let (what, answer) = match (self, random.below(100)) {
            (Self::Paused, _) => (What::Paused, ses::Behaviour::Error { status: 400, code: "SendingPausedException" }),
            (Self::Down, 0..50) => (What::Failing, ses::Behaviour::Error { status: 500, code: "InternalFailure" }),
            (Self::Down, _) => (What::Failing, ses::Behaviour::Error { status: 503, code: "ServiceUnavailable" }),
            (Self::Mixed, 0..4) | (Self::Busy, 0..60) => {
                (What::Throttled, ses::Behaviour::Error { status: 429, code: "TooManyRequestsException" })
            }
            (Self::Mixed, 4..9) => (What::Failing, ses::Behaviour::Error { status: 500, code: "InternalFailure" }),
            (Self::Mixed, 9..15) => (What::RepliesLost, ses::Behaviour::AcceptAndDrop),
            _ => return ses::Behaviour::Accept,
        };
        counts.add(what, 1);
        answer
    }
}

fn answer_events(random: &mut Random, counts: &Counts) -> events::Behaviour {
    let answer = match random.below(100) {
        0..5 => events::Behaviour::Error { status: 400, code: "AccessDeniedException" },
        5..6 => events::Behaviour::Error { status: 500, code: "InternalException" },
        6..12 => events::Behaviour::Fail { entries: vec![0], code: "ThrottlingException" },
        12..16 => events::Behaviour::AcceptAndDrop,
        _ => return events::Behaviour::Accept,
    };
    counts.add(What::BusRefusals, 1);
    answer
}
