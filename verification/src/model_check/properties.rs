//! What holds at every moment.

use stateright::{Model, Property};

use super::{
    client::Phase,
    state::{Moment, Protocol},
    table::{Invitation, KEYS},
};

/// All of it.
pub(super) fn all() -> Vec<Property<Protocol>> {
    vec![
        Property::always("At most one invitation of an address is open", |_, moment: &Moment| open(moment).count() <= 1),
        Property::always("An open invitation holds the lock, until its own expiry", |_, moment: &Moment| {
            open(moment)
                .all(|(place, invitation)| moment.table.lock.is_some_and(|lock| lock.holder == place && lock.expiry == invitation.expiry))
        }),
        Property::always("What is closed stays closed", |_, moment: &Moment| !moment.seen.reopened),
        Property::always("An invitation is accepted in time, by its last link, and while no other is open", |_, moment: &Moment| {
            !moment.seen.wrongly_accepted
        }),
        Property::always("A success is the caller's own, or that of his key, or there already", |_, moment: &Moment| {
            !moment.seen.unfounded
        }),
        Property::always("Nobody is refused for what he has done himself, or under his key", |_, moment: &Moment| !moment.seen.denied),
        Property::always("An operation has one effect at most", |_, moment: &Moment| {
            moment.seen.effects.iter().all(|effects| *effects <= 1)
        }),
        Property::always("An idempotency key has one effect at most", |_, moment: &Moment| {
            (0..KEYS).all(|key| effects_under(moment, key) <= 1)
        }),
        Property::always("Every sending is counted, once", |_, moment: &Moment| {
            let sends: u8 = invitations(moment).map(|(_, invitation)| invitation.sends).sum();
            moment.table.sendings == sends
        }),
        Property::always("It ends only when every caller has an answer or is gone", |model: &Protocol, moment: &Moment| {
            let ended = |phase: Phase| matches!(phase, Phase::Done(_) | Phase::Crashed);
            moment.clients.iter().all(|client| ended(client.phase)) || !model.next_states(moment).is_empty()
        }),
    ]
}

fn invitations(moment: &Moment) -> impl Iterator<Item = (usize, &Invitation)> {
    moment.table.invitations.iter().enumerate().filter_map(|(place, invitation)| Some((place, invitation.as_ref()?)))
}

fn open(moment: &Moment) -> impl Iterator<Item = (usize, &Invitation)> {
    invitations(moment).filter(|(_, invitation)| invitation.is_open(moment.now))
}

fn effects_under(moment: &Moment, key: usize) -> u8 {
    let users = moment.clients.iter().zip(moment.seen.effects).filter(|(client, _)| client.request.key == Some(key));
    users.map(|(_, effects)| effects).sum()
}
