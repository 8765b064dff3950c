//! Decisions, by the rules of IAM's documentation.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;
use crate::iam::request::Key;

const TABLE: &str = "arn:aws:dynamodb:us-east-1:123456789012:table/invitations";

fn policy(statements: Value) -> Policy {
    Policy::parse([&json!({ "Version": "2012-10-17", "Statement": statements })]).unwrap()
}

fn reason(statements: Value) -> String {
    Policy::parse([&json!({ "Version": "2012-10-17", "Statement": statements })]).unwrap_err()
}

fn conditioned(condition: Value) -> Policy {
    policy(json!({ "Sid": "S", "Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": TABLE, "Condition": condition }))
}

fn get(leading: &[&str]) -> Request {
    Request::new("dynamodb:GetItem", TABLE).with(Key::LeadingKeys, leading.iter().copied())
}

#[test]
fn what_no_statement_allows_is_denied() {
    assert_eq!(Policy::default().decide(&get(&["A#1"])), Decision::NotAllowed);
    let policy = policy(json!([{ "Sid": "Read", "Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:Query"], "Resource": TABLE }]));
    assert_eq!(policy.decide(&get(&[])), Decision::Allowed("Read"));
    assert_eq!(policy.decide(&Request::new("dynamodb:PutItem", TABLE)), Decision::NotAllowed);
    assert_eq!(policy.decide(&Request::new("dynamodb:GetItem", format!("{TABLE}/index/due"))), Decision::NotAllowed);
    assert_eq!(policy.decide(&Request::new("DynamoDB:getitem", TABLE)), Decision::Allowed("Read"));
}

#[test]
fn a_deny_wins_over_every_allow_wherever_it_stands() {
    let allow = json!({ "Sid": "All", "Effect": "Allow", "Action": "*", "Resource": "*" });
    let deny = json!({ "Sid": "NoLogs", "Effect": "Deny", "Action": "logs:*", "NotResource": "arn:aws:logs:r:1:log-group:own:*" });
    for statements in [json!([allow, deny]), json!([deny, allow])] {
        let policy = policy(statements);
        assert_eq!(policy.decide(&Request::new("logs:PutLogEvents", "arn:aws:logs:r:1:log-group:other:*")), Decision::Denied("NoLogs"));
        assert_eq!(policy.decide(&Request::new("logs:PutLogEvents", "arn:aws:logs:r:1:log-group:own:x")), Decision::Allowed("All"));
        assert_eq!(policy.decide(&get(&[])), Decision::Allowed("All"));
    }
}

#[test]
fn the_statements_of_several_policies_apply_together() {
    let document =
        |sid: &str, effect: &str, action: &str| json!({ "Statement": { "Sid": sid, "Effect": effect, "Action": action, "Resource": "*" } });
    let (allow, deny) = (document("A", "Allow", "dynamodb:*"), document("D", "Deny", "dynamodb:PutItem"));
    let policy = Policy::parse([&allow, &deny]).unwrap();
    assert!(policy.allows(&get(&[])));
    assert_eq!(policy.decide(&Request::new("dynamodb:PutItem", TABLE)), Decision::Denied("D"));
}

#[test]
fn set_operators_compare_every_value_or_any() {
    let patterns = json!({ "dynamodb:LeadingKeys": ["A#*", "B#1"] });
    let all = conditioned(json!({ "ForAllValues:StringLike": patterns }));
    let any = conditioned(json!({ "ForAnyValue:StringLike": patterns }));
    let single = conditioned(json!({ "StringLike": patterns }));
    for (leading, expected) in [
        (&["A#1"][..], [true, true, false]),
        (&["A#1", "B#1"], [true, true, false]),
        (&["A#1", "C#1"], [false, true, false]),
        (&["C#1"], [false, false, false]),
        // Without a value: true for all, false for any.
        (&[], [true, false, false]),
    ] {
        assert_eq!([&all, &any, &single].map(|policy| policy.allows(&get(leading))), expected, "{leading:?}");
    }
}

#[test]
fn null_asks_whether_there_is_a_value_and_all_conditions_must_hold() {
    let both = conditioned(json!({
        "ForAllValues:StringLike": { "dynamodb:LeadingKeys": "A#*" },
        "Null": { "dynamodb:LeadingKeys": "false" },
    }));
    assert_eq!([&["A#1"][..], &["C#1"], &[]].map(|leading| both.allows(&get(leading))), [true, false, false]);
    let absent = conditioned(json!({ "Null": { "dynamodb:LeadingKeys": "true" } }));
    assert_eq!([&["A#1"][..], &[]].map(|leading| absent.allows(&get(leading))), [false, true]);
}

