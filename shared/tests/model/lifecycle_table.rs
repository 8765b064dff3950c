//! The table of states and actions.

use std::collections::BTreeSet;

use shared::domain::settings::AccountSettings;
use shared::domain::{
    Invitation, Principal, Rejected, Resource, State,
    invitation::{Closing, OperationId, Status},
    lifecycle::{Action, Change, Handover, Step, Update, modify, step},
};

use super::support::{ACCOUNT, at, operation, parsed, pending, policy, principal};

/// What an action does in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Nothing,
    Revoke,
    Send,
    Update,
    Closed(Closing),
    Expired,
}

fn table() -> [(State, Action, Effect); 30] {
    use Action::{ForcedResend, Invite, NewLink, Resend, Revoke};
    use Effect::{Closed, Nothing, Send};
    use State::{Accepted, Declined, Expired, Invited, Revoked};
    let update = || Action::Update(Update { role: None, expiry: Some(at(LATER)) });
    [
        (Invited, Resend, Send),
        (Invited, ForcedResend, Send),
        (Invited, NewLink, Send),
        (Invited, Invite, Nothing),
        (Invited, Revoke, Effect::Revoke),
        (Invited, update(), Effect::Update),
        (Expired, Resend, Send),
        (Expired, ForcedResend, Send),
        (Expired, NewLink, Send),
        (Expired, Invite, Send),
        (Expired, Revoke, Effect::Revoke),
        (Expired, update(), Effect::Expired),
        (Revoked, Resend, Closed(Closing::Revoked)),
        (Revoked, ForcedResend, Closed(Closing::Revoked)),
        (Revoked, NewLink, Closed(Closing::Revoked)),
        (Revoked, Invite, Closed(Closing::Revoked)),
        (Revoked, Revoke, Nothing),
        (Revoked, update(), Closed(Closing::Revoked)),
        (Accepted, Resend, Closed(Closing::Accepted)),
        (Accepted, ForcedResend, Closed(Closing::Accepted)),
        (Accepted, NewLink, Closed(Closing::Accepted)),
        (Accepted, Invite, Closed(Closing::Accepted)),
        (Accepted, Revoke, Closed(Closing::Accepted)),
        (Accepted, update(), Closed(Closing::Accepted)),
        (Declined, Resend, Closed(Closing::Declined)),
        (Declined, ForcedResend, Closed(Closing::Declined)),
        (Declined, NewLink, Closed(Closing::Declined)),
        (Declined, Invite, Closed(Closing::Declined)),
        (Declined, Revoke, Closed(Closing::Declined)),
        (Declined, update(), Closed(Closing::Declined)),
    ]
}

/// An hour after the invitation was sent: past every cooldown, before its expiry.
const NOW: i64 = 3_600_000;
/// The expiry that an update requests.
const LATER: i64 = NOW + 86_400_000;

/// An invitation that has a state at [`NOW`].
fn in_state(state: State) -> Invitation {
    let sent = pending(at(0));
    let closed =
        |closing| Invitation { resource: Resource { status: Status::Closed(closing, at(1)), ..sent.resource.clone() }, ..sent.clone() };
    match state {
        State::Invited => sent,
        State::Expired => Invitation { resource: Resource { expiry: at(NOW), ..sent.resource.clone() }, ..sent },
        State::Accepted => closed(Closing::Accepted),
        State::Declined => closed(Closing::Declined),
        State::Revoked => closed(Closing::Revoked),
    }
}

fn caller() -> Principal {
    principal(ACCOUNT, "full-access")
}

#[test]
fn the_table_has_every_pair_of_state_and_action_once() {
    let table = table();
    let cells: BTreeSet<_> = table.iter().map(|(state, action, _)| (*state, action.as_str())).collect();
    let actions: BTreeSet<_> = table.iter().map(|(_, action, _)| action.as_str()).collect();
    assert_eq!(actions, ["forced-resend", "invite", "new-link", "resend", "revoke", "update"].into());
    assert_eq!((cells.len(), table.len()), (State::ALL.len() * actions.len(), State::ALL.len() * actions.len()));
}

