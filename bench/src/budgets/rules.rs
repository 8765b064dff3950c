//! The table of rules.

use std::fmt;

use crate::{baseline::Baseline, counter::Counter, results::Measured};

use shared::store::DUE_SHARDS;

/// The tolerance for instructions above the baseline. Runs of one program differ because of random hash seeds and timers: five
/// runs by at most 1.3 % when this was written. The rest allows for another patch version of the C library.
const MARGIN: f64 = 1.03;

/// One rule.
pub(super) struct Rule {
    /// The figure, with its unit.
    pub(super) figure: &'static str,
    pub(super) scope: Scope,
    pub(super) value: fn(&Measured) -> Option<f64>,
    pub(super) limit: Limit,
    /// Whether a failed rule fails the run.
    pub(super) enforced: bool,
}

/// The operations that a rule applies to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope {
    /// Every operation of this project.
    Own,
    /// The HTTP operations.
    Http,
    /// The HTTP operations on one invitation or one page of them.
    HttpOfOne,
    /// These operations.
    Only(&'static [&'static str]),
}

/// A committed figure of an operation.
pub(super) type Committed = fn(&Baseline, Counter, &str) -> Option<f64>;

/// The limit of a figure.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    /// A multiple of the reference, and a goal.
    TimesReference(f64, f64),
    /// A multiple of the same figure of another operation.
    TimesOperation(&'static str, f64),
    /// A maximum, and a goal.
    AtMost(f64, Option<f64>),
    /// A maximum by the operation's ID. An operation without one fails.
    PerOperation(fn(&str) -> Option<f64>),
    /// A multiple of the committed figure.
    TimesBaseline(Committed, f64),
    /// Exactly the committed figure: a smaller one would be unexpected, too.
    Exactly(Committed),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimesReference(factor, _) => write!(f, "≤ {factor} x hello"),
            Self::TimesOperation(id, factor) => write!(f, "≤ {factor} x {id}"),
            Self::AtMost(..) | Self::PerOperation(_) => f.write_str("at most"),
            Self::TimesBaseline(_, margin) => write!(f, "≤ {margin} x baseline"),
            Self::Exactly(_) => f.write_str("exactly"),
        }
    }
}

/// The maximum of DynamoDB requests of a warm event, and of the first one. The first one of an operation with an API key has one
/// more, to read the key.
const REQUESTS: &[(&str, f64, f64)] = &[
    ("describe", 1.0, 2.0),
    // The first one reads the keys of the issuer.
    ("describe-es256", 1.0, 2.0),
    ("describe-rs256", 1.0, 2.0),
    ("list", 1.0, 2.0),
    // The first one reads the settings of the account.
    ("create", 1.0, 3.0),
    // 100 rows: the locks, and five transactions. The first one reads the settings of the account.
    ("bulk", 6.0, 8.0),
    ("revoke", 2.0, 3.0),
    // The first one reads the settings of the account.
    ("resend", 2.0, 4.0),
    ("new-link", 2.0, 4.0),
    ("change", 2.0, 3.0),
    // The invitation and the account's settings, and a write.
    ("lookup", 2.0, 2.0),
    ("accept", 3.0, 3.0),
    ("decline", 3.0, 3.0),
    ("page", 0.0, 0.0),
    // The settings of the account.
    ("caller", 1.0, 2.0),
    ("console", 0.0, 0.0),
    ("api-keys", 1.0, 1.0),
    ("settings", 1.0, 1.0),
    // Read the invitation and the settings, claim it; after the email record it.
    ("deliver", 4.0, 4.0),
    // Every shard of the two indexes of due invitations.
    ("reconcile", 2.0 * DUE_SHARDS as f64, 2.0 * DUE_SHARDS as f64),
    ("feedback", 2.0, 2.0),
];

/// The write units that steps of an invitation's life may take together. The sums contain every write: before a late report, the
/// reconciler moves the entry that the email left early.
pub(super) const LIFE: &[(&str, &[&str], f64)] = &[
    ("email and its event", &["email"], 7.0),
    ("report and its event", &["late report", "late report's event"], 9.0),
    ("created, emailed, delivered: prompt report", &["create", "email", "prompt report", "prompt report's event"], 24.0),
    ("created, emailed, delivered: late report", &["create", "email", "early entry", "late report", "late report's event"], 26.0),
    ("accept and its event", &["accept", "accept's event"], 12.0),
    ("resend", &["resend"], 12.0),
    ("change of the role and its event", &["change of the role", "role's event"], 10.0),
    ("change of the expiry and its event", &["change of the expiry", "expiry's event"], 14.0),
    ("reminder and its event", &["reminder", "reminder's record"], 12.0),
];

fn requests_of(id: &str) -> Option<(f64, f64)> {
    REQUESTS.iter().find(|(known, ..)| *known == id).map(|(_, warm, first)| (*warm, *first))
}

/// The connections that a function opens before its first event. The pages use no table.
fn connections(id: &str) -> f64 {
    if matches!(id, "page" | "console") { 0.0 } else { 1.0 }
}

