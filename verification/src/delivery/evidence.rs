//! The evidence of a simulation, which the checks use.

use std::collections::BTreeMap;

use local::{
    events::{Bus, Event},
    ses::{Inbox, SentEmail},
};
use shared::domain::{
    Invitation, Timestamp,
    invitation::{Closing, Status},
};
use support::{Call, Response, TestApp};

use super::{
    account::Account,
    defects::Defect,
    history::{self, History, is_claim},
    send_log::SendLog,
};

/// The evidence of a simulation.
pub(super) struct Evidence {
    pub(super) history: History,
    pub(super) emails: Vec<SentEmail>,
    pub(super) events: Vec<Event>,
    pub(super) send_log: SendLog,
    /// The response to a lookup with each token.
    pub(super) opened: BTreeMap<String, Response>,
    pub(super) now: Timestamp,
}

/// The token in an email's link.
pub(super) fn token(email: &SentEmail) -> Option<String> {
    let link = email.text.as_deref()?.split_whitespace().find(|word| word.contains("#i1."))?;
    Some(link.split_once('#')?.1.to_owned())
}

impl Evidence {
    pub(super) async fn collect(app: &TestApp, inbox: &Inbox, bus: &Bus, send_log: SendLog) -> Self {
        let emails = inbox.emails();
        let mut opened = BTreeMap::new();
        for token in emails.iter().filter_map(token) {
            if !opened.contains_key(&token) {
                opened.insert(token.clone(), app.send(Call::holder("lookup", &token)).await);
            }
        }
        Self { history: history::read(app).await, emails, events: bus.events(), send_log, opened, now: app.now() }
    }

    /// Changes the evidence into that of a service with this defect.
    pub(super) fn corrupt(&mut self, defect: Defect, accounts: &[Account]) {
        match defect {
            // These are injected on the wire.
            Defect::TableDropsWrites | Defect::EmailsLost | Defect::EventsLost => {}
            Defect::LinksSwapped => {
                let last = self.emails.len() - 1;
                let text = self.emails[0].text.take();
                self.emails[0].text = std::mem::replace(&mut self.emails[last].text, text);
            }
            Defect::WrongAccountNamed => {
                let email = &mut self.emails[0];
                let other = accounts.iter().find(|account| email.tags["account"] != account.id).expect("another account exists");
                email.subject.push_str(other.name);
            }
            Defect::ClaimAfterRevoke => {
                let claimed = |pair: &[Invitation]| is_claim(&pair[0], &pair[1]);
                let claim = self.history.values_mut().find_map(|it| Some((it.windows(2).position(claimed)?, it)));
                let (index, revisions) = claim.expect("an email was claimed");
                revisions[index].resource.status = Status::Closed(Closing::Revoked, revisions[index].resource.modified);
            }
            Defect::EventCopiesDiffer => {
                let mut copy = self.events[0].clone();
                copy.detail["time"] = "2001-01-01T00:00:00Z".into();
                self.events.push(copy);
            }
        }
    }
}