#[test]
fn every_state_and_action_leads_to_the_step_in_the_table() {
    for (state, action, effect) in table() {
        let expected = match effect {
            Effect::Nothing => Ok(Step::Nothing),
            Effect::Revoke => Ok(Step::Revoke),
            Effect::Send => Ok(Step::Send {
                handover: if action == Action::NewLink { Handover::Caller } else { Handover::Email },
                forced: action == Action::ForcedResend,
            }),
            Effect::Update => {
                let Action::Update(update) = &action else { panic!("{action:?}") };
                Ok(Step::Update(update))
            }
            Effect::Closed(closing) => Err(Rejected::Closed(closing)),
            Effect::Expired => Err(Rejected::Expired),
        };
        assert_eq!(step(state, &action), expected, "{state} {action:?}");
    }
}

#[test]
fn every_state_and_action_leads_to_the_change_in_the_table() {
    for (state, action, effect) in table() {
        let before = in_state(state);
        assert_eq!(before.state(at(NOW)), state);
        let change = modify(&caller(), &before, &action, &operation("op"), at(NOW), &policy(), &AccountSettings::default());
        let op = || OperationId("op".to_owned());
        match effect {
            Effect::Closed(closing) => assert_eq!(change, Err(Rejected::Closed(closing)), "{state} {action:?}"),
            Effect::Expired => assert_eq!(change, Err(Rejected::Expired), "{state} {action:?}"),
            Effect::Nothing => assert_eq!(change, Ok(Change::Nothing), "{state} {action:?}"),
            Effect::Revoke => {
                assert_eq!(change, Ok(Change::Closed(before.closed(Closing::Revoked, at(NOW), op()))), "{state} {action:?}");
            }
            Effect::Update => {
                let updated = before.updated(before.resource.role.clone(), at(LATER), at(NOW), op());
                assert_eq!(change, Ok(Change::Updated(updated)), "{state} {action:?}");
            }
            Effect::Send => {
                let Ok(Change::Sent(after)) = change else { panic!("{state} {action:?}: {change:?}") };
                assert_eq!(after.state(at(NOW)), State::Invited, "it is invited again");
            }
        }
    }
}

#[test]
fn repeating_a_revocation_or_an_invite_succeeds_without_a_change() {
    let again = |before: &Invitation, action| {
        modify(&caller(), before, &action, &operation("again"), at(NOW), &policy(), &AccountSettings::default())
    };
    let Ok(Change::Closed(revoked)) = again(&in_state(State::Invited), Action::Revoke) else { panic!("it can be revoked") };
    assert_eq!(again(&revoked, Action::Revoke), Ok(Change::Nothing));
    let Ok(Change::Sent(invited)) = again(&in_state(State::Expired), Action::Invite) else { panic!("it can be invited again") };
    assert_eq!(again(&invited, Action::Invite), Ok(Change::Nothing));
}

#[test]
fn a_rejection_names_the_state_and_the_remedy() {
    for (closing, state) in [(Closing::Accepted, "accepted"), (Closing::Declined, "declined"), (Closing::Revoked, "revoked")] {
        let expected = format!("the invitation is already {state}; create a new one to invite again");
        assert_eq!(Rejected::Closed(closing).to_string(), expected);
    }
}

#[test]
fn a_state_is_read_by_its_exact_name() {
    for state in State::ALL {
        assert_eq!(parsed::<State>(state.as_str()), state);
        assert_eq!(state.to_string(), state.as_str());
        assert!(state.as_str().to_uppercase().parse::<State>().is_err());
    }
    let error = "pending".parse::<State>().expect_err("the stored name is not the public one").to_string();
    assert_eq!(error, "'pending' is not a state: invited, accepted, declined, revoked, expired");
    for text in ["", " invited", "invited ", "inviteD", "open"] {
        assert!(text.parse::<State>().is_err(), "{text:?}");
    }
}
