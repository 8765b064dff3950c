//! The properties of every simulation.

use std::collections::{BTreeMap, BTreeSet};

use local::ses::SentEmail;
use serde_json::Value;
use shared::domain::{
    Invitation,
    courier::{EmailKind, LEASE, pause_after},
    invitation::Status,
    outbox::EventType,
};

use super::{
    account::Account,
    counts::{Counter, Counts},
    evidence::{Evidence, token},
    history::is_claim,
    send_log::{DuplicateCause, SendKey, send_of},
};

/// Counts the evidence, and returns the violations.
pub(super) fn check(evidence: &Evidence, accounts: &[Account], counts: &Counts) -> Vec<String> {
    let mut violations = Vec::new();
    counts.add(Counter::Invitations, evidence.history.len());
    counts.add(Counter::Emails, evidence.emails.len());
    counts.add(Counter::Reminders, evidence.emails.iter().filter_map(send_of).filter(|send| send.kind == EmailKind::Reminder).count());
    let mut emails: BTreeMap<SendKey, Vec<&SentEmail>> = BTreeMap::new();
    for email in &evidence.emails {
        match send_of(email) {
            Some(send) => emails.entry(send).or_default().push(email),
            None => violations.push(format!("an email without the tags of a send: {:?}", email.tags)),
        }
    }
    for (send, copies) in &emails {
        check_copies(send, copies, evidence, counts, &mut violations);
    }
    for revisions in evidence.history.values() {
        check_history(revisions, &emails, counts, &mut violations);
    }
    for email in &evidence.emails {
        check_email(email, evidence, accounts, counts, &mut violations);
    }
    check_events(evidence, accounts, counts, &mut violations);
    violations
}

/// A duplicate is allowed only if the courier could not record that SES accepted the earlier copy.
fn check_copies(send: &SendKey, copies: &[&SentEmail], evidence: &Evidence, counts: &Counts, violations: &mut Vec<String>) {
    for index in 1..copies.len() {
        counts.add(Counter::SecondCopies, 1);
        let cause = evidence.send_log.duplicate_cause(send, &copies[..index], copies[index]);
        counts.add(
            match cause {
                DuplicateCause::ReplyLost => Counter::CopiesReplyLost,
                DuplicateCause::Crash => Counter::CopiesCrashed,
                DuplicateCause::RecordFailed => Counter::CopiesRecordFailed,
                DuplicateCause::Unexplained => Counter::CopiesUnexplained,
            },
            1,
        );
        if cause == DuplicateCause::Unexplained {
            violations.push(format!("copy {} of send {send:?}, although the earlier one was recorded", index + 1));
        }
        if token(copies[index]) != token(copies[0]) {
            violations.push(format!("the copies of send {send:?} have different links"));
        }
    }
}

/// Revisions increase, and an email is claimed only while it may be sent.
fn check_history(revisions: &[Invitation], emails: &BTreeMap<SendKey, Vec<&SentEmail>>, counts: &Counts, violations: &mut Vec<String>) {
    let first = &revisions[0];
    let id = first.resource.id.to_string();
    if first.revision != 1 {
        violations.push(format!("{id} starts with revision {}", first.revision));
    }
    let key = |version, kind| SendKey { id: id.clone(), version, kind };
    let mut claims: BTreeMap<SendKey, usize> = BTreeMap::new();
    for pair in revisions.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        if after.revision <= before.revision {
            violations.push(format!("{id}: revision {} follows {}", after.revision, before.revision));
        }
        if !is_claim(before, after) {
            continue;
        }
        counts.add(Counter::Claims, 1);
        let kind = if before.resource.delivery.is_none() { EmailKind::Invitation } else { EmailKind::Reminder };
        *claims.entry(key(after.link.version, kind)).or_default() += 1;
        // The claim's end determines its start.
        let ends = after.send_attempts.not_before;
        let lease = pause_after(after.send_attempts.tries).max(LEASE);
        let open = before.resource.status == Status::Pending && before.resource.expiry.plus(lease) > ends && before.link == after.link;
        let waited = before.send_attempts.tries == 0 || before.send_attempts.not_before.plus(lease) <= ends;
        let wanted = match kind {
            EmailKind::Invitation => true,
            EmailKind::Reminder => {
                reminder_is_wanted(before, after)
                    && after.remind_before.is_some_and(|before| after.resource.expiry.minus(before).plus(lease) <= ends)
            }
        };
        if !open || !waited || !wanted {
            counts.add(Counter::InvalidClaims, 1);
            violations.push(format!("{id}: revision {} claims an email that must not be sent", after.revision));
        }
    }
    let last = revisions.last().unwrap_or(first);
    counts.add(Counter::Sendings, last.link.version as usize);
    let sends = (1..=last.link.version).map(|version| key(version, EmailKind::Invitation));
    counts.add(Counter::NeverEmailed, sends.filter(|send| !emails.contains_key(send)).count());
    for version in 1..=last.link.version {
        for kind in [EmailKind::Invitation, EmailKind::Reminder] {
            let send = key(version, kind);
            let sent = emails.get(&send).map_or(0, Vec::len);
            if sent > claims.get(&send).copied().unwrap_or_default() {
                violations.push(format!("{send:?} has more emails than claims: {sent}"));
            }
        }
    }
}

/// Whether the reminder that was claimed is that of an email that arrived, the only one of its sending, and planned when that was sent.
fn reminder_is_wanted(before: &Invitation, after: &Invitation) -> bool {
    let arrived = before.resource.delivery.as_ref().is_some_and(|delivery| delivery.status.allows_reminder());
    let no_earlier = after.remind_before.is_some() && after.remind_before <= before.remind_before;
    arrived && no_earlier && before.resource.reminded.is_none()
}

