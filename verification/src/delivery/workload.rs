//! The workload: calls of accounts and invitees.

use std::time::Duration;

use local::ses::SentEmail;
use serde_json::json;
use shared::domain::{Invitation, Timestamp, invitation::State};
use support::Call;

use super::{account::Account, evidence::token};
use support::random::Random;

/// A call, or time that passes.
pub(super) enum Step {
    Call(Box<Call>),
    /// A request to invite many, and what its attempts have in common.
    Bulk(String, Box<Call>),
    /// Much shorter than a claim, so that no claim ends during it.
    Wait(Duration),
}

/// The number of invitees. Every account may invite each of them.
const INVITEES: usize = 40;
/// The number of invitees of a bulk, those among them.
const BULK: usize = 100;
/// The local parts of addresses, which determine what the SES stand-in reports.
const RECIPIENTS: [&str; 12] = ["user", "user", "user", "user", "user", "user", "user", "bounce", "soft", "complaint", "delay", "reject"];

/// Draws the steps of a round.
pub(super) fn draw(
    count: usize,
    invitations: &[Invitation],
    emails: &[SentEmail],
    accounts: &[Account],
    now: Timestamp,
    random: &mut Random,
) -> Vec<Step> {
    let open: Vec<&Invitation> = invitations.iter().filter(|it| matches!(it.state(now), State::Invited | State::Expired)).collect();
    let mut waits = 5;
    let mut steps = Vec::new();
    for _ in 0..count {
        let invitation = match random.below(10) {
            0 => pick(&invitations.iter().collect::<Vec<_>>(), random),
            _ => pick(&open, random),
        };
        let call = invitation.filter(|_| !random.chance(3, 10)).and_then(|it| change(it, emails, accounts, random));
        if random.chance(1, 30) {
            steps.extend(bulk(accounts, random));
        }
        steps.push(Step::Call(Box::new(call.unwrap_or_else(|| create(accounts, now, random)))));
        if waits > 0 && random.chance(1, 8) {
            waits -= 1;
            steps.push(Step::Wait(Duration::from_millis(random.below(10_000) as u64)));
        }
    }
    steps
}

fn pick<'a>(from: &[&'a Invitation], random: &mut Random) -> Option<&'a Invitation> {
    (!from.is_empty()).then(|| *random.pick(from))
}

fn address(person: usize) -> String {
    format!("{}.{person}@example.com", RECIPIENTS[person % RECIPIENTS.len()])
}

/// A bulk, or several attempts of one with an idempotency key.
fn bulk(accounts: &[Account], random: &mut Random) -> Vec<Step> {
    let first = random.below(BULK);
    let row = |row| json!({ "email": address((first + row) % BULK), "roleID": "read-only" });
    let call = Call::bulk(&(0..BULK).map(row).collect::<Vec<_>>()).key(&random.pick(accounts).key);
    let key = format!("{:x}", random.bits());
    let attempts = random.below(4);
    let call = if attempts > 0 { call.header("idempotency-key", &key) } else { call };
    (0..attempts.max(1)).map(|_| Step::Bulk(key.clone(), Box::new(call.clone()))).collect()
}

fn create(accounts: &[Account], now: Timestamp, random: &mut Random) -> Call {
    let email = address(random.below(INVITEES));
    let mut request = json!({ "email": email, "roleID": "read-only" });
    if random.chance(1, 4) {
        request["expiry"] = now.plus(Duration::from_secs(3601 + random.below(86_400) as u64)).to_string().into();
    }
    Call::post("/invitations").json(&request).key(&random.pick(accounts).key)
}

/// A call about an invitation; `None` if it needs a link that has not arrived.
fn change(invitation: &Invitation, emails: &[SentEmail], accounts: &[Account], random: &mut Random) -> Option<Call> {
    let id = invitation.resource.id.to_string();
    let key = &accounts.iter().find(|account| account.id == invitation.resource.account.as_str())?.key;
    let use_link = |verb: &str, random: &mut Random| {
        let of_it: Vec<&SentEmail> = emails.iter().filter(|email| email.tags.get("invitation") == Some(&id)).collect();
        let email = if random.chance(1, 5) { of_it.first() } else { of_it.last() };
        Some(Call::holder(verb, &token(email?)?))
    };
    match random.below(100) {
        0..55 => Some(Call::post(&format!("/invitations/{id}")).key(key)),
        55..65 => Some(Call::post(&format!("/invitations/{id}?force=true")).key(key)),
        65..72 => Some(Call::set_state(&id, "revoked").key(key)),
        72..76 => Some(Call::set_state(&id, "invited").key(key)),
        76..86 => use_link("accept", random),
        86..92 => use_link("decline", random),
        _ => use_link("lookup", random),
    }
}
