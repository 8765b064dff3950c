//! Filters of lists: what matches, and which range serves them.

use proptest::prelude::*;
use shared::domain::{
    Email, Invitation, Resource, State,
    email::EmailPrefix,
    page::{Filter, List, Order, Range},
};

use super::support::{any_filter, any_invitation, at, near_time, parsed, pending};

fn filter(state: Option<State>, email: Option<&str>, role: Option<&str>) -> Filter {
    Filter { state, email: email.map(|typed| parsed::<Email>(typed).normalised().clone()), role: role.map(parsed), ..Filter::default() }
}

fn with_prefix(prefix: &str, filter: Filter) -> Filter {
    Filter { email_prefix: Some(parsed(prefix)), ..filter }
}

#[test]
fn the_most_selective_filter_decides_the_range() {
    let (state, email, role) = (State::Revoked, parsed::<Email>("user@example.com"), parsed("full-access"));
    let prefix: EmailPrefix = parsed("user@example.com");
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

        // A prefix follows the address and precedes everything else.
        let filter = Filter { email_prefix: Some(prefix.clone()), ..filter };
        let by_prefix = Range::EmailPrefix(&prefix);
        assert_eq!(filter.range(), if with_email { by_email } else { by_prefix }, "{given:?}");
        assert_eq!(filter.is_range_only(), given == (false, false, false), "{given:?}");

        // No index serves an inviter.
        let filter = Filter { invited_by: Some(parsed("urn:cloudone:identity:ca-1:012345678912:apikey/x")), email_prefix: None, ..filter };
        assert_eq!((filter.range(), filter.is_range_only()), (range, false), "{given:?}");
    }
}

#[test]
fn each_list_has_its_natural_order_unless_another_one_is_requested() {
    let (up, down) = (Order::Ascending, Order::Descending);
    for (filter, natural) in [
        (Filter::default(), down),
        (filter(None, Some("user@example.com"), None), down),
        (filter(None, None, Some("full-access")), down),
        (filter(Some(State::Invited), None, None), up),
        (filter(Some(State::Invited), None, Some("full-access")), up),
        (filter(Some(State::Invited), Some("user@example.com"), None), down),
        (filter(Some(State::Expired), None, None), down),
        (filter(Some(State::Accepted), None, None), down),
        (filter(Some(State::Declined), None, None), down),
        (filter(Some(State::Revoked), None, None), down),
        (with_prefix("user", Filter::default()), up),
        (with_prefix("user", filter(Some(State::Revoked), None, None)), up),
        (with_prefix("user", filter(None, Some("user@example.com"), None)), down),
    ] {
        assert_eq!(List::new(filter.clone(), None).order, natural, "{filter:?}");
        for order in [up, down] {
            assert_eq!(List::new(filter.clone(), Some(order)).order, order);
        }
    }
}

#[test]
fn an_order_is_asc_or_desc() {
    assert_eq!(("asc".parse(), "desc".parse()), (Ok(Order::Ascending), Ok(Order::Descending)));
    for text in ["", "ASC", "Desc", "ascending", "asc ", " desc", "-created", "1"] {
        assert!(text.parse::<Order>().is_err(), "{text:?}");
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
    for (prefix, expected) in [("USER.", true), ("user.one@example.com", true), ("user.one@example.com.au", false), ("ser.one", false)] {
        let filter = with_prefix(prefix, filter(Some(State::Invited), Some("user.one@example.com"), None));
        assert_eq!(filter.matches(&invitation.resource, at(1)), expected, "{prefix}");
    }
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
        filter in any_filter(),
    ) {
        let (resource, email) = (&invitation.resource, invitation.resource.email.normalised());
        let expected = filter.state.is_none_or(|state| state == invitation.state(as_of))
            && filter.email.as_ref().is_none_or(|wanted| wanted == email)
            && filter.email_prefix.as_ref().is_none_or(|prefix| email.as_str().starts_with(prefix.as_str()))
            && filter.role.as_ref().is_none_or(|role| *role == resource.role)
            && filter.invited_by.as_ref().is_none_or(|urn| urn.as_str() == resource.invited_by);
        prop_assert_eq!(filter.matches(&invitation.resource, as_of), expected);
    }

    #[test]
    fn every_invitation_has_exactly_one_state_at_a_time(invitation in any_invitation(), as_of in near_time()) {
        let matching = State::ALL.into_iter().filter(|state| filter(Some(*state), None, None).matches(&invitation.resource, as_of));
        prop_assert_eq!(matching.count(), 1);
    }
}
