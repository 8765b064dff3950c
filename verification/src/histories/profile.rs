//! The profiles of generated histories.

use std::time::Duration;

use support::{
    faults::Fault::{
        self, Cancelled, ConflictAfterwards, ConnectionRefused, Crash, Duplicated, Error, ErrorAfterwards, Late, ReplyLost, TimedOut,
        TruncatedReply,
    },
    random::Random,
};

use crate::model::state::{Limits, Millis};

const SECOND: Millis = 1000;
const HOUR: Millis = 3600 * SECOND;
const DAY: Millis = 24 * HOUR;

/// The parameters of a generated history.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// Environment variables of the functions.
    pub variables: &'static [(&'static str, &'static str)],
    /// The limits that these variables set.
    pub limits: Limits,
    /// The number of addresses.
    pub emails: usize,
    /// The number of callers, each with a process of its own.
    pub clients: usize,
    /// The number of rounds. All callers start a round together.
    pub rounds: usize,
    /// The calls of each caller in a round, one after the other.
    pub calls: usize,
    /// Whether faults are injected.
    pub faults: bool,
    /// Whether the clock also jumps during a round, not only between rounds.
    pub jumps_during_rounds: bool,
    /// The possible jumps of the clock.
    pub clock_jumps: &'static [Millis],
    /// Whether an account is checked as a whole, not each of its addresses by itself.
    pub by_account: bool,
}

const LIMITS: Limits =
    Limits { lifetime: 7 * DAY, cooldown: 60 * SECOND, max_sends: 10, quota: None, window: HOUR, response_ttl: DAY, retention: 400 * DAY };

/// Many callers compete for few addresses.
pub const CONTENTION: Profile = Profile {
    name: "contention",
    variables: &[("SEND_QUOTA", "100000")],
    limits: LIMITS,
    emails: 2,
    clients: 4,
    rounds: 3,
    calls: 3,
    faults: true,
    jumps_during_rounds: false,
    clock_jumps: &[0, SECOND, 30 * SECOND, 61 * SECOND, 61 * SECOND, DAY + SECOND, 7 * DAY],
    by_account: false,
};

/// Invitations expire while requests are in progress.
pub const EXPIRY: Profile = Profile {
    name: "expiry",
    variables: &[("SEND_QUOTA", "100000"), ("INVITATION_LIFETIME_SECONDS", "3600")],
    limits: Limits { lifetime: HOUR, ..LIMITS },
    emails: 1,
    clients: 4,
    rounds: 4,
    calls: 2,
    faults: true,
    jumps_during_rounds: true,
    clock_jumps: &[61 * SECOND, HOUR, HOUR, HOUR],
    by_account: false,
};

/// The quota allows few emails.
pub const QUOTA: Profile = Profile {
    name: "quota",
    variables: &[("SEND_QUOTA", "3"), ("MAX_SENDS", "2")],
    limits: Limits { quota: Some(3), max_sends: 2, ..LIMITS },
    emails: 3,
    clients: 3,
    rounds: 3,
    calls: 3,
    faults: true,
    jumps_during_rounds: false,
    clock_jumps: &[0, 61 * SECOND, 30 * 60 * SECOND, HOUR, 7 * DAY],
    by_account: true,
};

/// One caller and no faults: every call has exactly one correct response.
pub const SEQUENTIAL: Profile = Profile {
    name: "sequential",
    variables: &[("SEND_QUOTA", "6"), ("MAX_SENDS", "3"), ("RETENTION_DAYS", "2")],
    limits: Limits { quota: Some(6), max_sends: 3, retention: 2 * DAY, ..LIMITS },
    emails: 3,
    clients: 1,
    rounds: 10,
    calls: 6,
    faults: false,
    jumps_during_rounds: true,
    clock_jumps: &[0, SECOND, 30 * SECOND, 61 * SECOND, 20 * 60 * SECOND, HOUR, DAY, 3 * DAY, 7 * DAY],
    by_account: true,
};

impl Profile {
    /// Draws the faults of one round, each kind with a random frequency.
    #[must_use]
    pub fn fault_frequencies(&self, random: &mut Random) -> Vec<(Fault, u32)> {
        if !self.faults {
            return Vec::new();
        }
        let pause = |random: &mut Random| Duration::from_millis(1 + random.bits() % 12);
        let (late, twice) = (pause(random), pause(random));
        let kinds = [
            ConnectionRefused,
            TimedOut,
            ReplyLost,
            ErrorAfterwards,
            TruncatedReply,
            ConflictAfterwards,
            ConflictAfterwards,
            Cancelled(vec!["TransactionConflict"]),
            Cancelled(vec!["ThrottlingError"]),
            Error(400, "ThrottlingException"),
            Error(400, "TransactionInProgressException"),
            Error(500, "InternalServerError"),
            Late(late),
            Late(late),
            Duplicated(twice),
            Crash,
        ];
        kinds.into_iter().map(|kind| (kind, u32::try_from(random.below(400)).expect("a small number"))).collect()
    }
}
