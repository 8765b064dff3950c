//! Compares how long lookups of existing and of unknown ids take (T19).
//!
//! An id has 74 random bits and is not secret, so a difference reveals little; it should still be small. The sender knows whether
//! a token is well-formed, so only lookups of well-formed tokens are compared. All kinds are interleaved in random order, so that
//! other load affects them equally, and medians ignore outliers.

use std::time::{Duration, Instant};

use support::{Call, TestApp, Workers, random::Random};

use crate::report::{Bound, Scale, Section};

/// A kind of token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// The token of an email.
    Valid,
    /// An existing id with a wrong secret.
    WrongSecret,
    /// An id that does not exist.
    Unknown,
    /// Not a token.
    Malformed,
}

impl TokenKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Valid, Self::WrongSecret, Self::Unknown, Self::Malformed];

    fn name(self) -> &'static str {
        match self {
            Self::Valid => "a valid token",
            Self::WrongSecret => "a known id with a wrong secret",
            Self::Unknown => "an unknown id",
            Self::Malformed => "a malformed token",
        }
    }
}

/// The allowed difference between the medians of known and unknown ids, in microseconds, in a release build. A caller measures
/// through a network and a gateway, whose times vary by more than a thousand.
const DIFFERENCE: u64 = 100;
/// The same in a debug build, with other tests running. On a busy machine the time of an unknown id is allowed, if that is more.
const DIFFERENCE_UNOPTIMISED: u64 = 1000;

/// Measures lookups and compares them.
pub async fn run(scale: &Scale) -> Section {
    let (app, tokens) = start_with_tokens().await;
    let mut random = Random::new(scale.seed);
    let mut taken: [Vec<Duration>; 4] = Default::default();
    let mut unexpected = Vec::new();
    let rounds = scale.of(200, 5000);
    for round in 0..rounds {
        let mut order = TokenKind::ALL;
        (1..order.len()).rev().for_each(|index| order.swap(index, random.below(index + 1)));
        for kind in order {
            let event = Call::holder("lookup", &token(kind, random.pick::<String>(&tokens), &mut random)).event().to_string();
            let started = Instant::now();
            let response = app.send_event("POST /invitations/lookup", &event).await;
            taken[kind as usize].push(started.elapsed());
            if response.status != if kind == TokenKind::Valid { 200 } else { 404 } {
                unexpected.push(format!("seed {}, round {round}: {} got {response:?}", scale.seed, kind.name()));
            }
        }
    }
    let mut section = compared(scale, &taken);
    section.violations.extend(unexpected.into_iter().take(5));
    section
}

/// The figures of measured durations, in the order of [`TokenKind::ALL`].
#[must_use]
pub fn compared(scale: &Scale, taken: &[Vec<Duration>; 4]) -> Section {
    let how = "`lookup-invitation` runs in this process over the embedded engine, with known ids and a wrong secret, unknown ids, valid \
               tokens and malformed tokens, in random order. The secret is compared before the row is parsed, and against a dummy if \
               there is no row. The remaining difference is the size of the table's reply.";
    let mut section = Section::new("Time of a lookup", how);
    let lookups = taken.iter().map(Vec::len).sum::<usize>();
    section.figure("lookups", u64::try_from(lookups).unwrap_or(u64::MAX), Bound::AtLeast(scale.of(800, 20_000)));
    let medians = taken.each_ref().map(|times| median(times));
    for (kind, median) in TokenKind::ALL.into_iter().zip(medians) {
        section.figure(&format!("{}, median in µs", kind.name()), median, Bound::Any);
    }
    let difference = medians[TokenKind::WrongSecret as usize].abs_diff(medians[TokenKind::Unknown as usize]);
    let debug_limit = medians[TokenKind::Unknown as usize].max(DIFFERENCE_UNOPTIMISED);
    let allowed = if cfg!(debug_assertions) { debug_limit } else { DIFFERENCE };
    section.figure("difference between known and unknown ids, in µs", difference, Bound::AtMost(allowed));
    section
}

fn median(times: &[Duration]) -> u64 {
    let mut micros: Vec<u64> = times.iter().map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX)).collect();
    micros.sort_unstable();
    micros.get(micros.len() / 2).copied().unwrap_or_default()
}

/// Starts a service with some invitations, and returns their tokens.
async fn start_with_tokens() -> (TestApp, Vec<String>) {
    let app = TestApp::start().await;
    let mut workers = Workers::of(&app).await;
    let mut tokens = Vec::new();
    for number in 0..8 {
        let email = format!("user.{number}@example.com");
        app.invite(&email).await;
        workers.deliver().await;
        tokens.push(workers.last_token(&email));
    }
    (app, tokens)
}

/// A token of this kind. All well-formed ones have the same length.
fn token(kind: TokenKind, valid: &str, random: &mut Random) -> String {
    let parts: Vec<&str> = valid.split('.').collect();
    let [version, account, id, secret] = parts[..] else { panic!("a token has four parts") };
    let other_id = format!("{:016X}{:016X}", random.bits(), random.bits());
    // The last character stays: two of its bits must be zero.
    let other_secret: String = secret[..42].chars().rev().chain(secret[42..].chars()).collect();
    match kind {
        TokenKind::Valid => valid.to_owned(),
        TokenKind::WrongSecret => [version, account, id, &other_secret].join("."),
        TokenKind::Unknown => [version, account, &other_id, secret].join("."),
        TokenKind::Malformed => [version, account, id, &secret[1..]].join("."),
    }
}
