//! The table of rules.

use std::fmt;

use crate::{baseline::Baseline, counter::Counter, results::Measured};

use shared::store::DUE_SHARDS;

/// How much more than the baseline a count of instructions may be. Hashes have random seeds and timers fire when they do, so
/// that runs of one program differ: five of them by at most 1.3 % when this was written. The rest is room for another patch
/// version of the C library.
const MARGIN: f64 = 1.03;

/// One rule.
pub(super) struct Rule {
    /// What is measured, with its unit.
    pub(super) figure: &'static str,
    pub(super) who: Who,
    pub(super) value: fn(&Measured) -> Option<f64>,
    pub(super) bar: Bar,
    /// Whether a broken rule fails the run.
    pub(super) binding: bool,
}

/// Whom a rule is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Who {
    /// Every operation of this project.
    Own,
    /// Those reached by HTTP.
    Http,
    /// These.
    Only(&'static [&'static str]),
}

/// A committed figure of an operation.
pub(super) type Expected = fn(&Baseline, Counter, &str) -> Option<f64>;

/// What a figure is compared with.
#[derive(Clone, Copy)]
pub(super) enum Bar {
    /// At most so many times what the floor has; and what would be better still.
    Floor(f64, f64),
    /// At most this; and what would be better still.
    Most(f64, Option<f64>),
    /// At most what is said for the operation of this id. One that nothing is said for does not pass.
    Each(fn(&str) -> Option<f64>),
    /// At most so many times the committed figure.
    Baseline(Expected, f64),
    /// Exactly the committed figure: less would be as much of a surprise as more.
    Exactly(Expected),
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Floor(bar, _) => write!(f, "≤ {bar} x hello"),
            Self::Most(..) | Self::Each(_) => f.write_str("at most"),
            Self::Baseline(_, margin) => write!(f, "≤ {margin} x baseline"),
            Self::Exactly(_) => f.write_str("exactly"),
        }
    }
}

/// What each operation may ask DynamoDB: requests of a warm event, and of the first. That has one more where there is a
/// credential to read. The holder of a link has none, and operators and other services need none.
const REQUESTS: &[(&str, f64, f64)] = &[
    ("describe", 1.0, 2.0),
    ("list", 1.0, 2.0),
    ("create", 1.0, 2.0),
    ("revoke", 2.0, 3.0),
    ("resend", 2.0, 3.0),
    // The invitation and the account's settings; and the write.
    ("lookup", 2.0, 2.0),
    ("accept", 3.0, 3.0),
    ("decline", 3.0, 3.0),
    ("page", 0.0, 0.0),
    ("api-keys", 1.0, 1.0),
    ("settings", 1.0, 1.0),
    // The invitation, the claim and the settings; after the mail, the invitation, the note, and whether there is more to do.
    ("deliver", 6.0, 6.0),
    // Every shard of what is due.
    ("reconcile", DUE_SHARDS as f64, DUE_SHARDS as f64),
    ("feedback", 2.0, 2.0),
];

fn requests_of(id: &str) -> Option<(f64, f64)> {
    REQUESTS.iter().find(|(known, ..)| *known == id).map(|(_, warm, first)| (*warm, *first))
}

/// How many connections a function opens before its first event. The page needs no table.
fn connections(id: &str) -> f64 {
    if id == "page" { 0.0 } else { 1.0 }
}

pub(super) const RULES: &[Rule] = &[
    Rule {
        figure: "first invoke at 128 MB without the engine, ms",
        who: Who::Http,
        value: |it| Some(it.times?.first_at_128_mb_own_ms?.median),
        bar: Bar::Floor(4.6, 2.3),
        binding: false,
    },
    Rule {
        figure: "instructions to the first response",
        who: Who::Http,
        value: |it| Some(it.instructions?.first),
        bar: Bar::Floor(12.0, 8.0),
        binding: true,
    },
    Rule {
        figure: "instructions per warm request",
        who: Who::Only(&["describe"]),
        value: |it| Some(it.instructions?.warm),
        bar: Bar::Floor(4.5, 3.2),
        binding: true,
    },
    Rule {
        figure: "peak memory, bytes",
        who: Who::Http,
        value: |it| Some(it.peak_memory?.median),
        bar: Bar::Floor(2.6, 2.0),
        binding: true,
    },
    Rule {
        figure: "zip, bytes",
        who: Who::Http,
        value: |it| Some(it.zip? as f64),
        bar: Bar::Most(3_000_000.0, Some(2_400_000.0)),
        binding: true,
    },
    Rule { figure: "DynamoDB requests", who: Who::Own, value: warm_requests, bar: Bar::Each(|id| Some(requests_of(id)?.0)), binding: true },
    Rule {
        figure: "DynamoDB requests, first event",
        who: Who::Own,
        value: first_requests,
        bar: Bar::Each(|id| Some(requests_of(id)?.1)),
        binding: true,
    },
    // The connection is opened before the first event, and every request finds it open.
    Rule {
        figure: "TLS handshakes, before the first event",
        who: Who::Http,
        value: |it| Some(it.database.as_ref()?.init_handshakes as f64),
        bar: Bar::Exactly(|_, _, id| Some(connections(id))),
        binding: true,
    },
    Rule {
        figure: "TLS handshakes, first event",
        who: Who::Http,
        value: |it| Some(it.database.as_ref()?.first_handshakes as f64),
        bar: Bar::Most(0.0, None),
        binding: true,
    },
    Rule {
        figure: "read units",
        who: Who::Own,
        value: |it| Some(it.database.as_ref()?.warm_capacity.read),
        bar: Bar::Exactly(|baseline, _, id| Some(baseline.capacity.get(id)?.read)),
        binding: true,
    },
    Rule {
        figure: "write units",
        who: Who::Own,
        value: |it| Some(it.database.as_ref()?.warm_capacity.write),
        bar: Bar::Exactly(|baseline, _, id| Some(baseline.capacity.get(id)?.write)),
        binding: true,
    },
    Rule {
        figure: "instructions to the first response",
        who: Who::Own,
        value: |it| Some(it.instructions?.first),
        bar: Bar::Baseline(|baseline, counter, id| Some(baseline.instructions.get(&counter)?.get(id)?.first), MARGIN),
        binding: true,
    },
    Rule {
        figure: "instructions per warm request",
        who: Who::Own,
        value: |it| Some(it.instructions?.warm),
        bar: Bar::Baseline(|baseline, counter, id| Some(baseline.instructions.get(&counter)?.get(id)?.warm), MARGIN),
        binding: true,
    },
];

// The sum of no numbers is minus zero: adding zero makes it one that can be shown.
fn warm_requests(it: &Measured) -> Option<f64> {
    Some(it.database.as_ref()?.warm_requests.values().sum::<f64>() + 0.0)
}

fn first_requests(it: &Measured) -> Option<f64> {
    Some(it.database.as_ref()?.first_requests.values().sum::<f64>() + 0.0)
}
