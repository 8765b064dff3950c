//! Configuration.

use std::time::Duration;

use shared::{
    config::{Config, ConfigError, read_default_settings, read_send_policy},
    domain::{RoleId, lifecycle::SendPolicy, link::LinkKeys, settings::AccountSettings},
};

use super::support::{ACCOUNT, ID, LINK_SECRET, parsed};

const DAY: u64 = 86_400;

fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::read(&|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
}

fn policy(variables: &[(&str, &str)]) -> Result<SendPolicy, ConfigError> {
    read_send_policy(&|name| {
        let given = variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        given.or_else(|| (name == "LINK_KEYS").then(|| LINK_SECRET.to_owned()))
    })
}

/// The URN of an invitation with a configuration.
fn urn(variables: &[(&str, &str)]) -> String {
    let all = [&[("TABLE_NAME", "table")], variables].concat();
    config(&all).expect("well-formed").urns.invitation(&parsed(ACCOUNT), parsed(ID))
}

#[test]
fn only_the_table_name_is_required() {
    let config = config(&[("TABLE_NAME", "invitations")]).expect("well-formed");
    assert_eq!(config.table, "invitations");
    assert_eq!(config.maintenance, None);
    assert_eq!(config.roles.names().map(RoleId::as_str).collect::<Vec<_>>(), ["full-access", "read-only"]);
}

#[test]
fn the_limits_on_sending_have_the_defaults_of_the_contract() {
    let policy = policy(&[]).expect("well-formed");
    assert_eq!(policy.limits.lifetime, Duration::from_secs(7 * DAY));
    assert_eq!(policy.limits.max_lifetime, Duration::from_secs(30 * DAY));
    assert_eq!(policy.limits.cooldown, Duration::from_secs(60));
    assert_eq!((policy.limits.max_sends, policy.limits.quota), (10, 500));
    assert_eq!(policy.limits.quota_window, Duration::from_secs(3600));
    assert_eq!(policy.retention, Some(Duration::from_secs(400 * DAY)));
}

