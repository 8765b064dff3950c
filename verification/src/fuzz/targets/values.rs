//! Values that are parsed from one text. An accepted value must survive a round trip through its text.

use std::{fmt::Debug, str::FromStr};

use shared::domain::{
    AccountId, Email, ExternalId, InvitationId, RoleId, Roles, State, Timestamp,
    api_key::ApiKeyId,
    delivery::{Delivery, Reason},
    email::EmailPrefix,
    email_domain::DomainPattern,
    entity_tag::EntityTags,
    idempotency::IdempotencyKey,
    link::LinkKeys,
    link_base::LinkBase,
    metadata::Metadata,
    outbox::Event,
    page::{Limit, Order},
    settings::{Binding, Colour, DisplayName, DomainPolicy, Locale, Logo, Redirect, RedirectOrigins},
    text::excerpt,
    urn::PrincipalUrn,
    user::IssuerName,
};
use support::random::Random;

use crate::fuzz::{
    corpus::mutated_text,
    target::{Target, Verdict},
};

type Check = fn(&str) -> Result<bool, String>;

struct Texts {
    corpus: Vec<String>,
    checks: Vec<Check>,
}

impl Target for Texts {
    fn make(&self, random: &mut Random) -> String {
        mutated_text(random, &self.corpus)
    }

