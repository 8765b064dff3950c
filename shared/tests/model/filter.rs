//! Filters of lists: what matches, and which range serves them.

use proptest::prelude::*;
use shared::domain::{
    Email, Invitation, Resource, State,
    page::{Filter, Range},
};

use super::support::{any_email, any_invitation, any_role, at, near_time, parsed, pending};

fn filter(state: Option<State>, email: Option<&str>, role: Option<&str>) -> Filter {
    Filter { state, email: email.map(|typed| parsed::<Email>(typed).normalised().clone()), role: role.map(parsed) }
}

#[test]
fn the_most_selective_filter_decides_the_range() {
    let (state, email, role) = (State::Revoked, parsed::<Email>("user@example.com"), parsed("full-access"));
    let (by_email, by_state, by_role) = (Range::Email(email.normalised()), Range::State(state), Range::Role(&role));
    for (given, range, alone) in [
        ((false, false, false), Range::All, true),
        ((true, false, false), by_state, true),
        ((false, true, false), by_email, true),
        ((false, false, true), by_role, true),
        ((true, true, false), by_email, false),
        ((false, true, true), by_email, false),
        ((true, false, true), by_state, false),
        ((true, true, true), by_email, false),
    ] {
        let (with_state, with_email, with_role) = given;
        let filter = filter(with_state.then_some(state), with_email.then_some("User@Example.com"), with_role.then_some("full-access"));
        assert_eq!(filter.range(), range, "{given:?}");
        assert_eq!(filter.is_range_only(), alone, "{given:?}");
    }
}

#[test]
fn an_invitation_matches_when_every_given_part_does() {
    let invitation = pending(at(0));
    let matches = |state, email, role| filter(state, email, role).matches(&invitation.resource, at(1));
    assert!(matches(None, None, None));
    assert!(matches(Some(State::Invited), Some("USER.ONE@example.com"), Some("full-access")));
    assert!(!matches(Some(State::Expired), Some("user.one@example.com"), Some("full-access")));
    assert!(!matches(Some(State::Invited), Some("user.two@example.com"), Some("full-access")));
    assert!(!matches(Some(State::Invited), Some("user.one@example.com"), Some("read-only")));
    assert!(!matches(None, None, Some("read-only")));
}

#[test]
fn invited_ends_and_expired_begins_at_the_millisecond_of_the_expiry() {
    let invitation = Invitation { resource: Resource { expiry: at(5000), ..pending(at(0)).resource }, ..pending(at(0)) };
    for (as_of, state) in [(4999, State::Invited), (5000, State::Expired), (5001, State::Expired)] {
        for asked in State::ALL {
            assert_eq!(filter(Some(asked), None, None).matches(&invitation.resource, at(as_of)), asked == state, "{asked} at {as_of}");
        }
    }
}

proptest! {
    #[test]
    fn an_invitation_matches_exactly_the_filters_that_hold_for_it(
        invitation in any_invitation(),
        as_of in near_time(),
        state in prop::option::of(prop::sample::select(State::ALL.to_vec())),
        email in prop::option::of(any_email()),
        role in prop::option::of(any_role()),
    ) {
        let expected = state.is_none_or(|state| state == invitation.state(as_of))
            && email.as_ref().is_none_or(|email| email.normalised() == invitation.resource.email.normalised())
            && role.as_ref().is_none_or(|role| *role == invitation.resource.role);
        let filter = Filter { state, email: email.map(|email| email.normalised().clone()), role };
        prop_assert_eq!(filter.matches(&invitation.resource, as_of), expected);
    }

    #[test]
    fn every_invitation_has_exactly_one_state_at_a_time(invitation in any_invitation(), as_of in near_time()) {
        let matching = State::ALL.into_iter().filter(|state| filter(Some(*state), None, None).matches(&invitation.resource, as_of));
        prop_assert_eq!(matching.count(), 1);
    }
}
