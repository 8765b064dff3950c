//! Every error sentence of the domain's types. A changed word shows up in `snapshots`.

use std::{collections::BTreeSet, fmt::Display, str::FromStr, time::Duration};

use functions::http::{
    error::{ApiError, Challenge, Forbidden},
    invalid::Invalid,
};
use shared::{
    domain::{
        AccountId, Email, InvitationId, Permission, Rejected, RoleId, Roles, State, Timestamp,
        api_key::{ApiKey, ApiKeyId},
        delivery::{Delivery, DeliveryStatus, Reason},
        email::EmailPrefix,
        entity_tag::EntityTags,
        idempotency::IdempotencyKey,
        invitation::Closing,
        link::{LinkKeys, Token},
        link_base::LinkBase,
        outbox::Event,
        page::{Cursor, Filter, Limit, List, Order},
        settings::{Binding, Colour, DisplayName, DomainRule, Locale, Logo, Redirect},
    },
    store::StoreError,
};
use support::ACCOUNT;

use crate::snapshot::Snapshot;

fn parsed<T: FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("the test's value is well-formed")
}

/// The name of a refusal. A new variant does not compile until it is named here; add it to [`all_refusals`], too.
fn name(rejected: &Rejected) -> &'static str {
    match rejected {
        Rejected::NotFound => "NotFound",
        Rejected::AlreadyInvited { .. } => "AlreadyInvited",
        Rejected::Changed => "Changed",
        Rejected::Closed(Closing::Accepted) => "Closed, accepted",
        Rejected::Closed(Closing::Declined) => "Closed, declined",
        Rejected::Closed(Closing::Revoked) => "Closed, revoked",
        Rejected::Expired => "Expired",
        Rejected::EmailRefused(DeliveryStatus::Complained) => "Refused, complained",
        Rejected::EmailRefused(_) => "Refused, bounced",
        Rejected::DomainNotAllowed(DomainRule::NotAllowed) => "DomainNotAllowed, not allowed",
        Rejected::DomainNotAllowed(DomainRule::Denied) => "DomainNotAllowed, denied",
        Rejected::RedirectNotAllowed { .. } => "RedirectNotAllowed",
        Rejected::WrongInvitee => "WrongInvitee",
        Rejected::SignInRequired => "SignInRequired",
        Rejected::RoleChanged { .. } => "RoleChanged",
        Rejected::MaxSends { .. } => "MaxSends",
        Rejected::MaxUpdates { .. } => "MaxUpdates",
        Rejected::Cooldown { .. } => "Cooldown",
        Rejected::Quota { .. } => "Quota",
        Rejected::RoleNotGrantable { .. } => "RoleNotGrantable",
        Rejected::Expiry { .. } => "Expiry",
        Rejected::KeyReused => "KeyReused",
    }
}

fn all_refusals() -> [Rejected; 22] {
    let [wanted, earliest, latest] = ["2030-01-01T00:00:00Z", "2030-01-01T01:00:00Z", "2030-01-31T00:00:00Z"].map(parsed::<Timestamp>);
    [
        Rejected::NotFound,
        Rejected::AlreadyInvited { open: parsed("3FDCA1955AE7EB167B25D7D90AC02B9F") },
        Rejected::Changed,
        Rejected::Closed(Closing::Accepted),
        Rejected::Closed(Closing::Declined),
        Rejected::Closed(Closing::Revoked),
        Rejected::Expired,
        Rejected::EmailRefused(DeliveryStatus::Complained),
        Rejected::EmailRefused(DeliveryStatus::Bounced),
        Rejected::DomainNotAllowed(DomainRule::NotAllowed),
        Rejected::DomainNotAllowed(DomainRule::Denied),
        Rejected::RedirectNotAllowed { origin: "https://app.example.com".to_owned() },
        Rejected::WrongInvitee,
        Rejected::SignInRequired,
        Rejected::RoleChanged { role: parsed("read-only") },
        Rejected::MaxSends { max: 10 },
        Rejected::MaxUpdates { max: 10 },
        Rejected::Cooldown { retry_after: 59 },
        Rejected::Quota { limit: 500, window: Duration::from_secs(3600), retry_after: 61 },
        Rejected::RoleNotGrantable { role: parsed("admin"), own: parsed("read-only") },
        Rejected::Expiry { wanted, earliest, latest },
        Rejected::KeyReused,
    ]
}

#[test]
fn refusals() {
    let all = all_refusals().map(|rejected| (name(&rejected), ApiError::Rejected(rejected)));
    assert_eq!(all.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len(), all.len());
    let mut snapshot = Snapshot::new("refusals");
    for (name, error) in all {
        note(&mut snapshot, name, &error);
    }
    snapshot.assert();
}

#[test]
fn other_errors() {
    let cause = || "the cause".to_owned();
    let store = [
        StoreError::Unavailable { cause: cause() },
        StoreError::Corrupt { key: "I#1".to_owned(), problem: cause() },
        StoreError::Defect { cause: cause() },
    ];
    let all = [
        ("Unauthorized", ApiError::Unauthorized("the API key is unknown, disabled or expired", Challenge::ApiKey)),
        ("Forbidden, Role", Forbidden::Role { permission: Permission::Modify, role: parsed("read-only") }.into()),
        ("Forbidden, NoRole", Forbidden::NoRole { permission: Some(Permission::Modify) }.into()),
        ("Forbidden, NoRole for any permission", Forbidden::NoRole { permission: None }.into()),
        ("Forbidden, NoAccount", Forbidden::NoAccount.into()),
        ("Forbidden, UnknownAccount", Forbidden::UnknownAccount(parsed("acme")).into()),
        ("Forbidden, OtherAccount", Forbidden::OtherAccount.into()),
        ("Forbidden, NoVerifiedEmail", Forbidden::NoVerifiedEmail.into()),
        ("MethodNotAllowed", ApiError::MethodNotAllowed { allow: &["GET"] }),
        ("Maintenance", ApiError::Maintenance { retry_after: Duration::from_secs(120) }),
        ("Internal", ApiError::Internal(cause())),
        ("Invalid", ApiError::Invalid(Invalid::field("invalid-x", "x", "is wrong"))),
    ];
    let mut snapshot = Snapshot::new("other_errors");
    for (name, error) in all {
        note(&mut snapshot, name, &error);
    }
    for error in store {
        let name = format!("Store, {error}");
        note(&mut snapshot, &name, &ApiError::Store(error));
    }
    snapshot.assert();
}

