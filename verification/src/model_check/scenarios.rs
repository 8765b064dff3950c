//! The scenarios: concurrent requests and initial states.

use super::{
    request::{Kind, Request},
    table::{INITIAL_OPERATION, Invitation, KEYS, Lock, SLOTS, Table, Time},
};

/// The state before the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum InitialState {
    /// No invitation.
    Nothing,
    /// An invitation that was just sent.
    JustSent,
    /// An invitation that can be resent, and that expires in the next step.
    AboutToExpire,
}

/// Concurrent requests and the state that they find.
#[derive(Debug, Clone)]
pub(super) struct Scenario {
    pub(super) requests: Vec<Request>,
    pub(super) table: Table,
    pub(super) now: Time,
}

/// Every operation with every relevant key.
fn all_requests() -> Vec<Request> {
    let keyed = [Kind::Create, Kind::Resend, Kind::Revoke];
    let with_keys = keyed.into_iter().flat_map(|kind| [None, Some(0), Some(1)].map(|key| Request::new(kind, key)));
    with_keys.chain([Kind::Accept, Kind::Decline].map(|kind| Request::new(kind, None))).collect()
}

impl InitialState {
    fn scenario(self, requests: &[Request]) -> Scenario {
        let mut table = Table { invitations: [None; SLOTS], lock: None, records: [None; KEYS], quota_used: 0 };
        if self != Self::Nothing {
            let invitation = Invitation::new(INITIAL_OPERATION, 0);
            table.lock = Some(Lock { holder: 0, expiry: invitation.expiry });
            table.invitations[0] = Some(invitation);
            table.quota_used = 1;
        }
        Scenario { requests: requests.to_vec(), table, now: if self == Self::AboutToExpire { 1 } else { 0 } }
    }
}

/// Every pair of operations.
pub(super) fn pairs() -> Vec<Scenario> {
    let all = all_requests();
    let pairs = all.iter().flat_map(|first| all.iter().filter(move |second| first <= second).map(move |second| [*first, *second]));
    // Swapping the keys makes no difference.
    let pairs = pairs.filter(|pair| pair.iter().find_map(|request| request.key) != Some(1));
    pairs
        .flat_map(|pair| {
            [InitialState::Nothing, InitialState::JustSent, InitialState::AboutToExpire].map(|initial| initial.scenario(&pair))
        })
        .collect()
}

/// Every three operations without keys, and some with keys.
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
    // The same request twice under one key, and a request of another caller.
    for (twice, other) in [(Create, Create), (Create, Accept), (Resend, Resend), (Resend, Revoke), (Resend, Accept), (Revoke, Create)] {
        triples.push([Request::new(twice, Some(0)), Request::new(twice, Some(0)), Request::new(other, None)]);
    }
    triples.iter().map(|requests| InitialState::AboutToExpire.scenario(requests)).collect()
}
