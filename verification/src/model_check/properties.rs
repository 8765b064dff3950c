//! The invariants of the protocol.

use stateright::{Model, Property};

use super::{
    client::Phase,
    state::{Protocol, SystemState},
    table::{Invitation, KEYS},
};

/// All invariants.
pub(super) fn all() -> Vec<Property<Protocol>> {
    vec![
        Property::always("At most one invitation of an address is open", |_, state: &SystemState| open(state).count() <= 1),
        Property::always("An open invitation holds the lock until it expires", |_, state: &SystemState| {
            open(state)
                .all(|(slot, invitation)| state.table.lock.is_some_and(|lock| lock.holder == slot && lock.expiry == invitation.expiry))
        }),
        Property::always("A closed invitation stays closed", |_, state: &SystemState| !state.observed.reopened),
        Property::always("An invitation is accepted in time, by its latest link, and while no other is open", |_, state: &SystemState| {
            !state.observed.wrongly_accepted
        }),
        Property::always(
            "A success has an effect of its operation or its key, or the state was reached already",
            |_, state: &SystemState| !state.observed.false_success,
        ),
        Property::always("No caller is refused because of its own effect or that of its key", |_, state: &SystemState| {
            !state.observed.wrongly_refused
        }),
        Property::always("An operation has at most one effect", |_, state: &SystemState| {
            state.observed.effects.iter().all(|effects| *effects <= 1)
        }),
        Property::always("An idempotency key has at most one effect", |_, state: &SystemState| {
            (0..KEYS).all(|key| effects_under(state, key) <= 1)
        }),
        Property::always("Every send is counted exactly once", |_, state: &SystemState| {
            let sends: u8 = invitations(state).map(|(_, invitation)| invitation.sends).sum();
            state.table.quota_used == sends
        }),
        Property::always("No deadlock: every caller gets a response or crashes", |model: &Protocol, state: &SystemState| {
            let ended = |phase: Phase| matches!(phase, Phase::Done(_) | Phase::Crashed);
            state.clients.iter().all(|client| ended(client.phase)) || !model.next_states(state).is_empty()
        }),
    ]
}

fn invitations(state: &SystemState) -> impl Iterator<Item = (usize, &Invitation)> {
    state.table.invitations.iter().enumerate().filter_map(|(slot, invitation)| Some((slot, invitation.as_ref()?)))
}

fn open(state: &SystemState) -> impl Iterator<Item = (usize, &Invitation)> {
    invitations(state).filter(|(_, invitation)| invitation.is_open(state.now))
}

fn effects_under(state: &SystemState, key: usize) -> u8 {
    let users = state.clients.iter().zip(state.observed.effects).filter(|(client, _)| client.request.key == Some(key));
    users.map(|(_, effects)| effects).sum()
}
