//! What accounts and invitees do.

use std::time::Duration;

use local::ses::Mail;
use serde_json::json;
use shared::domain::{Invitation, Timestamp, invitation::State};
use support::Call;

use super::{account::Account, evidence::token};
use support::random::Random;

/// One thing that somebody does, or time that passes.
pub(super) enum Step {
    Call(Box<Call>),
    /// Far less than a claim lasts: whoever has one is still alive afterwards.
    Wait(Duration),
}

/// How many people there are. Each may be invited by every account.
const PEOPLE: usize = 40;
/// What SES's reports of their mails are decided by.
const KINDS: [&str; 12] = ["user", "user", "user", "user", "user", "user", "user", "bounce", "soft", "complaint", "delay", "reject"];

/// Draws some.
pub(super) fn draw(
    how_many: usize,
    invitations: &[Invitation],
    mails: &[Mail],
    accounts: &[Account],
    now: Timestamp,
    random: &mut Random,
) -> Vec<Step> {
    let open: Vec<&Invitation> = invitations.iter().filter(|it| matches!(it.state(now), State::Invited | State::Expired)).collect();
    let mut waits = 5;
    let mut acts = Vec::new();
    for _ in 0..how_many {
        let invitation = match random.below(10) {
            0 => pick(&invitations.iter().collect::<Vec<_>>(), random),
            _ => pick(&open, random),
        };
        let act = invitation.filter(|_| !random.chance(3, 10)).and_then(|it| change(it, mails, accounts, random));
        acts.push(Step::Call(Box::new(act.unwrap_or_else(|| create(accounts, now, random)))));
        if waits > 0 && random.chance(1, 8) {
            waits -= 1;
            acts.push(Step::Wait(Duration::from_millis(random.below(10_000) as u64)));
        }
    }
    acts
}

fn pick<'a>(from: &[&'a Invitation], random: &mut Random) -> Option<&'a Invitation> {
    (!from.is_empty()).then(|| *random.pick(from))
}

fn create(accounts: &[Account], now: Timestamp, random: &mut Random) -> Call {
    let person = random.below(PEOPLE);
    let email = format!("{}.{person}@example.com", KINDS[person % KINDS.len()]);
    let mut request = json!({ "email": email, "roleID": "read-only" });
    if random.chance(1, 4) {
        request["expiry"] = now.plus(Duration::from_secs(3601 + random.below(86_400) as u64)).to_string().into();
    }
    Call::post("/invitations").json(&request).key(&random.pick(accounts).key)
}

/// Something done with an invitation; nothing, when it would take a link that has not arrived.
fn change(invitation: &Invitation, mails: &[Mail], accounts: &[Account], random: &mut Random) -> Option<Call> {
    let id = invitation.id.to_string();
    let key = &accounts.iter().find(|account| account.id == invitation.account.as_str())?.key;
    let hold = |verb: &str, random: &mut Random| {
        let of_it: Vec<&Mail> = mails.iter().filter(|mail| mail.tags.get("invitation") == Some(&id)).collect();
        let mail = if random.chance(1, 5) { of_it.first() } else { of_it.last() };
        Some(Call::holder(verb, &token(mail?)?))
    };
    match random.below(100) {
        0..55 => Some(Call::post(&format!("/invitations/{id}")).key(key)),
        55..65 => Some(Call::post(&format!("/invitations/{id}?force=true")).key(key)),
        65..72 => Some(Call::set_state(&id, "revoked").key(key)),
        72..76 => Some(Call::set_state(&id, "invited").key(key)),
        76..86 => hold("accept", random),
        86..92 => hold("decline", random),
        _ => hold("lookup", random),
    }
}
