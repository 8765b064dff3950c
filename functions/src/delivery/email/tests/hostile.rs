//! The email has one link, and names cannot add another or change the markup (T9, T11).

use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use shared::domain::{courier::EmailKind, settings::DisplayName};

use super::{Content, english, parsed, sender, shown, tags};
use crate::delivery::email::mailbox::mailbox;

/// Whether an eager email client would find a link.
fn linkable(text: &str) -> bool {
    let dot = |c: char| matches!(c, '.' | '．' | '。' | '｡');
    let domain = |part: &str| tld::exist_case_insensitive(part);
    let dotted = text.split(|c: char| !c.is_alphanumeric() && !dot(c)).any(|word| {
        let parts: Vec<&str> = word.split(dot).collect();
        parts.windows(2).any(|it| !it[0].is_empty() && domain(it[1]))
    });
    dotted || text.lines().any(callable) || ["://", "www.", "@", "＠", "mailto:x"].iter().any(|part| text.to_lowercase().contains(part))
}

/// Whether seven digits are separated only by characters that people use in phone numbers.
fn callable(text: &str) -> bool {
    let runs = text.split(|c: char| !(c.is_ascii_digit() || c.is_whitespace() || "()[]{}+-./~_–—".contains(c)));
    let seasons = ["2024-2025", "1999/2000"];
    runs.map(str::trim)
        .any(|run| run.chars().filter(char::is_ascii_digit).count() >= 7 && !seasons.iter().any(|season| run.contains(season)))
}

#[test]
fn a_role_that_looks_like_a_phone_number_is_not_shown() {
    for (role, shown) in
        [("1-888-555-0142", "…"), ("call-1-888-555-0142", "call"), ("ws-admin-eu-2", "ws-admin-eu-2"), ("team-123456", "team-123456")]
    {
        let content = Content { role: parsed(role), ..Content::new(None, None) };
        let intro = format!("You have been invited to an account with the role {shown}.");
        assert_eq!(content.rendered(&english()).text.lines().next(), Some(intro.as_str()), "{role}");
    }
}

#[test]
fn names_are_shown_literally() {
    for name in ["<b>&\"'`</b>", "</title></style><a href=x>", "{{ link }}", "{role} {% raw %}", "--> <![endif]-->", "$(x) %s \\n"] {
        let rendered = Content::new(Some(name), Some(name)).rendered(&english());
        let intro = format!("{name} has invited you to {name} with the role read-only.");
        assert_eq!((rendered.subject, rendered.text.lines().next()), (format!("You are invited to {name}"), Some(intro.as_str())));
        assert!(shown(&rendered.html).contains(&intro), "{}", rendered.html);
    }
}

/// The name and the address of a mailbox, as an email client reads them.
pub(super) fn read(mailbox: &str) -> (String, String) {
    let (name, address) = mailbox.rsplit_once(" <").expect("a name and an address");
    let name = match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(quoted) => {
            let mut characters = quoted.chars();
            let mut name = String::new();
            while let Some(c) = characters.next() {
                assert_ne!(c, '"', "{mailbox}");
                name.push(if c == '\\' { characters.next().expect("a quoted character") } else { c });
            }
            name
        }
        None => {
            let words = name.split(' ').map(|word| {
                assert!(word.len() <= 75, "{word}");
                let base64 = word.strip_prefix("=?UTF-8?B?").and_then(|word| word.strip_suffix("?=")).expect("an encoded word");
                String::from_utf8(STANDARD.decode(base64).expect("base64")).expect("each word is text on its own")
            });
            words.collect()
        }
    };
    (name, address.strip_suffix('>').expect("an address in brackets").to_owned())
}

#[test]
fn the_sender_is_encoded_for_the_header() {
    let address = sender();
    for (name, written) in [
        ("Acme", "\"Acme\" <Invitations@example.com>"),
        ("Acme \"A\\B\", <x>", "\"Acme \\\"A\\\\B\\\", <x>\" <Invitations@example.com>"),
        ("Müller", "=?UTF-8?B?TcO8bGxlcg==?= <Invitations@example.com>"),
    ] {
        assert_eq!(mailbox(name, &address).as_deref(), Some(written));
        assert_eq!(read(written).0, name);
    }
    assert_eq!(mailbox("Acme", &parsed("a@bücher.example")).as_deref(), Some("\"Acme\" <a@xn--bcher-kva.example>"));
}

