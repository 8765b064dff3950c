//! Who may accept and decline, in which state (T7).

use shared::domain::{
    Invitation, Rejected, Resource,
    invitation::{Closing, OperationId},
    invitee::VerifiedInvitee,
    lifecycle::{
        DecisionRequest,
        InviteeDecision::{self, Accept, Decline},
        decide,
    },
    settings::{AccountSettings, Binding},
};

use super::support::{ACCOUNT, at, parsed, pending, principal};

const INVITED: &str = "User.One@EXAMPLE.com";

/// The settings of an account with a binding.
fn bound(binding: Binding) -> AccountSettings {
    AccountSettings { binding, ..AccountSettings::default() }
}

fn operation() -> OperationId {
    OperationId("op".to_owned())
}

/// The result of a decision by the holder of the link, with the binding `bearer`.
fn by_holder(before: &Invitation, decision: InviteeDecision, now: i64) -> Result<Option<Invitation>, Rejected> {
    decide(before, &decision.into(), None, &bound(Binding::Bearer), &operation(), at(now))
}

/// The result of a decision for a person whom a host application with this role has signed in, with the binding `email`.
fn by_host(before: &Invitation, decision: InviteeDecision, role: &str, id: &str, email: &str) -> Result<Option<Invitation>, Rejected> {
    let (host, email) = (principal(ACCOUNT, role), parsed(email));
    decide(before, &decision.into(), Some(&VerifiedInvitee::of_host(&host, id, &email)), &bound(Binding::Email), &operation(), at(2))
}

/// An open invitation, and what becomes of it.
fn states() -> [(&'static str, Invitation); 6] {
    let open = pending(at(0));
    let closed = |closing| open.closed(closing, at(1), operation());
    let accepted_by = |id: &str| {
        let closed = closed(Closing::Accepted);
        Invitation { resource: Resource { accepted_by: Some(id.to_owned()), ..closed.resource.clone() }, ..closed }
    };
    let expired = Invitation { resource: Resource { expiry: at(2), ..open.resource.clone() }, ..open.clone() };
    [
        ("open", open.clone()),
        ("expired", expired),
        ("accepted by user-1", accepted_by("user-1")),
        ("accepted by nobody known", closed(Closing::Accepted)),
        ("declined", closed(Closing::Declined)),
        ("revoked", closed(Closing::Revoked)),
    ]
}

#[test]
fn an_invitee_can_answer_an_open_invitation_and_repeat_the_answer() {
    let open = pending(at(0));
    for given in InviteeDecision::ALL {
        let Ok(Some(closed)) = by_holder(&open, given, 1) else { panic!("it is open") };
        assert_eq!(closed, open.closed(given.closing(), at(1), operation()));
        for again in InviteeDecision::ALL {
            let expected = if again == given { Ok(None) } else { Err(Rejected::Closed(given.closing())) };
            assert_eq!(by_holder(&closed, again, 2), expected);
        }
    }
    let expired = Invitation { resource: Resource { expiry: at(10), ..open.resource.clone() }, ..open.clone() };
    let revoked = open.closed(Closing::Revoked, at(1), operation());
    for given in InviteeDecision::ALL {
        assert_eq!(by_holder(&expired, given, 10), Err(Rejected::Expired));
        assert_eq!(by_holder(&revoked, given, 2), Err(Rejected::Closed(Closing::Revoked)));
    }
}

#[test]
fn t7_an_invitation_accepted_by_one_principal_is_closed_to_others() {
    let accept = |before: &Invitation, id| by_host(before, Accept, "full-access", id, INVITED);
    let Ok(Some(closed)) = accept(&pending(at(0)), "user-1") else { panic!("it is open") };
    assert_eq!(closed.resource.accepted_by.as_deref(), Some("user-1"));
    assert_eq!(accept(&closed, "user-1"), Ok(None));
    assert_eq!(accept(&closed, "user-2"), Err(Rejected::Closed(Closing::Accepted)));
}

#[test]
fn t7_with_the_binding_email_the_link_alone_decides_nothing() {
    for (state, before) in states() {
        for decision in InviteeDecision::ALL {
            let decided = |binding| decide(&before, &decision.into(), None, &bound(binding), &operation(), at(2));
            let expected = if state == "open" { Err(Rejected::SignInRequired) } else { decided(Binding::Bearer) };
            assert_eq!(decided(Binding::Email), expected, "{state}, {decision:?}");
        }
    }
}

#[test]
fn t7_another_address_is_rejected_first_in_every_state_and_with_every_role() {
    for (state, before) in states() {
        for decision in InviteeDecision::ALL {
            for role in ["full-access", "read-only"] {
                for email in ["user.two@example.com", "user.one@example.com.evil.example", "user.one@exampl.com"] {
                    assert_eq!(by_host(&before, decision, role, "user-1", email), Err(Rejected::WrongInvitee), "{state}, {decision:?}");
                }
            }
        }
    }
}

#[test]
fn t14_a_host_application_accepts_only_a_role_that_it_may_grant_and_declines_any() {
    let not_grantable = Rejected::RoleNotGrantable { role: parsed("full-access"), own: parsed("read-only") };
    for (state, before) in states() {
        let of = |role, decision| by_host(&before, decision, role, "user-1", INVITED);
        assert_eq!(of("read-only", Accept), Err(not_grantable.clone()), "{state}");
        assert_eq!(of("read-only", Decline), of("full-access", Decline), "{state}");
    }
}

#[test]
fn a_verified_person_decides_in_exactly_these_states() {
    let results = states().map(|(state, before)| {
        let summary = |result: Result<Option<Invitation>, Rejected>| match result {
            Ok(None) => "unchanged".to_owned(),
            Ok(Some(after)) => format!("{}, by {:?}", after.state(at(2)), after.resource.accepted_by),
            Err(rejected) => format!("{rejected:?}"),
        };
        let of = |decision| summary(by_host(&before, decision, "full-access", "user-1", INVITED));
        (state, of(Accept), of(Decline))
    });
    let expected = [
        ("open", "accepted, by Some(\"user-1\")", "declined, by None"),
        ("expired", "Expired", "Expired"),
        ("accepted by user-1", "unchanged", "Closed(Accepted)"),
        ("accepted by nobody known", "Closed(Accepted)", "Closed(Accepted)"),
        ("declined", "Closed(Declined)", "unchanged"),
        ("revoked", "Closed(Revoked)", "Closed(Revoked)"),
    ];
    assert_eq!(results, expected.map(|(state, accept, decline)| (state, accept.to_owned(), decline.to_owned())));
}

/// The role may have been raised, or lowered, after the page showed it.
#[test]
fn t14_an_acceptance_that_names_another_role_than_the_invitation_has_is_rejected() {
    let shown = |decision, role: &str| DecisionRequest { decision, shown: Some(parsed(role)) };
    for (state, before) in states() {
        let decided = |request: &DecisionRequest| decide(&before, request, None, &bound(Binding::Bearer), &operation(), at(2));
        let without = |decision: InviteeDecision| decided(&decision.into());
        assert_eq!(decided(&shown(Accept, "full-access")), without(Accept), "{state}");
        let expected = if state == "open" { Err(Rejected::RoleChanged { role: parsed("full-access") }) } else { without(Accept) };
        assert_eq!(decided(&shown(Accept, "read-only")), expected, "{state}");
        // Declining grants nothing.
        assert_eq!(decided(&shown(Decline, "read-only")), without(Decline), "{state}");
    }
}
