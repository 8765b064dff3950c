//! What histories are made of.

use std::time::Duration;

use support::{
    faults::Fault::{
        self, Cancelled, ConflictAfterwards, Crash, Error, ErrorAfterwards, Garbled, Late, Refused, ReplyLost, TimedOut, Twice,
    },
    random::Random,
};

use crate::model::state::{Limits, Millis};

const SECOND: Millis = 1000;
const HOUR: Millis = 3600 * SECOND;
const DAY: Millis = 24 * HOUR;

/// A kind of history.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// What it is called.
    pub name: &'static str,
    /// Variables of the functions.
    pub variables: &'static [(&'static str, &'static str)],
    /// What these variables mean.
    pub limits: Limits,
    /// How many addresses there are.
    pub emails: usize,
    /// How many callers there are, each in a process of his own.
    pub clients: usize,
    /// How often all of them begin together.
    pub rounds: usize,
    /// How many calls each makes then, one after the other.
    pub calls: usize,
    /// Whether anything goes wrong.
    pub schedule: bool,
    /// Whether the clock jumps while they are at it; else only between the rounds.
    pub sudden: bool,
    /// By how much it jumps.
    pub jumps: &'static [Millis],
    /// Whether an account is judged as a whole; else each of its addresses.
    pub whole: bool,
}

const LIMITS: Limits =
    Limits { lifetime: 7 * DAY, cooldown: 60 * SECOND, max_sends: 10, quota: None, window: HOUR, kept: DAY, retention: 400 * DAY };

/// Many callers in each other's way.
pub const CROWD: Shape = Shape {
    name: "crowd",
    variables: &[("SEND_QUOTA", "100000")],
    limits: LIMITS,
    emails: 2,
    clients: 4,
    rounds: 3,
    calls: 3,
    schedule: true,
    sudden: false,
    jumps: &[0, SECOND, 30 * SECOND, 61 * SECOND, 61 * SECOND, DAY + SECOND, 7 * DAY],
    whole: false,
};

/// Invitations expire while requests are on their way.
pub const EXPIRY: Shape = Shape {
    name: "expiry",
    variables: &[("SEND_QUOTA", "100000"), ("INVITATION_LIFETIME_SECONDS", "3600")],
    limits: Limits { lifetime: HOUR, ..LIMITS },
    emails: 1,
    clients: 4,
    rounds: 4,
    calls: 2,
    schedule: true,
    sudden: true,
    jumps: &[61 * SECOND, HOUR, HOUR, HOUR],
    whole: false,
};

/// Hardly anything may be sent.
pub const QUOTA: Shape = Shape {
    name: "quota",
    variables: &[("SEND_QUOTA", "3"), ("MAX_SENDS", "2")],
    limits: Limits { quota: Some(3), max_sends: 2, ..LIMITS },
    emails: 3,
    clients: 3,
    rounds: 3,
    calls: 3,
    schedule: true,
    sudden: false,
    jumps: &[0, 61 * SECOND, 30 * 60 * SECOND, HOUR, 7 * DAY],
    whole: true,
};

/// One caller, nothing goes wrong, and the answer to every call is the only one.
pub const SEQUENCE: Shape = Shape {
    name: "sequence",
    variables: &[("SEND_QUOTA", "6"), ("MAX_SENDS", "3"), ("RETENTION_DAYS", "2")],
    limits: Limits { quota: Some(6), max_sends: 3, retention: 2 * DAY, ..LIMITS },
    emails: 3,
    clients: 1,
    rounds: 10,
    calls: 6,
    schedule: false,
    sudden: true,
    jumps: &[0, SECOND, 30 * SECOND, 61 * SECOND, 20 * 60 * SECOND, HOUR, DAY, 3 * DAY, 7 * DAY],
    whole: true,
};

impl Shape {
    /// The faults of one history: each kind comes more or less often, or not at all.
    #[must_use]
    pub fn chances(&self, random: &mut Random) -> Vec<(Fault, u32)> {
        if !self.schedule {
            return Vec::new();
        }
        let pause = |random: &mut Random| Duration::from_millis(1 + random.bits() % 12);
        let (late, twice) = (pause(random), pause(random));
        let kinds = [
            Refused,
            TimedOut,
            ReplyLost,
            ErrorAfterwards,
            Garbled,
            ConflictAfterwards,
            ConflictAfterwards,
            Cancelled(vec!["TransactionConflict"]),
            Cancelled(vec!["ThrottlingError"]),
            Error(400, "ThrottlingException"),
            Error(400, "TransactionInProgressException"),
            Error(500, "InternalServerError"),
            Late(late),
            Late(late),
            Twice(twice),
            Crash,
        ];
        kinds.into_iter().map(|kind| (kind, u32::try_from(random.below(400)).expect("a small number"))).collect()
    }
}