#[test]
fn a_sender_is_never_longer_than_ses_accepts() {
    let sender_of = |account: &str, address: &str| {
        let mailbox = Content::new(Some(account), None).email().mailbox(&english(), &parsed(address));
        assert!(mailbox.len() <= 320, "{mailbox}");
        mailbox
    };
    assert_eq!(read(&sender_of(&"W".repeat(80), "a@example.com")).0, format!("{} via Invitations", "W".repeat(80)));
    // 240 bytes, more than 320 when encoded: the account's name is truncated, our suffix is not.
    let (name, _) = read(&sender_of(&"株".repeat(80), "a@example.com"));
    let shown = name.strip_suffix("… via Invitations").expect("the end is still there");
    assert!(shown.chars().count() > 50 && shown.chars().all(|c| c == '株'), "{name}");
    // The longest address leaves room for an encoded word of 64 characters: 39 bytes, 19 of them for our suffix.
    let label = "b".repeat(62);
    let address = format!("{}@{label}.{label}.{label}", "a".repeat(64));
    let (name, shown) = read(&sender_of(&"株".repeat(80), &address));
    assert_eq!((name.as_str(), shown), ("株株株株株株… via Invitations", address));
}

/// Arbitrary names; many almost contain a link.
fn any_name() -> impl Strategy<Value = Option<DisplayName>> {
    let part = prop_oneof![
        3 => "[a-zA-Z]{1,5}",
        2 => "[<>&\"'{}%#/=;:.@\\\\`$|!?-]{1,4}",
        2 => "[0-9 ()+./-]{1,9}",
        1 => prop::sample::select(vec![" ", "www.", "https://", "．", "。", "\u{338}", "\u{202e}", "\u{200b}", "\n", "</p>", "{{link}}", "{account}", "-->"]).prop_map(str::to_owned),
        1 => "\\PC{1,3}",
    ];
    prop::collection::vec(part, 0..25).prop_map(|parts| DisplayName::of_untrusted(&parts.concat()))
}

/// Either email.
fn any_kind() -> impl Strategy<Value = EmailKind> {
    prop::sample::select(vec![EmailKind::Invitation, EmailKind::Reminder])
}

proptest! {
    // T9: names and roles never change the document's tags.
    #[test]
    fn no_name_changes_the_structure_of_the_email(kind in any_kind(), account in any_name(), inviter in any_name(), role in "[a-z0-9-]{1,64}") {
        let texts = english();
        let usual = Content { kind, ..Content::new(Some("Acme"), Some("Jane")) }.rendered(&texts);
        let content = Content { kind, account, inviter, role: parsed(&role), ..Content::new(None, None) };
        let rendered = content.rendered(&texts);
        prop_assert_eq!(tags(&rendered.html), tags(&usual.html));
        prop_assert_eq!(rendered.text.lines().count(), usual.text.lines().count());
    }

    // T9: the link is in the button and below it, and once in the text part; nothing else looks like a link.
    #[test]
    fn the_link_is_the_only_one(kind in any_kind(), account in any_name(), inviter in any_name(), role in "[a-z0-9-]{1,64}") {
        let content = Content { kind, account, inviter, role: parsed(&role), ..Content::new(None, None) };
        let (rendered, link) = (content.rendered(&english()), content.link.as_str());
        prop_assert_eq!(rendered.text.matches(link).count(), 1);
        prop_assert!(!linkable(&rendered.text.replace(link, "")), "{}", rendered.text);
        let shown = shown(&rendered.html);
        prop_assert_eq!(shown.matches(link).count(), 1);
        prop_assert!(!linkable(&shown.replace(link, "")), "{}", shown);
        let targets: Vec<&str> = rendered.html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        prop_assert_eq!(targets, [link]);
    }

    // T11: no header contains a line break or another invisible character.
    #[test]
    fn headers_have_one_line_and_say_the_name(kind in any_kind(), account in any_name()) {
        let content = Content { kind, account, ..Content::new(None, None) };
        let texts = english();
        let subject = content.rendered(&texts).subject;
        prop_assert!(subject.chars().count() <= 150 && !subject.contains(char::is_control), "{:?}", subject);
        let from = content.email().mailbox(&texts, &sender());
        prop_assert!(from.bytes().all(|b| b.is_ascii_graphic() || b == b' '), "{:?}", from);
        let (shown, address) = read(&from);
        let whole = content.account.as_ref().map_or("Invitations".to_owned(), |name| format!("{name} via Invitations"));
        let beginning = shown.strip_suffix("… via Invitations").filter(|_| whole.len() > 150);
        prop_assert!(shown == whole || beginning.is_some_and(|beginning| whole.starts_with(beginning)), "{:?} of {:?}", shown, whole);
        prop_assert_eq!(address, "Invitations@example.com");
    }
}
