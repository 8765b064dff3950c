//! Revoking all open invitations that match.

use proptest::prelude::*;
use shared::domain::settings::AccountSettings;
use shared::domain::{
    Email, State,
    email::NormalisedEmail,
    invitation::{OperationId, Status},
    lifecycle::{Action, Change, modify},
    page::{Order, Range},
    revocation::Revocation,
};

use super::support::{ACCOUNT, any_invitation, at, near_time, operation, parsed, pending, policy, principal};

const INVITER: &str = "urn:cloudone:identity:ca-1:012345678912:apikey/AbCdEfGhIjKl";

fn address(typed: &str) -> NormalisedEmail {
    parsed::<Email>(typed).normalised().clone()
}

#[test]
fn without_anything_to_match_there_is_no_revocation() {
    assert_eq!(Revocation::new(None, None, None), None);
    let of = |invited_by: bool, email: bool, role: bool| {
        Revocation::new(invited_by.then(|| parsed(INVITER)), email.then(|| address("a@b.co")), role.then(|| parsed("r")))
    };
    for (invited_by, email, role) in [(true, false, false), (false, true, false), (false, false, true), (true, true, true)] {
        assert!(of(invited_by, email, role).is_some());
    }
}

#[test]
fn only_open_invitations_are_read_in_an_order_in_which_a_resend_moves_none_to_the_front() {
    let by_address = Revocation::new(Some(parsed(INVITER)), Some(address("a@b.co")), Some(parsed("r"))).expect("all are given");
    assert_eq!(by_address.list().filter.range(), Range::Email(&address("a@b.co")));
    for others in [Revocation::new(Some(parsed(INVITER)), None, None), Revocation::new(None, None, Some(parsed("r")))] {
        let others = others.expect("one is given");
        assert_eq!((others.list().filter.range(), others.list().order), (Range::State(State::Invited), Order::Ascending));
    }
}

#[test]
fn a_revocation_is_the_same_as_one_by_the_account() {
    let (before, now, operation) = (pending(at(0)), at(5000), operation("revoked"));
    let revocation = Revocation::new(Some(parsed(INVITER)), Some(address("User.One@example.com")), Some(parsed("full-access")));
    let by_account =
        modify(&principal(ACCOUNT, "full-access"), &before, &Action::Revoke, &operation, now, &policy(), &AccountSettings::default());
    let after = revocation.expect("all are given").revoke(&before, &operation.id, now).expect("it matches");
    assert_eq!(Ok(Change::Closed(after)), by_account);
}

#[test]
fn an_invitation_is_not_revoked_from_the_millisecond_of_its_expiry_on() {
    let before = pending(at(0));
    let revocation = Revocation::new(None, None, Some(parsed("full-access"))).expect("a role is given");
    let revokes = |now| revocation.revoke(&before, &OperationId::generate(), now).is_some();
    let expiry = before.resource.expiry.as_millis();
    assert_eq!([expiry - 1, expiry, expiry + 1].map(|now| revokes(at(now))), [true, false, false]);
}

proptest! {
    #[test]
    fn exactly_the_open_invitations_that_match_everything_are_revoked(
        before in any_invitation(),
        now in near_time(),
        // For each field: not given, that of another invitation, that of this one.
        given in any::<[Option<bool>; 3]>(),
        other in any_invitation(),
    ) {
        let pick = |own: Option<bool>| own.map(|own| if own { &before.resource } else { &other.resource });
        let [invited_by, email, role] = given.map(pick);
        let revocation = Revocation::new(
            invited_by.map(|of| parsed(&of.invited_by)),
            email.map(|of| of.email.normalised().clone()),
            role.map(|of| of.role.clone()),
        );
        prop_assume!(given != [None; 3]);
        let resource = &before.resource;
        let expected = resource.status == Status::Pending
            && resource.expiry > now
            && invited_by.is_none_or(|of| of.invited_by == resource.invited_by)
            && email.is_none_or(|of| of.email.normalised() == resource.email.normalised())
            && role.is_none_or(|of| of.role == resource.role);
        let after = revocation.expect("one is given").revoke(&before, &OperationId::generate(), now);
        prop_assert_eq!(after.is_some(), expected);
        prop_assert!(after.is_none_or(|after| after.state(now) == State::Revoked));
    }
}
