//! What is left when a world ends, from which it is judged.

use std::collections::BTreeMap;

use local::{
    events::{Bus, Event},
    ses::{Inbox, Mail},
};
use shared::domain::{
    Invitation, Timestamp,
    invitation::{Closing, Status},
};
use support::{Call, Response, TestApp};

use super::{
    account::Account,
    history::{self, History, is_claim},
    mutation::Mutation,
    send_log::SendLog,
};

/// Everything that happened.
pub(super) struct Evidence {
    pub(super) history: History,
    pub(super) mails: Vec<Mail>,
    pub(super) events: Vec<Event>,
    pub(super) send_log: SendLog,
    /// What a lookup with each token is answered.
    pub(super) opened: BTreeMap<String, Response>,
    pub(super) now: Timestamp,
}

/// The token in a mail's link.
pub(super) fn token(mail: &Mail) -> Option<String> {
    let link = mail.text.as_deref()?.split_whitespace().find(|word| word.contains("#i1."))?;
    Some(link.split_once('#')?.1.to_owned())
}

impl Evidence {
    pub(super) async fn collect(app: &TestApp, inbox: &Inbox, bus: &Bus, send_log: SendLog) -> Self {
        let mails = inbox.mails();
        let mut opened = BTreeMap::new();
        for token in mails.iter().filter_map(token) {
            if !opened.contains_key(&token) {
                opened.insert(token.clone(), app.send(Call::holder("lookup", &token)).await);
            }
        }
        Self { history: history::read(app).await, mails, events: bus.events(), send_log, opened, now: app.now() }
    }

    /// Makes of it what a service would have left that is broken in this way.
    pub(super) fn corrupt(&mut self, mutations: Mutation, accounts: &[Account]) {
        match mutations {
            // That is done on the wire.
            Mutation::TableForgets | Mutation::MailsVanish | Mutation::EventsVanish => {}
            Mutation::LinksSwapped => {
                let last = self.mails.len() - 1;
                let text = self.mails[0].text.take();
                self.mails[0].text = std::mem::replace(&mut self.mails[last].text, text);
            }
            Mutation::NamesMixed => {
                let mail = &mut self.mails[0];
                let other = accounts.iter().find(|account| mail.tags["account"] != account.id).expect("there are several");
                mail.subject.push_str(other.name);
            }
            Mutation::ClaimsLate => {
                let claimed = |pair: &[Invitation]| is_claim(&pair[0], &pair[1]);
                let found = self.history.values_mut().find_map(|it| Some((it.windows(2).position(claimed)?, it)));
                let (place, revisions) = found.expect("something was mailed");
                revisions[place].status = Status::Closed(Closing::Revoked, revisions[place].modified);
            }
            Mutation::EventsDiffer => {
                let mut again = self.events[0].clone();
                again.detail["time"] = "2001-01-01T00:00:00Z".into();
                self.events.push(again);
            }
        }
    }
}
