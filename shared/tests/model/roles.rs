//! Roles as configuration (T14).

use proptest::prelude::*;
use shared::{
    config::DEFAULT_ROLES,
    domain::{Permission, RoleId, Roles},
};

use super::support::{any_role, parsed};

const PERMISSIONS: [Permission; 3] = [Permission::Read, Permission::Create, Permission::Modify];

fn can(roles: &Roles, role: &str) -> Vec<String> {
    let role = roles.get(&parsed(role));
    PERMISSIONS.into_iter().filter(|permission| role.can(*permission)).map(|permission| permission.to_string()).collect()
}

#[test]
fn the_default_roles_are_those_of_the_contract() {
    let roles: Roles = parsed(DEFAULT_ROLES);
    assert_eq!(roles.names().map(RoleId::as_str).collect::<Vec<_>>(), ["full-access", "read-only"]);
    assert_eq!(can(&roles, "full-access"), ["invitations:read", "invitations:create", "invitations:modify"]);
    assert_eq!(can(&roles, "read-only"), ["invitations:read"]);
    for role in ["full-access", "read-only", "any-other"] {
        assert!(roles.get(&parsed("full-access")).may_grant(&parsed(role)), "{role}");
        assert!(!roles.get(&parsed("read-only")).may_grant(&parsed(role)), "{role}");
    }
}

#[test]
fn an_unconfigured_role_can_do_nothing_and_grant_nothing() {
    let roles: Roles = parsed(DEFAULT_ROLES);
    for role in ["unknown", "full-acces", "full-access-2", "-"] {
        assert!(!roles.contains(&parsed(role)));
        assert!(can(&roles, role).is_empty());
        assert!(!roles.get(&parsed(role)).may_grant(&parsed(role)));
        assert!(!roles.get(&parsed(role)).may_grant(&parsed("read-only")));
    }
    assert!(roles.contains(&parsed("full-access")));
}

#[test]
fn a_role_grants_exactly_the_roles_it_names_and_a_star_means_all() {
    let roles: Roles = parsed(
        r#"{ "lead": { "can": ["invitations:create"], "mayGrant": ["member", "guest"] },
             "root": { "can": [], "mayGrant": ["guest", "*"] } }"#,
    );
    let grants = |role: &str, other: &str| roles.get(&parsed(role)).may_grant(&parsed(other));
    assert!(grants("lead", "member") && grants("lead", "guest"));
    assert!(!grants("lead", "lead") && !grants("lead", "root") && !grants("lead", "members"));
    assert!(grants("root", "root") && grants("root", "anything"));
    assert_eq!(can(&roles, "lead"), ["invitations:create"]);
    assert!(can(&roles, "root").is_empty(), "the right to grant gives no permission");
}

#[test]
fn configured_roles_replace_the_default_ones() {
    let roles: Roles = parsed(r#"{ "only": { "can": ["invitations:read"], "mayGrant": [] } }"#);
    assert!(!roles.contains(&parsed("full-access")));
    assert!(parsed::<Roles>("{}").names().next().is_none());
}

#[test]
fn a_mistake_in_the_roles_is_an_error_that_names_it() {
    for (json, named) in [
        ("", "EOF"),
        ("[]", "invalid type: sequence"),
        (r#"{"a": {"can": [], "mayGrant": []}"#, "EOF"),
        (r#"{"a": {"can": [], "mayGrant": []}} x"#, "trailing characters"),
        (r#"{"a": {"can": ["invitations:write"], "mayGrant": []}}"#, "invitations:write"),
        (r#"{"a": {"can": ["*"], "mayGrant": []}}"#, "unknown variant `*`"),
        (r#"{"a": {"can": ["Invitations:Read"], "mayGrant": []}}"#, "Invitations:Read"),
        (r#"{"a": {"can": [], "mayGrant": [], "admin": true}}"#, "unknown field `admin`"),
        (r#"{"a": {"can": [], "maygrant": []}}"#, "unknown field `maygrant`"),
        (r#"{"a": {"can": []}}"#, "missing field `mayGrant`"),
        (r#"{"a": {"mayGrant": []}}"#, "missing field `can`"),
        (r#"{"a": {"can": [], "can": [], "mayGrant": []}}"#, "duplicate field `can`"),
        (r#"{"a": {"can": "invitations:read", "mayGrant": []}}"#, "invalid type: string"),
        (r#"{"a": {"can": [], "mayGrant": "*"}}"#, "invalid type: string"),
        (r#"{"a": {"can": [], "mayGrant": ["Full Access"]}}"#, "'Full Access' is not a role id"),
        (r#"{"Full Access": {"can": [], "mayGrant": []}}"#, "'Full Access' is not a role id"),
        (r#"{"": {"can": [], "mayGrant": []}}"#, "'' is not a role id"),
        (r#"{"a": null}"#, "invalid type: null"),
    ] {
        let error = json.parse::<Roles>().expect_err(json).to_string();
        assert!(error.contains(named), "{json}: {error}");
    }
}

#[test]
fn a_role_id_is_1_to_64_lower_case_letters_digits_and_hyphens() {
    let longest = "a".repeat(64);
    for text in ["a", "0", "-", "full-access", "read-only", "a-0-", &longest] {
        assert_eq!(parsed::<RoleId>(text).as_str(), text);
    }
    let too_long = "a".repeat(65);
    for text in ["", "A", "Full-access", "full_access", "full access", "a#b", "a~", "é", "а", "a\n", " a", "*", &too_long] {
        let error = text.parse::<RoleId>().expect_err(text).to_string();
        assert!(
            error.ends_with("is not a role id: it must have 1 to 64 characters from a-z, 0-9 and -") && !error.contains('\n'),
            "{error}"
        );
    }
}

proptest! {
    #[test]
    fn every_role_id_round_trips(role in any_role()) {
        prop_assert_eq!(parsed::<RoleId>(role.as_str()), role);
    }

    #[test]
    fn arbitrary_text_causes_no_panic(text in prop_oneof![any::<String>(), "[\\[\\]{}\":,a-z*]{0,40}"]) {
        let _: (Result<RoleId, _>, Result<Roles, _>) = (text.parse(), text.parse());
    }

    #[test]
    fn a_role_grants_exactly_what_it_names(named in prop::collection::vec(any_role(), 0..4), asked in any_role()) {
        let json = format!(r#"{{"own": {{"can": [], "mayGrant": {:?}}}}}"#, named.iter().map(RoleId::as_str).collect::<Vec<_>>());
        prop_assert_eq!(parsed::<Roles>(&json).get(&parsed("own")).may_grant(&asked), named.contains(&asked));
    }
}
