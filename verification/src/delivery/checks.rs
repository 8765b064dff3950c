//! What must be true of every world.

use std::collections::BTreeMap;

use local::ses::Mail;
use serde_json::Value;
use shared::domain::{
    Invitation,
    courier::{LEASE, pause_after},
    invitation::Status,
    outbox::EventType,
};

use super::{
    account::Account,
    counts::{Counts, What},
    evidence::{Evidence, token},
    history::is_claim,
    send_log::{Sending, Why, sending},
};

/// Counts what there is, and says what should not be.
pub(super) fn check(evidence: &Evidence, accounts: &[Account], counts: &Counts) -> Vec<String> {
    let mut found = Vec::new();
    counts.add(What::Invitations, evidence.history.len());
    counts.add(What::Mails, evidence.mails.len());
    let mut mails: BTreeMap<Sending, Vec<&Mail>> = BTreeMap::new();
    for mail in &evidence.mails {
        match sending(mail) {
            Some(sending) => mails.entry(sending).or_default().push(mail),
            None => found.push(format!("a mail of no sending: {:?}", mail.tags)),
        }
    }
    for (sending, copies) in &mails {
        judge_copies(sending, copies, evidence, counts, &mut found);
    }
    for revisions in evidence.history.values() {
        judge_history(revisions, &mails, counts, &mut found);
    }
    for mail in &evidence.mails {
        judge_mail(mail, evidence, accounts, counts, &mut found);
    }
    judge_events(evidence, counts, &mut found);
    found
}

/// Second copies are there only where SES may have taken the first without its courier living to note it.
fn judge_copies(sending: &Sending, copies: &[&Mail], evidence: &Evidence, counts: &Counts, found: &mut Vec<String>) {
    for place in 1..copies.len() {
        counts.add(What::SecondCopies, 1);
        let why = evidence.send_log.why(sending, &copies[..place], copies[place]);
        counts.add(
            match why {
                Why::ReplyLost => What::CopiesReplyLost,
                Why::Died => What::CopiesDied,
                Why::NoteRefused => What::CopiesNoteRefused,
                Why::Nothing => What::CopiesOutside,
            },
            1,
        );
        if why == Why::Nothing {
            found.push(format!("copy {} of sending {sending:?}, and the one before was noted", place + 1));
        }
        if token(copies[place]) != token(copies[0]) {
            found.push(format!("copies of sending {sending:?} have different links"));
        }
    }
}

/// Each revision follows the one before, and a mail is claimed only while it may be sent.
fn judge_history(revisions: &[Invitation], mails: &BTreeMap<Sending, Vec<&Mail>>, counts: &Counts, found: &mut Vec<String>) {
    let first = &revisions[0];
    let id = first.id.to_string();
    if first.revision != 1 {
        found.push(format!("{id} begins with revision {}", first.revision));
    }
    let mut claims: BTreeMap<u32, usize> = BTreeMap::new();
    for pair in revisions.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        if after.revision <= before.revision {
            found.push(format!("{id}: revision {} follows {}", after.revision, before.revision));
        }
        if !is_claim(before, after) {
            continue;
        }
        counts.add(What::Claims, 1);
        *claims.entry(after.link.version).or_default() += 1;
        // A claim says when it ends, and so when it began.
        let ends = after.send_attempts.not_before;
        let lease = pause_after(after.send_attempts.tries).max(LEASE);
        let open = before.status == Status::Pending && before.expiry.plus(lease) > ends && before.link == after.link;
        let waited = before.send_attempts.tries == 0 || before.send_attempts.not_before.plus(lease) <= ends;
        let free = before.delivery.is_none() && waited;
        if !open || !free {
            counts.add(What::ClaimsOfNothing, 1);
            found.push(format!("{id}: revision {} claims a mail that must not be sent", after.revision));
        }
    }
    let last = revisions.last().unwrap_or(first);
    counts.add(What::Sendings, last.link.version as usize);
    counts.add(What::NeverMailed, (1..=last.link.version).filter(|version| !mails.contains_key(&(id.clone(), *version))).count());
    for version in 1..=last.link.version {
        let sent = mails.get(&(id.clone(), version)).map_or(0, Vec::len);
        if sent > claims.get(&version).copied().unwrap_or_default() {
            found.push(format!("{id}: more mails of sending {version} than claims: {sent}"));
        }
    }
}

