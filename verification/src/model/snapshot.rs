//! What lies in the table while nothing is under way.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    operations::Closing,
    state::{Invitation, Limits, Millis, State},
};

/// Of one account, or of one of its addresses, what its table holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Invitations.
    pub invitations: Vec<Invitation>,
    /// Locks that are not over: the address, the holder's id, the end.
    pub locks: BTreeMap<Arc<str>, (Arc<str>, Millis)>,
    /// Sendings by window.
    pub used: BTreeMap<Millis, u32>,
    /// Kept answers that are not over, of invitations that there are: the end, the status, the invitation's id.
    pub kept: Vec<(Millis, u16, Arc<str>)>,
}

type Row = HashMap<String, AttributeValue>;

impl Snapshot {
    /// From an account's rows, at a time.
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
                Some(("K", _)) if number(row, "exp") > now => {
                    let status = u16::try_from(number(row, "status")).expect("a status");
                    snapshot.kept.push((number(row, "exp"), status, text(row, "inv").into()));
                }
                _ => {}
            }
        }
        snapshot.kept.sort();
        snapshot.leave_out_what_has_gone();
        snapshot
    }

    /// Of what was kept about an invitation that is not here nobody can say to which part of the account it belongs.
    fn leave_out_what_has_gone(&mut self) {
        let Self { invitations, kept, .. } = self;
        kept.retain(|(.., of)| invitations.iter().any(|it| it.id.as_ref() == Some(of)));
    }

    /// What concerns one address.
    #[must_use]
    pub fn about(&self, email: &str) -> Self {
        let mut part = self.clone();
        part.invitations.retain(|it| &*it.email == email);
        part.locks.retain(|of, _| &**of == email);
        part.leave_out_what_has_gone();
        part
    }
}

fn invitation(row: &Row, id: &str) -> Invitation {
    Invitation {
        id: Some(id.into()),
        email: text(row, "by_email").rsplit_once('#').expect("an address and an id").0.into(),
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
        link: Some(text(row, "th").into()),
    }
}

fn text<'a>(row: &'a Row, attribute: &str) -> &'a str {
    row[attribute].as_s().expect("it is a string")
}

fn number(row: &Row, attribute: &str) -> i64 {
    row[attribute].as_n().expect("it is a number").parse().expect("it is an integer")
}

impl State {
    /// The state, if it is what was found at `now`, with the names that were found; `None` if it is not.
    #[must_use]
    pub fn snapshots(mut self, snapshot: &Snapshot, now: Millis, limits: &Limits) -> Option<Self> {
        if self.invitations.len() != snapshot.invitations.len() {
            return None;
        }
        for found in &snapshot.invitations {
            let id = found.id.as_ref().expect("what is found has an id");
            let bare = |it: &Invitation| Invitation { id: None, link: None, ..it.clone() };
            // Two that nobody knows by name and that are alike are not told apart.
            let alike = |it: &Invitation| it.id.is_none() && bare(it) == bare(found);
            let name = self.by_id(id).or_else(|| self.invitations.iter().find(|(_, it)| alike(it)).map(|(name, _)| *name))?;
            let it = self.invitations.get_mut(&name)?;
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
        let kept = self.kept.values().filter(|kept| kept.until > now);
        let kept = kept.filter_map(|kept| Some((kept.until, kept.status, self.invitations.get(&kept.view.name)?.id.clone()?)));
        let mut kept: Vec<_> = kept.collect();
        kept.sort();
        if kept != snapshot.kept {
            return None;
        }
        let live = |used: &BTreeMap<Millis, u32>| -> BTreeMap<Millis, u32> {
            used.iter().filter(|(start, _)| **start + limits.window > now).map(|(start, n)| (*start, *n)).collect()
        };
        (limits.quota.is_none() || live(&self.used) == live(&snapshot.used)).then_some(self)
    }
}
