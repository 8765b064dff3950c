//! Tampered cursors and link tokens, presented to the real handlers.
//!
//! A cursor carries a digest, not a signature (docs/adr/0008); a token carries the secret itself. Either is valid in exactly one
//! spelling, a cursor also for one account and one list only. Everything else must be refused: a cursor with one 400, before the
//! table is read, a token with one 404. Three accounts have invitations in every state.

mod attempt;
mod changes;
mod fixture;

use futures_util::{StreamExt, stream};
use support::{Call, Response, random::Random};

use crate::report::{Bound, Scale, Section};

pub use attempt::{Attempt, Destination};
pub use fixture::Fixture;

/// The routes that take a token.
const VERBS: [&str; 3] = ["lookup", "accept", "decline"];
/// The number of concurrent requests.
const CONCURRENCY: usize = 16;

/// Tampers with every issued cursor and token.
pub async fn run(scale: &Scale) -> Section {
    let fixture = Fixture::start(scale).await;
    let attempts = attempts(&fixture, scale);
    present(&fixture, scale, &attempts).await
}

/// All attempts; in a short run a sample.
#[must_use]
pub fn attempts(fixture: &Fixture, scale: &Scale) -> Vec<Attempt> {
    let mut random = Random::new(scale.seed);
    let mut all = Vec::new();
    let cursors: Vec<String> = fixture.cursors.iter().map(|issued| issued.token.clone()).collect();
    for issued in &fixture.cursors {
        let issued_for = Destination::List(issued.account, issued.query.clone());
        let changed = changes::of_cursor(&issued.token, &cursors, &mut random);
        all.extend(changed.into_iter().map(|(change, text)| Attempt { change, to: issued_for.clone(), text }));
        // Unchanged, but for another list or account.
        let elsewhere = fixture.lists().filter(|to| *to != issued_for);
        all.extend(elsewhere.map(|to| Attempt { change: "a cursor of another list or account", to, text: issued.token.clone() }));
    }
    for (person, (_, own)) in fixture.people.iter().enumerate() {
        let to = Destination::Own(person);
        let others = fixture.people.iter().flat_map(|(_, cursors)| cursors).chain(&cursors);
        all.extend(others.map(|text| Attempt { change: "a cursor of another person or list", to: to.clone(), text: text.clone() }));
        for text in own {
            let changed = changes::of_own_cursor(text);
            all.extend(changed.into_iter().map(|(change, text)| Attempt { change, to: to.clone(), text }));
            let lists = fixture.lists().map(|to| Attempt { change: "a cursor of a person", to, text: text.clone() });
            all.extend(lists);
        }
    }
    let tokens: Vec<String> = fixture.tokens.iter().chain(&fixture.superseded).cloned().collect();
    for token in &tokens {
        let changed = changes::of_token(token, &tokens, &mut random);
        for verb in VERBS {
            all.extend(changed.iter().map(|(change, text)| Attempt { change, to: Destination::Holder(verb), text: text.clone() }));
        }
    }
    for verb in VERBS {
        let superseded = fixture.superseded.iter();
        all.extend(superseded.map(|token| Attempt { change: "a superseded token", to: Destination::Holder(verb), text: token.clone() }));
    }
    // A change may produce another issued cursor or token: that is not tampering.
    all.retain(|attempt| !fixture.has_issued(attempt));
    all.retain(|attempt| scale.long || random.chance(1, if matches!(attempt.to, Destination::Own(_)) { 8 } else { 40 }));
    all
}

