//! The contents of the table while no request is in progress.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    operations::Closing,
    state::{Invitation, Limits, Millis, State},
};

/// The rows of one account, or of one of its addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Invitations.
    pub invitations: Vec<Invitation>,
    /// Unexpired locks: the address, the holder's id, the expiry.
    pub locks: BTreeMap<Arc<str>, (Arc<str>, Millis)>,
    /// Emails by window.
    pub used: BTreeMap<Millis, u32>,
    /// Unexpired stored responses about existing invitations: the expiry, the status, the invitation's id.
    pub stored: Vec<(Millis, u16, Arc<str>)>,
}

type Row = HashMap<String, AttributeValue>;

impl Snapshot {
    /// Reads an account's rows as of `now`.
    #[must_use]
    pub fn of(rows: &[Row], now: Millis) -> Self {
        let mut snapshot = Self::default();
        for row in rows {
            let sk = text(row, "sk");
            match sk.split_once('#') {
                Some(("I", id)) => snapshot.invitations.push(invitation(row, id)),
                Some(("P", email)) if number(row, "exp") > now => {
                    snapshot.locks.insert(email.into(), (text(row, "inv").into(), number(row, "exp")));
                }
                Some(("Q", window)) => {
                    let used = u32::try_from(number(row, "n")).expect("a count");
                    snapshot.used.insert(window.parse().expect("a time"), used);
                }
                // The record of a bulk is compared by its replays.
                Some(("K", _)) if row.contains_key("seed") => {}
                Some(("K", _)) if number(row, "exp") > now => {
                    let status = u16::try_from(number(row, "status")).expect("a status");
                    snapshot.stored.push((number(row, "exp"), status, text(row, "inv").into()));
                }
                _ => {}
            }
        }
        snapshot.stored.sort();
        snapshot.drop_orphaned_responses();
        snapshot
    }

    /// A response about an invitation that is gone cannot be assigned to an address.
    fn drop_orphaned_responses(&mut self) {
        let Self { invitations, stored, .. } = self;
        stored.retain(|(.., of)| invitations.iter().any(|it| it.id.as_ref() == Some(of)));
    }

    /// The part about one address.
    #[must_use]
    pub fn about(&self, email: &str) -> Self {
        let mut part = self.clone();
        part.invitations.retain(|it| &*it.email == email);
        part.locks.retain(|of, _| &**of == email);
        part.drop_orphaned_responses();
        part
    }
}

fn invitation(row: &Row, id: &str) -> Invitation {
    Invitation {
        id: Some(id.into()),
        email: text(row, "by_email").rsplit_once('#').expect("the index key holds an address and an id").0.into(),
        inviter: text(row, "by").into(),
        role: text(row, "role").into(),
        // Each sending, each update and the closing is an operation.
        updates: operations(row)
            .saturating_sub(u32::try_from(number(row, "sends")).expect("a count") + u32::from(row.contains_key("closed"))),
        closed: match text(row, "st") {
            "accepted" => Some(Closing::Accepted),
            "declined" => Some(Closing::Declined),
            "revoked" => Some(Closing::Revoked),
            _ => None,
        },
        created: number(row, "created"),
        modified: number(row, "modified"),
        expiry: number(row, "exp"),
        sent: number(row, "sent"),
        sends: u32::try_from(number(row, "sends")).expect("a count"),
        accepted_by: row.get("accepted_by").map(|urn| urn.as_s().expect("it is a string").as_str().into()),
        link: Some(text(row, "th").into()),
        link_only: row.contains_key("link_only"),
    }
}

fn operations(row: &Row) -> u32 {
    u32::try_from(row["ops"].as_ss().expect("it is a set").len()).expect("a count")
}

fn text<'a>(row: &'a Row, attribute: &str) -> &'a str {
    row[attribute].as_s().expect("it is a string")
}

fn number(row: &Row, attribute: &str) -> i64 {
    row[attribute].as_n().expect("it is a number").parse().expect("it is an integer")
}

impl State {
    /// The state with the ids and links that the snapshot at `now` shows; `None` if the snapshot differs.
    #[must_use]
    pub fn match_snapshot(mut self, snapshot: &Snapshot, now: Millis, limits: &Limits) -> Option<Self> {
        if self.invitations.len() != snapshot.invitations.len() {
            return None;
        }
        for found in &snapshot.invitations {
            let id = found.id.as_ref().expect("a row has an id");
            let bare = |it: &Invitation| Invitation { id: None, link: None, ..it.clone() };
            // Equal invitations whose ids no response has shown are interchangeable.
            let alike = |it: &Invitation| it.id.is_none() && bare(it) == bare(found);
            let handle = self.by_id(id).or_else(|| self.invitations.iter().find(|(_, it)| alike(it)).map(|(handle, _)| *handle))?;
            let it = self.invitations.get_mut(&handle)?;
            if bare(it) != bare(found) || it.link.as_ref().is_some_and(|link| Some(link) != found.link.as_ref()) {
                return None;
            }
            *it = found.clone();
        }
        let locks = self.locks.iter().filter(|(_, lock)| lock.until > now);
        let locks = locks.map(|(email, lock)| Some((Arc::clone(email), (self.invitations.get(&lock.holder)?.id.clone()?, lock.until))));
        if locks.collect::<Option<BTreeMap<_, _>>>()? != snapshot.locks {
            return None;
        }
        let stored = self.stored.values().filter(|response| response.until > now);
        let stored =
            stored.filter_map(|response| Some((response.until, response.status, self.invitations.get(&response.view.handle)?.id.clone()?)));
        let mut stored: Vec<_> = stored.collect();
        stored.sort();
        if stored != snapshot.stored {
            return None;
        }
        let live = |used: &BTreeMap<Millis, u32>| -> BTreeMap<Millis, u32> {
            used.iter().filter(|(start, _)| **start + limits.window > now).map(|(start, n)| (*start, *n)).collect()
        };
        (limits.quota.is_none() || live(&self.used) == live(&snapshot.used)).then_some(self)
    }
}
