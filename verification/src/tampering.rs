//! Cursors and tokens of links with something changed in them, through the real handlers.
//!
//! A cursor carries a digest, no signature (docs/adr/0008), and a token the secret itself. Either way what was issued is good in
//! one spelling, for one account and one list, and everything else is refused: a cursor with one 400, before the table is asked,
//! a token with one 404. Three accounts have invitations in every state.

mod attempt;
mod changes;
mod fixture;

use futures_util::{StreamExt, stream};
use support::{Call, Response, random::Random};

use crate::report::{Bound, Scale, Section};

pub use attempt::{Attempt, To};
pub use fixture::Fixture;

/// What the holder of a link does.
const VERBS: [&str; 3] = ["lookup", "accept", "decline"];
/// How many are sent at once.
const AT_ONCE: usize = 16;

/// Tampers with everything that was issued.
pub async fn run(scale: &Scale) -> Section {
    let fixture = Fixture::start(scale).await;
    let attempts = attempts(&fixture, scale);
    present(&fixture, scale, &attempts).await
}

/// All that is tried; in short some of it.
#[must_use]
pub fn attempts(fixture: &Fixture, scale: &Scale) -> Vec<Attempt> {
    let mut random = Random::new(scale.seed);
    let mut all = Vec::new();
    let cursors: Vec<String> = fixture.cursors.iter().map(|issued| issued.token.clone()).collect();
    for issued in &fixture.cursors {
        let at_home = To::List(issued.account, issued.query.clone());
        let changed = changes::of_cursor(&issued.token, &cursors, &mut random);
        all.extend(changed.into_iter().map(|(what, text)| Attempt { what, to: at_home.clone(), text }));
        // As it is, where it does not belong.
        let elsewhere = fixture.lists().filter(|to| *to != at_home);
        all.extend(elsewhere.map(|to| Attempt { what: "a cursor of another list or account", to, text: issued.token.clone() }));
    }
    let tokens: Vec<String> = fixture.tokens.iter().chain(&fixture.superseded).cloned().collect();
    for token in &tokens {
        let changed = changes::of_token(token, &tokens, &mut random);
        for verb in VERBS {
            all.extend(changed.iter().map(|(what, text)| Attempt { what, to: To::Holder(verb), text: text.clone() }));
        }
    }
    for verb in VERBS {
        let dead = fixture.superseded.iter();
        all.extend(dead.map(|token| Attempt { what: "a token of an earlier sending", to: To::Holder(verb), text: token.clone() }));
    }
    // A change may have made another one that was issued: that is no tampering.
    all.retain(|attempt| !fixture.has_issued(attempt));
    all.retain(|_| scale.long || random.chance(1, 40));
    all
}

/// Presents what is to be refused, and counts what was not.
pub async fn present(fixture: &Fixture, scale: &Scale, attempts: &[Attempt]) -> Section {
    let how = "Every bit of issued cursors and tokens is flipped, every end cut off, parts are exchanged between accounts, lists and \
               sendings, and they are spelt in other ways. Each is presented to the handlers. A cursor must be refused with the one 400 \
               and without a read of the table, a token with the 404 of an unknown one, byte for byte.";
    let mut section = Section::new("Tampering", how);
    let before = fixture.rows().await;
    let refused_list = fixture.send(&Attempt { what: "", to: To::List(0, "limit=1".to_owned()), text: "none".to_owned() }).await;
    let unknown = format!("i1.{}.{}.{}", fixture.accounts[0].id, "0".repeat(32), "A".repeat(43));
    let refused_holder = fixture.send(&Attempt { what: "", to: To::Holder("lookup"), text: unknown }).await;
    for (response, status, code) in [(&refused_list, 400, "invalid-cursor"), (&refused_holder, 404, "not-found")] {
        if (response.status, response.json()["code"].as_str()) != (status, Some(code)) {
            section.violations.push(format!("what refuses is not a {status} {code} but {response:?}"));
        }
    }

    let (cursors, tokens): (Vec<&Attempt>, Vec<&Attempt>) = attempts.iter().partition(|it| matches!(it.to, To::List(..)));
    fixture.forget_requests();
    let accepted_cursors = refusals(fixture, scale, &cursors, &refused_list, &mut section).await;
    let reads = fixture.forget_requests();
    let accepted_tokens = refusals(fixture, scale, &tokens, &refused_holder, &mut section).await;

    let same = spellings_of_the_same(fixture).await;
    let after = fixture.rows().await;
    let open = fixture.still_open().await;
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    section.figure("accounts", count(fixture.accounts.len()), Bound::AtLeast(3));
    section.figure("lists with cursors", count(fixture.lists_with_cursors()), Bound::AtLeast(27));
    section.figure("tamperings", count(attempts.len()), Bound::AtLeast(scale.of(1, 100_000)));
    section.figure("tampered cursors", count(cursors.len()), Bound::Any);
    section.figure("tampered cursors accepted", accepted_cursors, Bound::Exactly(0));
    section.figure("requests to the table for tampered cursors", count(reads), Bound::Exactly(0));
    section.figure("tampered tokens", count(tokens.len()), Bound::Any);
    section.figure("tampered tokens accepted", accepted_tokens, Bound::Exactly(0));
    section.figure("cursors percent-encoded in the query, which are the same", same, Bound::AtLeast(1));
    section.figure("rows changed", count(after.symmetric_difference(&before).count()), Bound::Exactly(0));
    section.figure("links that no longer open", count(fixture.tokens.len() - open), Bound::Exactly(0));
    section
}

/// How many were answered otherwise than by `refused`.
async fn refusals(fixture: &Fixture, scale: &Scale, attempts: &[&Attempt], refused: &Response, section: &mut Section) -> u64 {
    let answers = stream::iter(attempts.iter().copied()).map(async |attempt| (attempt, fixture.send(attempt).await));
    let mut answers = answers.buffer_unordered(AT_ONCE);
    let mut accepted = 0;
    while let Some((attempt, response)) = answers.next().await {
        if response != *refused {
            accepted += 1;
            if accepted <= 5 {
                section.violations.push(format!("seed {}: {attempt:?} is answered {response:?}", scale.seed));
            }
        }
    }
    accepted
}

/// Percent-encoding is the query's business: the cursor is the same, and so is the page.
async fn spellings_of_the_same(fixture: &Fixture) -> u64 {
    let mut same = 0;
    for issued in &fixture.cursors {
        let encoded: String = issued.token.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let ask =
            |text: &str| Call::get(&format!("/invitations?{}&cursor={text}", issued.query)).key(&fixture.accounts[issued.account].key);
        let (plain, spelt) = (fixture.app.send(ask(&issued.token)).await, fixture.app.send(ask(&encoded)).await);
        same += u64::from(plain.status == 200 && plain == spelt);
    }
    same
}
