//! How long a lookup takes, for what is there and for what is not (T19).
//!
//! An id has 74 random bits and is no secret, so that this is about not being needlessly telling. The token's form is known to
//! whoever sends it; only the answers to well-formed ones are held against each other. Interleaved in random order, so that
//! whatever else the machine does meets all kinds alike; medians, so that it does not count.

use std::time::{Duration, Instant};

use support::{Call, Post, TestApp, random::Random};

use crate::report::{Bound, Scale, Section};

/// What is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    /// The token of a mail.
    Valid,
    /// The id of an invitation with another secret.
    WrongSecret,
    /// An id that nothing has.
    Unknown,
    /// No token at all.
    Malformed,
}

impl Looked {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Valid, Self::WrongSecret, Self::Unknown, Self::Malformed];

    fn name(self) -> &'static str {
        match self {
            Self::Valid => "a valid token",
            Self::WrongSecret => "a known id with a wrong secret",
            Self::Unknown => "an unknown id",
            Self::Malformed => "no token",
        }
    }
}

/// How much the medians of a known and an unknown id may differ, in microseconds, where the functions are compiled as they are
/// deployed. A caller sees them through a network and a gateway, whose own times differ by a thousand and more.
const DIFFERENCE: u64 = 100;
/// The same where nothing is optimised and other tests run beside it: or as much as an unknown id takes, on a busy machine.
const DIFFERENCE_UNOPTIMISED: u64 = 1000;

/// Looks up, and compares.
pub async fn run(scale: &Scale) -> Section {
    let (app, tokens) = invited().await;
    let mut random = Random::new(scale.seed);
    let mut taken: [Vec<Duration>; 4] = Default::default();
    let mut wrong = Vec::new();
    let rounds = scale.of(200, 5000);
    for round in 0..rounds {
        let mut order = Looked::ALL;
        (1..order.len()).rev().for_each(|place| order.swap(place, random.below(place + 1)));
        for looked in order {
            let event = Call::holder("lookup", &token(looked, random.pick::<String>(&tokens), &mut random)).event().to_string();
            let started = Instant::now();
            let response = app.send_event("POST /invitations/lookup", &event).await;
            taken[looked as usize].push(started.elapsed());
            if response.status != if looked == Looked::Valid { 200 } else { 404 } {
                wrong.push(format!("seed {}, round {round}: {} is answered {response:?}", scale.seed, looked.name()));
            }
        }
    }
    let mut section = compared(scale, &taken);
    section.violations.extend(wrong.into_iter().take(5));
    section
}

/// The figures of what was measured, by the places of [`Looked::ALL`].
#[must_use]
pub fn compared(scale: &Scale, taken: &[Vec<Duration>; 4]) -> Section {
    let how = "`lookup-invitation` in this process over the embedded engine: known ids with a wrong secret, unknown ids, valid tokens \
               and texts that are none, in random order. The secret is compared before the row is read, and with something also when \
               there is no row. What is left is the larger answer of the table.";
    let mut section = Section::new("Time of a lookup", how);
    let lookups = taken.iter().map(Vec::len).sum::<usize>();
    section.figure("lookups", u64::try_from(lookups).unwrap_or(u64::MAX), Bound::AtLeast(scale.of(800, 20_000)));
    let medians = taken.each_ref().map(|times| median(times));
    for (looked, median) in Looked::ALL.into_iter().zip(medians) {
        section.figure(&format!("{}, median in µs", looked.name()), median, Bound::Any);
    }
    let difference = medians[Looked::WrongSecret as usize].abs_diff(medians[Looked::Unknown as usize]);
    let slow = medians[Looked::Unknown as usize].max(DIFFERENCE_UNOPTIMISED);
    let allowed = if cfg!(debug_assertions) { slow } else { DIFFERENCE };
    section.figure("difference between known and unknown ids, in µs", difference, Bound::AtMost(allowed));
    section
}

fn median(times: &[Duration]) -> u64 {
    let mut micros: Vec<u64> = times.iter().map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX)).collect();
    micros.sort_unstable();
    micros.get(micros.len() / 2).copied().unwrap_or_default()
}

/// A service with some invitations, and their tokens.
async fn invited() -> (TestApp, Vec<String>) {
    let app = TestApp::start().await;
    let mut post = Post::of(&app).await;
    let mut tokens = Vec::new();
    for number in 0..8 {
        let email = format!("user.{number}@example.com");
        app.invite(&email).await;
        post.deliver().await;
        tokens.push(post.last_token(&email));
    }
    (app, tokens)
}

/// All that are well-formed have the same length.
fn token(looked: Looked, valid: &str, random: &mut Random) -> String {
    let parts: Vec<&str> = valid.split('.').collect();
    let [version, account, id, secret] = parts[..] else { panic!("a token has four parts") };
    let other_id = format!("{:016X}{:016X}", random.bits(), random.bits());
    // Its last character holds two bits that must be zero, and keeps them.
    let other_secret: String = secret[..42].chars().rev().chain(secret[42..].chars()).collect();
    match looked {
        Looked::Valid => valid.to_owned(),
        Looked::WrongSecret => [version, account, id, &other_secret].join("."),
        Looked::Unknown => [version, account, &other_id, secret].join("."),
        Looked::Malformed => [version, account, id, &secret[1..]].join("."),
    }
}