/// An email is from the inviting account and to the invitee, and its link opens the invitation unless a later one was sent.
fn check_email(email: &SentEmail, evidence: &Evidence, accounts: &[Account], counts: &Counts, violations: &mut Vec<String>) {
    let Some(SendKey { id, version, kind }) = send_of(email) else { return };
    let Some(last) = id.parse().ok().and_then(|id| evidence.history.get(&id)).and_then(|revisions| revisions.last()) else {
        violations.push(format!("an email of {id}, which does not exist"));
        return;
    };
    let about = format!("the {} of send {version} of {id}", if kind == EmailKind::Reminder { "reminder" } else { "email" });
    let account = last.resource.account.as_str();
    if email.to != [last.resource.email.mailbox()] || email.tags.get("account").map(String::as_str) != Some(account) {
        violations.push(format!("{about} is addressed to {:?} for {:?}", email.to, email.tags.get("account")));
    }
    let parts = [Some(&email.from), Some(&email.subject), email.text.as_ref(), email.html.as_ref()];
    let text = parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join("\n");
    for other in accounts {
        let named = text.contains(other.name) || text.contains(other.id);
        if named != (other.id == account) {
            violations.push(format!("{about} of {account} {} {}", if named { "names" } else { "does not name" }, other.name));
        }
    }
    let Some(token) = token(email) else {
        violations.push(format!("{about} has no link"));
        return;
    };
    if !token.starts_with(&format!("i1.{account}.{id}.")) {
        violations.push(format!("{about} has the link of another invitation"));
    }
    let Some(opened) = evidence.opened.get(&token) else {
        violations.push(format!("the link of {about} was not opened"));
        return;
    };
    counts.add(Counter::LinksOpened, 1);
    let correct = if version == last.link.version {
        let seen: Value = serde_json::from_str(&opened.text).unwrap_or_default();
        let state = last.state(evidence.now);
        opened.status == 200
            && seen["email"] == last.resource.email.as_entered()
            && seen["state"] == state.as_str()
            && seen["account"] == account
    } else {
        opened.status == 404
    };
    if !correct {
        violations.push(format!("the link of {about}, of {} sends, got {} {}", last.link.version, opened.status, opened.text));
    }
}

/// Every invitation has published its events 1 to n, each as it was written.
fn check_events(evidence: &Evidence, accounts: &[Account], counts: &Counts, violations: &mut Vec<String>) {
    counts.add(Counter::EventsPublished, evidence.events.len());
    let mut published: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for event in &evidence.events {
        published.entry(event.detail["id"].as_str().unwrap_or_default().to_owned()).or_default().push(&event.detail);
    }
    for (id, revisions) in &evidence.history {
        let last = &revisions[revisions.len() - 1];
        let external = accounts.iter().find(|account| account.id == last.resource.account.as_str()).and_then(|account| account.external);
        let written: BTreeMap<u64, _> =
            revisions.iter().flat_map(|it| &it.outbox.events).map(|event| (event.sequence, event.clone())).collect();
        if !written.keys().copied().eq(1..=last.outbox.count) {
            violations.push(format!("{id}: {} events, but these were written: {written:?}", last.outbox.count));
        }
        let count = |event_type| written.values().filter(|event| event.event_type == event_type).count();
        let closings = [EventType::Accepted, EventType::Declined, EventType::Revoked];
        let closed = match last.resource.status {
            Status::Pending => None,
            Status::Closed(closing, _) => Some(closing.event_type()),
        };
        let reminded: BTreeSet<_> = revisions.iter().filter(|it| it.resource.reminded.is_some()).map(|it| it.link.version).collect();
        let correct = count(EventType::Created) == 1
            && count(EventType::Reminded) == reminded.len()
            && count(EventType::Resent) == last.sends as usize - 1
            && closings.into_iter().all(|closing| count(closing) == usize::from(closed == Some(closing)));
        if !correct {
            violations.push(format!("{id}: sent {} times, {:?}, but the events are {written:?}", last.sends, last.resource.status));
        }
        counts.add(Counter::Expired, count(EventType::Expired));
        for event in written.values() {
            let copies = published.remove(&event.id(*id)).unwrap_or_default();
            if copies.is_empty() {
                counts.add(Counter::EventsLost, 1);
                violations.push(format!("{id}: {event} was not published"));
            }
            counts.add(Counter::EventsRepublished, copies.len().saturating_sub(1));
            if copies.windows(2).any(|pair| pair[0] != pair[1]) {
                violations.push(format!("{id}: {event} was published with different contents: {copies:?}"));
            }
            for detail in copies {
                let about = &detail["invitation"];
                let correct = detail["sequence"] == event.sequence
                    && detail["type"] == event.event_type.kind()
                    && detail["time"] == event.at.to_string()
                    && detail["account"] == last.resource.account.as_str()
                    && detail["externalID"].as_str() == external.filter(|(_, since)| *since <= event.at).map(|(id, _)| id)
                    && about["id"] == id.to_string()
                    && about["roleID"] == last.resource.role.as_str()
                    && about["created"] == last.resource.created.to_string()
                    && about["invitedBy"] == last.resource.invited_by.as_str()
                    && about["delivery"]["state"].as_str() == event.delivery().map(|delivery| delivery.status.as_str());
                if !correct {
                    violations.push(format!("{id}: {event} was published as {detail}"));
                }
            }
        }
    }
    for (id, copies) in published {
        violations.push(format!("published {} times, but never written: {id}", copies.len()));
    }
}