fn note(snapshot: &mut Snapshot, name: &str, error: &ApiError) {
    let fields: String = error.fields().iter().map(|(field, reason)| format!("field {field}: {reason}\n")).collect();
    let wait = error.retry_after().map(|seconds| format!("retry after: {seconds}\n")).unwrap_or_default();
    snapshot.block(name, format_args!("{} {}\n{fields}{wait}{}", error.status(), error.code(), error.message()));
}

/// Records the sentence with which a type refuses each text.
fn refuse<T: FromStr<Err: Display>>(snapshot: &mut Snapshot, title: &str, texts: &[&str]) {
    snapshot.section(title);
    for text in texts {
        let Err(error) = text.parse::<T>() else { panic!("{title} takes {text:?}") };
        let shown: String = text.escape_debug().take(80).collect();
        snapshot.line(format_args!("'{shown}'"), error);
    }
}

#[test]
fn malformed_values() {
    let mut snapshot = Snapshot::new("malformed");
    refuse::<AccountId>(&mut snapshot, "account id", &["", "1"]);
    refuse::<ApiKeyId>(&mut snapshot, "API key id", &["x"]);
    refuse::<ApiKey>(&mut snapshot, "API key", &["ik_live_x"]);
    refuse::<InvitationId>(&mut snapshot, "invitation id", &["1"]);
    refuse::<RoleId>(&mut snapshot, "role id", &["", "Full access", &"r".repeat(65)]);
    let emails = [
        "",
        "user.one",
        "a\nb@example.com",
        "user\u{200b}one@example.com",
        "user one@example.com",
        "user@localhost",
        &format!("a@{}", "\u{fc}".repeat(100) + ".example"),
        &format!("a@{}example", "\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}.".repeat(20)),
    ];
    refuse::<Email>(&mut snapshot, "email", &emails);
    refuse::<EmailPrefix>(&mut snapshot, "email prefix", &["us", "@example.com", "user one", "user@b\u{fc}cher"]);
    refuse::<State>(&mut snapshot, "state", &["open"]);
    refuse::<Timestamp>(&mut snapshot, "time", &["tomorrow"]);
    refuse::<Limit>(&mut snapshot, "limit", &["-1", "ten"]);
    refuse::<Order>(&mut snapshot, "order", &["newest"]);
    refuse::<IdempotencyKey>(&mut snapshot, "idempotency key", &["", "a,b", "\"a", "\"a\"b\"", "\"\\a\"", "\u{fc}"]);
    refuse::<EntityTags>(&mut snapshot, "entity tags", &["x"]);
    refuse::<Locale>(&mut snapshot, "locale", &["en_US"]);
    refuse::<Token>(&mut snapshot, "token", &["x"]);
    refuse::<Binding>(&mut snapshot, "binding", &["phone"]);
    refuse::<Colour>(&mut snapshot, "colour", &["red"]);
    let large = format!("data:image/png;base64,{}", "A".repeat(30_000));
    let logos = ["x", "data:image/svg+xml;base64,x", &large, "data:image/png;base64,%", "data:image/png;base64,AAAA"];
    refuse::<Logo>(&mut snapshot, "logo", &logos);
    let names = ["", &"n".repeat(81), "a\u{200b}b", "\u{301}a", "evil.example", "a@b", "+1 888 555 0142"];
    refuse::<DisplayName>(&mut snapshot, "display name", &names);
    let addresses = ["a b", "x", "http://example.com", "https:/example.com", "https://a'b.example", "https://u@example.com"];
    let more = ["https://example.com/#a", &format!("https://example.com/{}", "a".repeat(1024))];
    refuse::<Redirect>(&mut snapshot, "redirect", &[&addresses[..], &more].concat());
    refuse::<LinkBase>(&mut snapshot, "link base", &["x", "https://example.com/?a", "https://example.com/(a)"]);
    refuse::<LinkKeys>(&mut snapshot, "link keys", &["short"]);
    let roles = ["", "[]", "{\"A\":{}}", "{\"a\":{\"can\":[\"x\"]}}", "{\"a\":{\"can\":[]}}", "{\"a\":{\"can\":[],\"mayGrant\":[\"A\"]}}"];
    refuse::<Roles>(&mut snapshot, "roles", &roles);
    refuse::<Event>(&mut snapshot, "stored event", &["x"]);
    refuse::<Delivery>(&mut snapshot, "stored delivery", &["x"]);
    refuse::<DeliveryStatus>(&mut snapshot, "delivery status", &["x"]);
    refuse::<Reason>(&mut snapshot, "reason", &["<x>"]);
    snapshot.section("cursor");
    snapshot.line("'x'", Cursor::decode("x", &parsed(ACCOUNT), &List::new(Filter::default(), None)).expect_err("no cursor"));
    snapshot.assert();
}
