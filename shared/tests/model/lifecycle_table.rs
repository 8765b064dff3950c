//! The table of states and actions.

use std::collections::BTreeSet;

use shared::domain::{
    Invitation, Principal, Rejected, Resource, State,
    invitation::{Closing, OperationId, Status},
    lifecycle::{Action, Change, Step, modify, step},
};

use super::support::{ACCOUNT, at, operation, parsed, pending, policy, principal};

const TABLE: [(State, Action, Result<Step, Closing>); 20] = {
    use Action::{ForcedResend, Invite, Resend, Revoke};
    use State::{Accepted, Declined, Expired, Invited, Revoked};
    [
        (Invited, Resend, Ok(Step::Send)),
        (Invited, ForcedResend, Ok(Step::Send)),
        (Invited, Invite, Ok(Step::Nothing)),
        (Invited, Revoke, Ok(Step::Revoke)),
        (Expired, Resend, Ok(Step::Send)),
        (Expired, ForcedResend, Ok(Step::Send)),
        (Expired, Invite, Ok(Step::Send)),
        (Expired, Revoke, Ok(Step::Revoke)),
        (Revoked, Resend, Err(Closing::Revoked)),
        (Revoked, ForcedResend, Err(Closing::Revoked)),
        (Revoked, Invite, Err(Closing::Revoked)),
        (Revoked, Revoke, Ok(Step::Nothing)),
        (Accepted, Resend, Err(Closing::Accepted)),
        (Accepted, ForcedResend, Err(Closing::Accepted)),
        (Accepted, Invite, Err(Closing::Accepted)),
        (Accepted, Revoke, Err(Closing::Accepted)),
        (Declined, Resend, Err(Closing::Declined)),
        (Declined, ForcedResend, Err(Closing::Declined)),
        (Declined, Invite, Err(Closing::Declined)),
        (Declined, Revoke, Err(Closing::Declined)),
    ]
};

/// An hour after the invitation was sent: past every cooldown, before its expiry.
const NOW: i64 = 3_600_000;

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
    let cells: BTreeSet<_> = TABLE.iter().map(|(state, action, _)| (*state, action.as_str())).collect();
    assert_eq!(cells.len(), State::ALL.len() * Action::ALL.len());
    let names = Action::ALL.map(Action::as_str);
    assert_eq!(names, ["resend", "forced-resend", "invite", "revoke"]);
}

#[test]
fn every_state_and_action_leads_to_the_step_in_the_table() {
    for (state, action, expected) in TABLE {
        assert_eq!(step(state, action), expected.map_err(Rejected::Closed), "{state} {action:?}");
    }
}

#[test]
fn every_state_and_action_leads_to_the_change_in_the_table() {
    for (state, action, expected) in TABLE {
        let before = in_state(state);
        assert_eq!(before.state(at(NOW)), state);
        let change = modify(&caller(), &before, action, &operation("op"), at(NOW), &policy());
        match expected {
            Err(closing) => assert_eq!(change, Err(Rejected::Closed(closing)), "{state} {action:?}"),
            Ok(Step::Nothing) => assert_eq!(change, Ok(Change::Nothing), "{state} {action:?}"),
            Ok(Step::Revoke) => {
                assert_eq!(
                    change,
                    Ok(Change::Closed(before.closed(Closing::Revoked, at(NOW), OperationId("op".to_owned())))),
                    "{state} {action:?}"
                );
            }
            Ok(Step::Send) => {
                let Ok(Change::Sent(after)) = change else { panic!("{state} {action:?}: {change:?}") };
                assert_eq!(after.state(at(NOW)), State::Invited, "it is invited again");
            }
        }
    }
}

#[test]
fn repeating_a_revocation_or_an_invite_succeeds_without_a_change() {
    let again = |before: &Invitation, action| modify(&caller(), before, action, &operation("again"), at(NOW), &policy());
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