#[test]
fn every_variable_takes_effect() {
    let policy = policy(&[
        ("INVITATION_LIFETIME_SECONDS", "7200"),
        ("INVITATION_MAX_LIFETIME_SECONDS", "10000"),
        ("RESEND_COOLDOWN_SECONDS", "0"),
        ("MAX_SENDS", "3"),
        ("SEND_QUOTA", "7"),
        ("SEND_QUOTA_WINDOW_SECONDS", "60"),
        ("RETENTION_DAYS", "1"),
        ("LINK_KEYS", "ABCDEF0123456789abcdef0123456789"),
    ])
    .expect("well-formed");
    assert_eq!(
        (policy.limits.lifetime.as_secs(), policy.limits.max_lifetime.as_secs(), policy.limits.cooldown.as_secs()),
        (7200, 10_000, 0)
    );
    assert_eq!((policy.limits.max_sends, policy.limits.quota, policy.limits.quota_window.as_secs()), (3, 7, 60));
    assert_eq!(policy.retention, Some(Duration::from_secs(DAY)));
    let keys: LinkKeys = parsed("ABCDEF0123456789abcdef0123456789");
    let link = |keys: &LinkKeys| keys.link(&parsed(ACCOUNT), parsed(ID), 1, [0; 16]);
    assert_eq!(link(&policy.link_keys), link(&keys));

    let config =
        config(&[("TABLE_NAME", "t"), ("ROLES", r#"{"own": {"can": [], "mayGrant": []}}"#), ("MAINTENANCE_RETRY_AFTER_SECONDS", "120")])
            .expect("well-formed");
    assert!(config.roles.contains(&parsed("own")) && !config.roles.contains(&parsed("full-access")));
    assert_eq!(config.maintenance, Some(Duration::from_secs(120)));
}

#[test]
fn urns_have_the_configured_namespace_and_region_or_the_functions_region() {
    let rest = "012345678912:invitation/3FDCA1955AE7EB167B25D7D90AC02B9F";
    assert_eq!(urn(&[("AWS_REGION", "ca-central-1")]), format!("urn:cloudone:identity:ca-central-1:{rest}"));
    assert_eq!(urn(&[("AWS_REGION", "ca-central-1"), ("URN_REGION", "ca-1")]), format!("urn:cloudone:identity:ca-1:{rest}"));
    assert_eq!(urn(&[("URN_NAMESPACE", "acme"), ("URN_REGION", "eu")]), format!("urn:acme:identity:eu:{rest}"));
}

#[test]
fn an_empty_variable_counts_as_absent() {
    let policy = policy(&[("MAX_SENDS", ""), ("SEND_QUOTA", "  "), ("RETENTION_DAYS", "")]).expect("well-formed");
    assert_eq!((policy.limits.max_sends, policy.limits.quota), (10, 500));
    assert!(config(&[("TABLE_NAME", "t"), ("ROLES", ""), ("URN_REGION", "")]).is_ok());
    for table in ["", " "] {
        assert_eq!(config(&[("TABLE_NAME", table)]).expect_err("empty").0, ["TABLE_NAME must be set"]);
    }
}

#[test]
fn zero_turns_maintenance_off_and_retains_for_ever() {
    let config = config(&[("TABLE_NAME", "t"), ("MAINTENANCE_RETRY_AFTER_SECONDS", "0")]).expect("well-formed");
    assert_eq!(config.maintenance, None);
    assert_eq!(policy(&[("RETENTION_DAYS", "0")]).expect("well-formed").retention, None);
}

#[test]
fn numbers_are_accepted_within_their_bounds_only() {
    for (name, least, most) in [
        ("INVITATION_LIFETIME_SECONDS", 60, 3650 * DAY),
        ("INVITATION_MAX_LIFETIME_SECONDS", 3600, 3650 * DAY),
        ("RESEND_COOLDOWN_SECONDS", 0, DAY),
        ("MAX_SENDS", 1, 20),
        ("SEND_QUOTA", 1, u64::from(u32::MAX)),
        ("SEND_QUOTA_WINDOW_SECONDS", 1, 30 * DAY),
        ("RETENTION_DAYS", 0, 36_500),
    ] {
        for good in [least, most] {
            assert!(policy(&[(name, &good.to_string())]).is_ok(), "{name} {good}");
        }
        let too_small = if least == 0 { "-1".to_owned() } else { (least - 1).to_string() };
        for bad in [&too_small, &(most + 1).to_string(), "ten", "1.5", "1e3", "0x10", "99999999999999999999999"] {
            let error = policy(&[(name, bad)]).expect_err(bad);
            assert_eq!(error.0, [format!("{name} must be an integer from {least} to {most}, not '{bad}'")]);
        }
    }
    assert!(config(&[("TABLE_NAME", "t"), ("MAINTENANCE_RETRY_AFTER_SECONDS", "86401")]).is_err());
}

#[test]
fn the_default_lifetime_is_capped_by_the_maximum() {
    let longest = ("INVITATION_MAX_LIFETIME_SECONDS", "86400");
    for variables in [&[longest][..], &[longest, ("INVITATION_LIFETIME_SECONDS", "604800")]] {
        let policy = policy(variables).expect("well-formed");
        assert_eq!((policy.limits.lifetime, policy.limits.max_lifetime), (Duration::from_secs(DAY), Duration::from_secs(DAY)));
    }
}

#[test]
fn every_problem_is_named_at_once() {
    let error = config(&[("ROLES", "{"), ("MAINTENANCE_RETRY_AFTER_SECONDS", "soon")]).expect_err("three problems");
    assert_eq!(error.0.len(), 3, "{error}");
    for name in ["TABLE_NAME must be set", "ROLES: ", "MAINTENANCE_RETRY_AFTER_SECONDS must be"] {
        assert!(error.to_string().contains(name), "{error}");
    }

    let names = [
        "INVITATION_LIFETIME_SECONDS",
        "INVITATION_MAX_LIFETIME_SECONDS",
        "RESEND_COOLDOWN_SECONDS",
        "MAX_SENDS",
        "SEND_QUOTA",
        "SEND_QUOTA_WINDOW_SECONDS",
        "RETENTION_DAYS",
        "LINK_KEYS",
    ];
    let error = policy(&names.map(|name| (name, "x"))).expect_err("all wrong");
    assert_eq!(error.0.len(), names.len(), "{error}");
    for name in names {
        assert!(error.0.iter().any(|problem| problem.starts_with(name)), "{name}: {error}");
    }
    assert!(error.to_string().starts_with("configuration: "), "{error}");
}

#[test]
fn link_keys_are_required_and_an_error_does_not_repeat_them() {
    let none = read_send_policy(&|_| None).expect_err("required");
    assert!(none.0.len() == 1 && none.0[0].starts_with("LINK_KEYS: must be secret"), "{none}");
    let secret = "a-secret-with-a-typo!";
    for keys in [secret.to_owned(), format!("{LINK_SECRET},{secret}"), format!("{secret},{LINK_SECRET}")] {
        let error = policy(&[("LINK_KEYS", &keys), ("MAX_SENDS", "0")]).expect_err("malformed");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(secret) && !shown.contains(LINK_SECRET), "{shown}");
        assert_eq!(error.0.len(), 2, "{error}");
    }
}

#[test]
fn the_parts_of_a_urn_contain_no_separator() {
    for wrong in ["a:b", "A", "a b", &"a".repeat(33)] {
        let error = config(&[("TABLE_NAME", "table"), ("URN_NAMESPACE", wrong), ("URN_REGION", wrong)]).expect_err("malformed");
        assert_eq!(error.0.len(), 2, "{error}");
    }
}

#[test]
fn the_connection_reads_the_variables_of_the_aws_sdks() {
    let connection = |variables: &[(&str, &str)]| config(&[&[("TABLE_NAME", "table")], variables].concat()).map(|config| config.connection);
    let plain = connection(&[]).expect("well-formed");
    assert_eq!((plain.region.as_str(), plain.endpoint, plain.fips, plain.dual_stack), ("us-east-1", None, false, false));
    let special = connection(&[
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ENDPOINT_URL", "http://everything"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "http://table"),
        ("AWS_USE_FIPS_ENDPOINT", "True"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "true"),
    ]);
    let special = special.expect("well-formed");
    assert_eq!((special.region.as_str(), special.endpoint.as_deref()), ("eu-west-1", Some("http://table")));
    assert!(special.fips && special.dual_stack);
    assert_eq!(connection(&[("AWS_ENDPOINT_URL", "http://all")]).expect("well-formed").endpoint.as_deref(), Some("http://all"));
    for endpoint in ["nonsense", "ftp://table", "http://", "https://a b"] {
        let problems = connection(&[("AWS_ENDPOINT_URL_DYNAMODB", endpoint)]).expect_err("no URL").0;
        assert!(problems[0].starts_with("AWS_ENDPOINT_URL_DYNAMODB must be a URL"), "{problems:?}");
    }
    assert!(
        connection(&[("AWS_USE_FIPS_ENDPOINT", "perhaps")]).expect_err("no yes or no").0[0]
            .starts_with("AWS_USE_FIPS_ENDPOINT must be true or false")
    );
}

#[test]
fn the_stack_can_set_default_settings_for_accounts() {
    let read = |variables: &[(&str, &str)]| {
        read_default_settings(&|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    };
    assert_eq!(read(&[("DEFAULT_COLOUR", " ")]).expect("well-formed"), AccountSettings::default());
    let all = [
        ("DEFAULT_DISPLAY_NAME", "Example Ltd"),
        ("DEFAULT_COLOUR", "#0B5FFF"),
        ("DEFAULT_LOCALE", "de-at"),
        ("DEFAULT_REDIRECT", "https://example.com"),
    ];
    let expected = AccountSettings {
        name: Some(parsed("Example Ltd")),
        colour: Some(parsed("#0b5fff")),
        locale: Some(parsed("de-AT")),
        redirect: Some(parsed("https://example.com/")),
        ..AccountSettings::default()
    };
    assert_eq!(read(&all).expect("well-formed"), expected);
    let error = read(&all.map(|(name, _)| (name, "www.x"))).expect_err("all wrong");
    assert_eq!(error.0.len(), all.len(), "{error}");
    for (name, _) in all {
        assert!(error.0.iter().any(|problem| problem.starts_with(&format!("{name}: 'www.x' "))), "{name}: {error}");
    }
}

#[test]
fn every_role_that_an_issuer_gives_must_exist() {
    let issuers = r#"{"acme": {"issuer": "https://login.example.com", "audience": {"values": ["a"]},
        "role": {"claim": "/roles", "map": {"a": "full-access", "b": "inviter", "c": "owner"}}}}"#;
    let read = |roles: &[(&str, &str)]| {
        let variables: Vec<_> = [("TABLE_NAME", "table"), ("ISSUERS", issuers)].iter().chain(roles).copied().collect();
        config(&variables).expect("a configuration").check_issuer_roles()
    };
    let problems = read(&[]).expect_err("two roles are unknown").0;
    assert_eq!(problems, ["ISSUERS: acme.role.map: ROLES has no role 'inviter'", "ISSUERS: acme.role.map: ROLES has no role 'owner'"]);
    let roles =
        r#"{"full-access": {"can": [], "mayGrant": []}, "inviter": {"can": [], "mayGrant": []}, "owner": {"can": [], "mayGrant": []}}"#;
    assert!(read(&[("ROLES", roles)]).is_ok());
}