/// Presents the attempts, and counts those that were accepted.
pub async fn present(fixture: &Fixture, scale: &Scale, attempts: &[Attempt]) -> Section {
    let how = "Issued cursors and tokens have every bit flipped, are truncated at every character, have parts exchanged between accounts, \
               lists and emails, and are spelled in other ways. Each is presented to the handlers, by callers with API keys and with \
               bearer tokens. A tampered cursor must get the one 400 without a read of the table; a tampered token must get the 404 of \
               an unknown token, byte for byte. Cursors of people's own invitations are exchanged between people, too.";
    let mut section = Section::new("Tampering", how);
    let before = fixture.rows().await;
    let refused_list = fixture.send(&Attempt { change: "", to: Destination::List(0, "limit=1".to_owned()), text: "none".to_owned() }).await;
    let unknown = format!("i1.{}.{}.{}", fixture.accounts[0].id, "0".repeat(32), "A".repeat(43));
    let refused_holder = fixture.send(&Attempt { change: "", to: Destination::Holder("lookup"), text: unknown }).await;
    let refused_own = fixture.send(&Attempt { change: "", to: Destination::Own(0), text: "none".to_owned() }).await;
    for (response, status, code) in
        [(&refused_list, 400, "invalid-cursor"), (&refused_own, 400, "invalid-cursor"), (&refused_holder, 404, "not-found")]
    {
        if (response.status, response.json()["code"].as_str()) != (status, Some(code)) {
            section.violations.push(format!("the reference refusal is not {status} {code} but {response:?}"));
        }
    }

    let of = |wanted: fn(&Destination) -> bool| attempts.iter().filter(|it| wanted(&it.to)).collect::<Vec<_>>();
    let cursors = of(|to| matches!(to, Destination::List(..)));
    let own_cursors = of(|to| matches!(to, Destination::Own(_)));
    let tokens = of(|to| matches!(to, Destination::Holder(_)));
    fixture.take_request_count();
    let accepted_cursors = refusals(fixture, scale, &cursors, &refused_list, &mut section).await
        + refusals(fixture, scale, &own_cursors, &refused_own, &mut section).await;
    let reads = fixture.take_request_count();
    let accepted_tokens = refusals(fixture, scale, &tokens, &refused_holder, &mut section).await;

    let same = percent_encoded(fixture).await;
    let after = fixture.rows().await;
    let open = fixture.count_open_links().await;
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    section.figure("accounts", count(fixture.accounts.len()), Bound::AtLeast(3));
    section.figure("lists with cursors", count(fixture.lists_with_cursors()), Bound::AtLeast(48));
    section.figure("attempts", count(attempts.len()), Bound::AtLeast(scale.of(1, 100_000)));
    section.figure("tampered cursors", count(cursors.len()), Bound::Any);
    section.figure("tampered cursors of people", count(own_cursors.len()), Bound::AtLeast(scale.of(100, 1000)));
    section.figure("tampered cursors accepted", accepted_cursors, Bound::Exactly(0));
    section.figure("requests to the table for tampered cursors", count(reads), Bound::Exactly(0));
    section.figure("tampered tokens", count(tokens.len()), Bound::Any);
    section.figure("tampered tokens accepted", accepted_tokens, Bound::Exactly(0));
    section.figure("cursors accepted in percent-encoding, which is not tampering", same, Bound::AtLeast(1));
    section.figure("rows changed", count(after.symmetric_difference(&before).count()), Bound::Exactly(0));
    section.figure("links that no longer open", count(fixture.tokens.len() - open), Bound::Exactly(0));
    section
}

/// Counts the responses that differ from `refused`.
async fn refusals(fixture: &Fixture, scale: &Scale, attempts: &[&Attempt], refused: &Response, section: &mut Section) -> u64 {
    let answers = stream::iter(attempts.iter().copied()).map(async |attempt| (attempt, fixture.send(attempt).await));
    let mut answers = answers.buffer_unordered(CONCURRENCY);
    let mut accepted = 0;
    while let Some((attempt, response)) = answers.next().await {
        if response != *refused {
            accepted += 1;
            if accepted <= 5 {
                section.violations.push(format!("seed {}: {attempt:?} got {response:?}", scale.seed));
            }
        }
    }
    accepted
}

/// Counts cursors that show the same page in percent-encoding, which the query decodes.
async fn percent_encoded(fixture: &Fixture) -> u64 {
    let mut same = 0;
    for issued in &fixture.cursors {
        let encoded: String = issued.token.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let account = &fixture.accounts[issued.account];
        let list = |text: &str| account.call(Call::get(&format!("/invitations?{}&cursor={text}", issued.query)));
        let (plain, decoded) = (fixture.app.send(list(&issued.token)).await, fixture.app.send(list(&encoded)).await);
        same += u64::from(plain.status == 200 && plain == decoded);
    }
    same
}