/// It is the account's that invites, goes to whom it invites, and its link opens the invitation if no later one was sent.
fn judge_mail(mail: &Mail, evidence: &Evidence, accounts: &[Account], counts: &Counts, found: &mut Vec<String>) {
    let Some((id, version)) = sending(mail) else { return };
    let Some(last) = id.parse().ok().and_then(|id| evidence.history.get(&id)).and_then(|revisions| revisions.last()) else {
        found.push(format!("a mail of {id}, which does not exist"));
        return;
    };
    let about = format!("the mail of sending {version} of {id}");
    let account = last.account.as_str();
    if mail.to != [last.email.mailbox()] || mail.tags.get("account").map(String::as_str) != Some(account) {
        found.push(format!("{about} is addressed to {:?} for {:?}", mail.to, mail.tags.get("account")));
    }
    let parts = [Some(&mail.from), Some(&mail.subject), mail.text.as_ref(), mail.html.as_ref()];
    let words = parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join("\n");
    for other in accounts {
        let named = words.contains(other.name) || words.contains(other.id);
        if named != (other.id == account) {
            found.push(format!("{about} of {account} {} {}", if named { "names" } else { "does not name" }, other.name));
        }
    }
    let Some(token) = token(mail) else {
        found.push(format!("{about} has no link"));
        return;
    };
    if !token.starts_with(&format!("i1.{account}.{id}.")) {
        found.push(format!("{about} has the link of another invitation"));
    }
    let Some(opened) = evidence.opened.get(&token) else {
        found.push(format!("the link of {about} was not tried"));
        return;
    };
    counts.add(What::LinksOpened, 1);
    let right = if version == last.link.version {
        let seen: Value = serde_json::from_str(&opened.text).unwrap_or_default();
        let state = last.state(evidence.now);
        opened.status == 200 && seen["email"] == last.email.as_entered() && seen["state"] == state.as_str() && seen["account"] == account
    } else {
        opened.status == 404
    };
    if !right {
        found.push(format!("the link of {about}, of {} sendings, is answered {} {}", last.link.version, opened.status, opened.text));
    }
}

/// Of each invitation the events 1 to n, all of them, each as it was written.
fn judge_events(evidence: &Evidence, counts: &Counts, found: &mut Vec<String>) {
    counts.add(What::EventsTold, evidence.events.len());
    let mut told: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for event in &evidence.events {
        told.entry(event.detail["id"].as_str().unwrap_or_default().to_owned()).or_default().push(&event.detail);
    }
    for (id, revisions) in &evidence.history {
        let last = &revisions[revisions.len() - 1];
        let written: BTreeMap<u64, _> =
            revisions.iter().flat_map(|it| &it.outbox.events).map(|event| (event.sequence, event.clone())).collect();
        if !written.keys().copied().eq(1..=last.outbox.count) {
            found.push(format!("{id}: of {} events these were written: {written:?}", last.outbox.count));
        }
        let happened = |event_type| written.values().filter(|event| event.event_type == event_type).count();
        let closings = [EventType::Accepted, EventType::Declined, EventType::Revoked];
        let closed = match last.status {
            Status::Pending => None,
            Status::Closed(closing, _) => Some(closing.event_type()),
        };
        let right = happened(EventType::Created) == 1
            && happened(EventType::Resent) == last.sends as usize - 1
            && closings.into_iter().all(|closing| happened(closing) == usize::from(closed == Some(closing)));
        if !right {
            found.push(format!("{id}: sent {} times, {:?}, but the events are {written:?}", last.sends, last.status));
        }
        counts.add(What::Expired, happened(EventType::Expired));
        for event in written.values() {
            let copies = told.remove(&event.id(*id)).unwrap_or_default();
            if copies.is_empty() {
                counts.add(What::EventsLost, 1);
                found.push(format!("{id}: nobody was told {event}"));
            }
            counts.add(What::EventsTwice, copies.len().saturating_sub(1));
            if copies.windows(2).any(|pair| pair[0] != pair[1]) {
                found.push(format!("{id}: {event} was told in several ways: {copies:?}"));
            }
            for detail in copies {
                let about = &detail["invitation"];
                let right = detail["sequence"] == event.sequence
                    && detail["type"] == event.event_type.kind()
                    && detail["time"] == event.at.to_string()
                    && detail["account"] == last.account.as_str()
                    && about["id"] == id.to_string()
                    && about["roleID"] == last.role.as_str()
                    && about["created"] == last.created.to_string()
                    && about["invitedBy"] == last.invited_by.as_str()
                    && about["delivery"]["state"].as_str() == event.delivery().map(|told| told.status.as_str());
                if !right {
                    found.push(format!("{id}: told of {event}: {detail}"));
                }
            }
        }
    }
    for (id, copies) in told {
        found.push(format!("told {} times of {id}, which was never written", copies.len()));
    }
}
