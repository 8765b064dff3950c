//! Who does what at once, and what there is before.

use super::{
    request::{Kind, Request},
    table::{BEFORE, Invitation, KEYS, Lock, PLACES, Table, Time},
};

/// What there is at the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Setting {
    /// No invitation.
    Nothing,
    /// One that was sent a moment ago.
    JustSent,
    /// One that can be sent again, and that expires with the next step of time.
    NearItsEnd,
}

/// Clients and what they find.
#[derive(Debug, Clone)]
pub(super) struct Scenario {
    pub(super) requests: Vec<Request>,
    pub(super) table: Table,
    pub(super) now: Time,
}

/// Every operation with every key that makes a difference.
fn all_requests() -> Vec<Request> {
    let keyed = [Kind::Create, Kind::Resend, Kind::Revoke];
    let with_keys = keyed.into_iter().flat_map(|kind| [None, Some(0), Some(1)].map(|key| Request::new(kind, key)));
    with_keys.chain([Kind::Accept, Kind::Decline].map(|kind| Request::new(kind, None))).collect()
}

impl Setting {
    fn scenario(self, requests: &[Request]) -> Scenario {
        let mut table = Table { invitations: [None; PLACES], lock: None, kept: [None; KEYS], sendings: 0 };
        if self != Self::Nothing {
            let invitation = Invitation::new(BEFORE, 0);
            table.lock = Some(Lock { holder: 0, expiry: invitation.expiry });
            table.invitations[0] = Some(invitation);
            table.sendings = 1;
        }
        Scenario { requests: requests.to_vec(), table, now: if self == Self::NearItsEnd { 1 } else { 0 } }
    }
}

/// Every pair of operations.
pub(super) fn pairs() -> Vec<Scenario> {
    let all = all_requests();
    let pairs = all.iter().flat_map(|first| all.iter().filter(move |second| first <= second).map(move |second| [*first, *second]));
    // Which key is called the first makes no difference.
    let pairs = pairs.filter(|pair| pair.iter().find_map(|request| request.key) != Some(1));
    pairs.flat_map(|pair| [Setting::Nothing, Setting::JustSent, Setting::NearItsEnd].map(|setting| setting.scenario(&pair))).collect()
}

/// Every three operations without keys, and what keys may change in it.
pub(super) fn triples() -> Vec<Scenario> {
    use Kind::{Accept, Create, Decline, Resend, Revoke};
    let kinds = [Create, Resend, Revoke, Accept, Decline];
    let mut triples = Vec::new();
    for first in kinds {
        for second in kinds.into_iter().filter(|second| first <= *second) {
            triples.extend(
                kinds.into_iter().filter(|third| second <= *third).map(|third| [first, second, third].map(|kind| Request::new(kind, None))),
            );
        }
    }
    // The same request, sent twice under its key, and somebody else's.
    for (twice, other) in [(Create, Create), (Create, Accept), (Resend, Resend), (Resend, Revoke), (Resend, Accept), (Revoke, Create)] {
        triples.push([Request::new(twice, Some(0)), Request::new(twice, Some(0)), Request::new(other, None)]);
    }
    triples.iter().map(|requests| Setting::NearItsEnd.scenario(requests)).collect()
}