pub(super) const RULES: &[Rule] = &[
    Rule {
        figure: "first invoke at 128 MB without the engine, ms",
        scope: Scope::HttpOfOne,
        value: |it| Some(it.times?.first_at_128_mb_own_ms?.median),
        limit: Limit::TimesReference(4.6, 2.3),
        enforced: false,
    },
    Rule {
        figure: "instructions to the first response",
        scope: Scope::HttpOfOne,
        value: |it| Some(it.instructions?.first),
        limit: Limit::TimesReference(12.0, 8.0),
        enforced: true,
    },
    Rule {
        figure: "instructions per warm request",
        scope: Scope::Only(&["describe"]),
        value: |it| Some(it.instructions?.warm),
        limit: Limit::TimesReference(4.5, 3.2),
        enforced: true,
    },
    // A token that was seen before.
    Rule {
        figure: "instructions per warm request",
        scope: Scope::Only(&["describe-es256", "describe-rs256"]),
        value: |it| Some(it.instructions?.warm),
        limit: Limit::TimesOperation("describe", 1.15),
        enforced: true,
    },
    Rule {
        figure: "peak memory, bytes",
        scope: Scope::HttpOfOne,
        value: |it| Some(it.peak_memory?.median),
        limit: Limit::TimesReference(2.6, 2.0),
        enforced: true,
    },
    // Whatever a function keeps is bounded. Warming up takes some more; a kilobyte kept of each request would be a tenth more in a
    // full run.
    Rule {
        figure: "peak memory, relative to that after half of the requests",
        scope: Scope::Own,
        value: |it| Some(it.memory_growth?.median),
        limit: Limit::AtMost(1.1, None),
        enforced: true,
    },
    // 100 rows at once have to cost less than half of 100 requests, to fit into the smallest function, and to be answered before its
    // caller gives up.
    Rule {
        figure: "first invoke at 128 MB, ms",
        scope: Scope::Only(&["bulk"]),
        value: |it| Some(it.times?.first_at_128_mb_ms?.median),
        limit: Limit::AtMost(10_000.0, None),
        enforced: false,
    },
    Rule {
        figure: "instructions per warm request",
        scope: Scope::Only(&["bulk"]),
        value: |it| Some(it.instructions?.warm),
        limit: Limit::TimesOperation("create", 50.0),
        enforced: true,
    },
    Rule {
        figure: "peak memory, bytes",
        scope: Scope::Only(&["bulk"]),
        value: |it| Some(it.peak_memory?.median),
        limit: Limit::AtMost(16_000_000.0, Some(12_000_000.0)),
        enforced: true,
    },
    Rule {
        figure: "zip, bytes",
        scope: Scope::Http,
        value: |it| Some(it.zip? as f64),
        limit: Limit::AtMost(2_900_000.0, Some(2_400_000.0)),
        enforced: true,
    },
    Rule {
        figure: "DynamoDB requests",
        scope: Scope::Own,
        value: warm_requests,
        limit: Limit::PerOperation(|id| Some(requests_of(id)?.0)),
        enforced: true,
    },
    Rule {
        figure: "DynamoDB requests, first event",
        scope: Scope::Own,
        value: first_requests,
        limit: Limit::PerOperation(|id| Some(requests_of(id)?.1)),
        enforced: true,
    },
    // The connection opens before the first event and stays open.
    Rule {
        figure: "TLS handshakes, before the first event",
        scope: Scope::Http,
        value: |it| Some(it.database.as_ref()?.init_handshakes as f64),
        limit: Limit::Exactly(|_, _, id| Some(connections(id))),
        enforced: true,
    },
    Rule {
        figure: "TLS handshakes, first event",
        scope: Scope::Http,
        value: |it| Some(it.database.as_ref()?.first_handshakes as f64),
        limit: Limit::AtMost(0.0, None),
        enforced: true,
    },
    Rule {
        figure: "read units",
        scope: Scope::Own,
        value: |it| Some(it.database.as_ref()?.warm_capacity.read),
        limit: Limit::Exactly(|baseline, _, id| Some(baseline.capacity.get(id)?.read)),
        enforced: true,
    },
    Rule {
        figure: "write units",
        scope: Scope::Own,
        value: |it| Some(it.database.as_ref()?.warm_capacity.write),
        limit: Limit::Exactly(|baseline, _, id| Some(baseline.capacity.get(id)?.write)),
        enforced: true,
    },
    Rule {
        figure: "instructions to the first response",
        scope: Scope::Own,
        value: |it| Some(it.instructions?.first),
        limit: Limit::TimesBaseline(|baseline, counter, id| Some(baseline.instructions.get(&counter)?.get(id)?.first), MARGIN),
        enforced: true,
    },
    Rule {
        figure: "instructions per warm request",
        scope: Scope::Own,
        value: |it| Some(it.instructions?.warm),
        limit: Limit::TimesBaseline(|baseline, counter, id| Some(baseline.instructions.get(&counter)?.get(id)?.warm), MARGIN),
        enforced: true,
    },
];

// The sum of no numbers is minus zero; adding zero makes it zero.
fn warm_requests(it: &Measured) -> Option<f64> {
    Some(it.database.as_ref()?.warm_requests.values().sum::<f64>() + 0.0)
}

fn first_requests(it: &Measured) -> Option<f64> {
    Some(it.database.as_ref()?.first_requests.values().sum::<f64>() + 0.0)
}