#[test]
fn operators_for_one_value_suit_keys_with_one() {
    let request = |from: Option<&str>| Request::new("dynamodb:GetItem", TABLE).with(Key::FromAddress, from);
    for (operator, value, from, expected) in [
        ("StringEquals", "a@example.com", Some("a@example.com"), true),
        ("StringEquals", "a@example.com", Some("A@example.com"), false),
        ("StringEquals", "a@*", Some("a@example.com"), false),
        ("StringEqualsIgnoreCase", "a@example.com", Some("A@EXAMPLE.com"), true),
        ("StringEqualsIgnoreCase", "a@*", Some("a@example.com"), false),
        ("StringLike", "?@example.com", Some("a@example.com"), true),
        ("StringLike", "?@example.com", Some("A@example.org"), false),
        ("StringEquals", "a@example.com", None, false),
        ("ForAnyValue:StringEquals", "a@example.com", Some("a@example.com"), true),
        ("ForAnyValue:StringEquals", "a@example.com", None, false),
    ] {
        let policy = conditioned(json!({ operator: { "ses:FromAddress": value } }));
        assert_eq!(policy.allows(&request(from)), expected, "{operator} {value} {from:?}");
    }
}

#[test]
fn whatever_is_not_supported_is_an_error_that_names_the_statement() {
    let with = |name: &str, value: Value| {
        let mut statement = json!({ "Sid": "Data", "Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": TABLE });
        statement[name] = value;
        reason(json!([statement]))
    };
    let condition = |operator: &str, key: &str, value: Value| with("Condition", json!({ operator: { key: value } }));
    for (found, expected) in [
        (with("NotAction", json!("dynamodb:PutItem")), "NotAction is not supported"),
        (with("Principal", json!("*")), "Principal is not supported"),
        (with("Effect", json!("allow")), "Effect must be Allow or Deny"),
        (with("Action", json!([])), "Action: the list is empty"),
        (with("Action", json!("GetItem")), "Action: GetItem has no service"),
        (with("Action", json!(1)), "Action: 1 is not a text"),
        (with("NotResource", json!(TABLE)), "it must have either Resource or NotResource"),
        (with("Resource", json!("invitations")), "Resource: invitations is not an ARN"),
        (
            with("Resource", json!("arn:aws:s3:::${aws:username}")),
            "Resource: the variable in arn:aws:s3:::${aws:username} is not supported",
        ),
        (condition("StringNotLike", "dynamodb:LeadingKeys", json!("A#*")), "the condition operator StringNotLike is not supported"),
        (condition("StringLikeIfExists", "dynamodb:Select", json!("A")), "the condition operator StringLikeIfExists is not supported"),
        (
            condition("ForSomeValues:StringLike", "dynamodb:Select", json!("A")),
            "the condition operator ForSomeValues:StringLike is not supported",
        ),
        (
            condition("ForAllValues:Null", "dynamodb:LeadingKeys", json!("true")),
            "the condition operator ForAllValues:Null is not supported",
        ),
        (condition("StringEquals", "aws:SourceArn", json!("x")), "the condition key aws:SourceArn is not supported"),
        (condition("Null", "dynamodb:LeadingKeys", json!("no")), "Null of dynamodb:LeadingKeys must be true or false"),
        (
            condition("StringLike", "dynamodb:Select", json!("A#${aws:PrincipalTag/account}")),
            "StringLike of dynamodb:Select: the variable in A#${aws:PrincipalTag/account} is not supported",
        ),
    ] {
        assert_eq!(found, format!("the statement Data: {expected}"));
    }
    assert_eq!(
        reason(json!([{ "Effect": "Allow", "Action": "*" }])),
        "the statement number 1: it must have either Resource or NotResource"
    );
    assert_eq!(reason(json!("x")), "the statement number 1: it must be an object");
    for document in [json!({ "Version": "2008-10-17", "Statement": [] }), json!({ "Id": "x", "Statement": [] }), json!([])] {
        assert!(Policy::parse([&document]).is_err(), "{document}");
    }
}

/// The best of many runs, because other work on the machine makes any of them slower.
#[test]
fn a_decision_takes_microseconds() {
    let statement = |sid: &str, action: &str, kind: &str| {
        json!({
            "Sid": sid, "Effect": "Allow", "Action": ["dynamodb:GetItem", action], "Resource": [TABLE, format!("{TABLE}/index/by_state")],
            "Condition": {
                "ForAllValues:StringLike": { "dynamodb:LeadingKeys": [format!("{kind}#?*")] },
                "Null": { "dynamodb:LeadingKeys": "false" },
            },
        })
    };
    let policy = policy(json!([
        { "Sid": "Logs", "Effect": "Deny", "Action": "logs:*", "NotResource": "arn:aws:logs:us-east-1:123456789012:log-group:own:*" },
        statement("Data", "dynamodb:PutItem", "A"),
        statement("Settings", "dynamodb:Query", "SETTINGS"),
        statement("Keys", "dynamodb:Query", "KEYS"),
        statement("Tokens", "dynamodb:Query", "ISSUER"),
    ]));
    let request = get(&["ISSUER#login"]);
    assert_eq!(policy.decide(&request), Decision::Allowed("Tokens"));
    let batch = || {
        let started = Instant::now();
        for _ in 0..100 {
            std::hint::black_box(policy.decide(std::hint::black_box(&request)));
        }
        started.elapsed() / 100
    };
    let best = (0..100).map(|_| batch()).min().unwrap();
    let limit = if cfg!(debug_assertions) { Duration::from_micros(100) } else { Duration::from_micros(5) };
    assert!(best < limit, "{best:?}");
}