    fn check(&self, text: &str) -> Verdict {
        let mut accepted = false;
        for check in &self.checks {
            match check(text) {
                Ok(valid) => accepted |= valid,
                Err(why) => return Verdict::Violation(why),
            }
        }
        if accepted { Verdict::Accepted } else { Verdict::Rejected }
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

pub(super) fn email() -> Box<dyn Target> {
    let label = "b".repeat(62);
    let long = format!("{}@{label}.{label}.{label}", "a".repeat(64));
    let corpus = owned(&[
        "user.one@example.com",
        " User+Tag@Example.COM ",
        "üser@example.com",
        "a@bücher.example",
        "a@xn--bcher-kva.example",
        "a@faß.example",
        "!#$%&'*+-/=?^_`{|}~@a-b.example",
        "a@日本語.jp",
        "a@example。com",
        "\"a b\"@example.com",
        "a@[127.0.0.1]",
        &long,
    ]);
    Box::new(Texts { corpus, checks: vec![address] })
}

fn address(text: &str) -> Result<bool, String> {
    let Ok(email) = text.parse::<Email>() else { return Ok(false) };
    let normal = email.normalised().as_str();
    let again: Email = normal.parse().map_err(|error| format!("the normal form {normal:?} is not an address: {error}"))?;
    let mailbox = email.mailbox();
    let sent: Email = mailbox.parse().map_err(|error| format!("the mailbox {mailbox:?} is not an address: {error}"))?;
    let (local, domain) = normal.rsplit_once('@').ok_or("the normal form has no @")?;
    let plain = mailbox.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"(),:;<>@[\\]".contains(&byte) || byte == b'@');
    for (holds, violation) in [
        (text.contains(email.as_entered().trim()), "it does not show the address as entered"),
        (again.normalised() == email.normalised(), "normalizing twice changes it"),
        (sent.normalised() == email.normalised(), "the mailbox is another address"),
        (normal.len() <= 254 && mailbox.len() <= 254 && (1..=64).contains(&local.len()), "it is too long"),
        (plain && mailbox.matches('@').count() == 1, "a mail server could parse it differently"),
        (!normal.contains('#') || !domain.contains('#'), "the domain could end a key"),
        (!format!("{email:?}").contains(local) || local.len() < 6, "its Debug output reveals it"),
        ((3..=normal.len()).all(|end| begins(&normal[..end], &email)), "one of its beginnings is not a prefix that finds it"),
    ] {
        if !holds {
            return Err(format!("{violation}: {normal:?} {mailbox:?}"));
        }
    }
    Ok(true)
}

/// Whether a text is a prefix of an address, in either case.
fn begins(text: &str, email: &Email) -> bool {
    let found = |text: &str| text.parse::<EmailPrefix>().ok().and_then(|prefix| prefix.with_rest(prefix.rest_of(email.normalised())?));
    [text, &text.to_ascii_uppercase()].iter().all(|text| found(text).as_ref() == Some(email.normalised()))
}

pub(super) fn others() -> Box<dyn Target> {
    let corpus = owned(&[
        "2030-06-21T09:01:12Z",
        "2030-06-21t09:01:12.999+14:00",
        "de-AT",
        "zh-Hant-TW",
        "sl-rozaj",
        "#0b5fff",
        "Acme Ltd",
        "Müller & Söhne",
        "J. R. \"Bob\" O'Neil",
        "https://app.example.com/in?a=b#c",
        "https://bücher.example:8443/%61",
        "http://localhost:3000/",
        "data:image/gif;base64,R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=",
        "full-access",
        "invited",
        "User+One@ex",
        "desc",
        "25",
        "0000000000000000000000000100",
        "012345678912",
        "019d3a4b5c6d7e8f9a0b1c2d3e4f5061",
        "Fuzz00000001",
        "urn:cloudone:identity:ca-1:012345678912:user/acme:auth0%7c5f%C3%A9",
        "urn:cloudone:identity:ca-1:012345678912:apikey/Fuzz00000001",
        "\"one key, with a comma\"",
        "W/\"one\", \"another\"",
        "bounced#1900000000000#General",
        "3#accepted#1900000000000",
        "4#changed#1900000000000@read-only@1900000086000#General",
        "example.com",
        "*.bücher.example",
        r#"{"allow":["example.com","*.example.com"],"deny":["old.example.com"]}"#,
        "https://app.example.com http://127.0.0.1:3000",
        r#"{"plan":"gold","team":"S\u00fcd"}"#,
        "email",
        "0123456789abcdef0123456789abcdef,fedcba9876543210fedcba9876543210",
        r#"{"owner":{"can":["invitations:read"],"mayGrant":["*"]}}"#,
    ]);
    let checks: Vec<Check> = vec![
        |text| round_trip::<Timestamp>(text, ToString::to_string, |one, other| one.floor_to_second() == *other),
        |text| round_trip::<Locale>(text, ToString::to_string, PartialEq::eq),
        |text| round_trip::<Colour>(text, ToString::to_string, PartialEq::eq),
        |text| round_trip::<DisplayName>(text, ToString::to_string, PartialEq::eq),
        |text| round_trip::<Redirect>(text, ToString::to_string, PartialEq::eq),
        |text| round_trip::<LinkBase>(text, |it| it.as_str().to_owned(), PartialEq::eq),
        |text| round_trip::<Logo>(text, |it| it.as_str().to_owned(), PartialEq::eq),
        |text| round_trip::<RoleId>(text, ToString::to_string, PartialEq::eq),
        |text| round_trip::<State>(text, ToString::to_string, PartialEq::eq),
        |text| round_trip::<EmailPrefix>(text, |it| it.as_str().to_owned(), PartialEq::eq),
        |text| round_trip::<Order>(text, |it| it.as_str().to_owned(), PartialEq::eq),
        |text| round_trip::<Binding>(text, ToString::to_string, PartialEq::eq),
        |text| round_trip::<AccountId>(text, ToString::to_string, PartialEq::eq),
        |text| round_trip::<ExternalId>(text, ToString::to_string, PartialEq::eq),
        |text| round_trip::<PrincipalUrn>(text, |it| it.as_str().to_owned(), PartialEq::eq),
        |text| round_trip::<IssuerName>(text, ToString::to_string, PartialEq::eq),
        |text| round_trip::<InvitationId>(text, ToString::to_string, PartialEq::eq),
        |text| round_trip::<ApiKeyId>(text, ToString::to_string, PartialEq::eq),
        |text| round_trip::<Delivery>(text, ToString::to_string, PartialEq::eq),
        |text| round_trip::<Event>(text, ToString::to_string, PartialEq::eq),
        |text| round_trip::<DomainPattern>(text, ToString::to_string, PartialEq::eq),
        |text| round_trip::<DomainPolicy>(text, ToString::to_string, PartialEq::eq),
        |text| round_trip::<RedirectOrigins>(text, ToString::to_string, PartialEq::eq),
        |text| round_trip::<Metadata>(text, ToString::to_string, PartialEq::eq),
        |text| round_trip::<Reason>(text, |it| it.as_str().to_owned(), PartialEq::eq),
        |text| round_trip::<Limit>(text, |it| it.get().to_string(), |one, other| one == other && (1..=100).contains(&one.get())),
        idempotency_key,
        |text| Ok(text.parse::<Roles>().is_ok()),
        |text| Ok(text.parse::<EntityTags>().is_ok()),
        // The error message must not quote it: it is secret.
        |text| match text.parse::<LinkKeys>() {
            Err(error) if text.len() > 40 && error.to_string().contains(text) => Err("the error message quotes it".to_owned()),
            result => Ok(result.is_ok()),
        },
        untrusted_name,
        shown_excerpt,
    ];
    Box::new(Texts { corpus, checks })
}

/// Whether the text is accepted. An accepted value must be the same after it is written and parsed again.
fn round_trip<T: FromStr<Err: Debug> + Debug>(text: &str, write: fn(&T) -> String, same: fn(&T, &T) -> bool) -> Result<bool, String> {
    let Ok(value) = text.parse::<T>() else { return Ok(false) };
    let written = write(&value);
    match written.parse::<T>() {
        Ok(read) if same(&value, &read) => Ok(true),
        read => Err(format!("{value:?} is written as {written:?} and parsed as {read:?}")),
    }
}

/// An accepted key must be accepted in quotes, too. Almost every text is a key, so none counts as accepted.
fn idempotency_key(text: &str) -> Result<bool, String> {
    let Ok(key) = text.parse::<IdempotencyKey>() else { return Ok(false) };
    let bare = text.trim_matches([' ', '\t']);
    if bare.starts_with('"') {
        return Ok(false);
    }
    let quoted = format!("\"{}\"", bare.replace('\\', "\\\\"));
    if quoted.parse() == Ok(key) { Ok(false) } else { Err(format!("{quoted} is another key")) }
}

/// The part of an untrusted text that is shown as a name must be a name.
fn untrusted_name(text: &str) -> Result<bool, String> {
    let Some(name) = DisplayName::of_untrusted(text) else { return Ok(false) };
    match name.as_str().parse::<DisplayName>() {
        Ok(read) if read == name => Ok(false),
        read => Err(format!("{name:?} remains, which is parsed as {read:?}")),
    }
}

/// The excerpt of any text in an error message is short and printable.
fn shown_excerpt(text: &str) -> Result<bool, String> {
    let shown = excerpt(text);
    if shown.chars().count() <= 65 && !shown.contains(char::is_control) {
        Ok(false)
    } else {
        Err(format!("the excerpt is too long or not printable: {shown:?}"))
    }
}
