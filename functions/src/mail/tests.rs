//! What mails say (T9, T11): one link, the words around it, and nothing that a name could turn into something else.

use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use shared::domain::{
    Email, RoleId, Timestamp,
    link::Token,
    link_base::{InvitationLink, LinkBase},
    settings::{Colour, DisplayName, Locale},
};

use super::{Letter, Rendered, mailbox::mailbox};
use crate::texts::Texts;

/// Parses what the test knows to be well-formed.
#[track_caller]
fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("the test's value is well-formed")
}

fn link() -> InvitationLink {
    let token = format!("i1.012345678912.3FDCA1955AE7EB167B25D7D90AC02B9F.{}", "A".repeat(43));
    parsed::<LinkBase>("https://example.com/accept").link(&parsed::<Token>(&token))
}

/// What a letter is made of.
#[derive(Debug, Clone)]
struct Content {
    account: Option<DisplayName>,
    inviter: Option<DisplayName>,
    role: RoleId,
    link: InvitationLink,
    colour: Option<Colour>,
    locale: Option<Locale>,
}

impl Content {
    fn new(account: Option<&str>, inviter: Option<&str>) -> Self {
        let role = parsed("read-only");
        Self { account: account.map(parsed), inviter: inviter.map(parsed), role, link: link(), colour: None, locale: None }
    }

    fn letter(&self) -> Letter<'_> {
        Letter {
            account_name: self.account.as_ref(),
            inviter: self.inviter.clone(),
            role: &self.role,
            expiry: parsed::<Timestamp>("2030-06-21T09:01:59Z"),
            link: &self.link,
            colour: self.colour.as_ref(),
            locales: [None, self.locale.as_ref()],
        }
    }

    fn rendered(&self, texts: &Texts) -> Rendered {
        self.letter().render(texts).expect("the templates fit")
    }
}

fn english() -> Texts {
    Texts::load(None).expect("what is built in is right")
}

fn sender() -> Email {
    parsed("Invitations@Example.com")
}

/// A document's tags, in order and as they are written.
fn tags(html: &str) -> Vec<&str> {
    html.split('<').skip(1).map(|rest| rest.split_once('>').map_or(rest, |(tag, _)| tag)).collect()
}

/// Whether somebody who is eager to make links would find one.
fn linkable(text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    let dotted =
        characters.windows(3).any(|it| matches!(it[1], '.' | '．' | '。' | '｡') && it[0].is_alphanumeric() && it[2].is_alphanumeric());
    dotted || ["://", "www.", "@", "＠", "mailto:x"].iter().any(|part| text.to_lowercase().contains(part))
}

/// What is shown of an HTML document, without its styles.
fn shown(html: &str) -> String {
    let (_, body) = html.split_once("<body").expect("a body");
    let text: String = body.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text).collect();
    ["&lt;<", "&gt;>", "&quot;\"", "&#x27;'", "&#x2f;/", "&amp;&"].iter().fold(text, |text, pair| {
        let (entity, character) = pair.split_at(pair.len() - 1);
        text.replace(entity, character)
    })
}

#[test]
fn a_mail_says_who_invites_to_what_until_when_and_where() {
    let content = Content::new(Some("Example Ltd."), Some("Jane Doe"));
    let mail = content.rendered(&english());
    let link = content.link.as_str();
    assert_eq!(mail.subject, "You are invited to Example Ltd.");
    let expected = format!(
        "Jane Doe has invited you to Example Ltd. with the role read-only.\nYou can accept until 21 June 2030, 09:01 UTC.\n\n\
         To see the invitation, open this link:\n\n{link}\n\nThe link is for you alone: please do not pass it on.\n\n\
         You can ignore this mail if you do not know what it is about. Nothing happens unless you accept."
    );
    assert_eq!(mail.text, expected);
    for text in ["Jane Doe has invited you", "until 21 June 2030, 09:01 UTC", "See the invitation", "do not pass it on"] {
        assert!(shown(&mail.html).contains(text), "{text}: {}", mail.html);
    }
    assert!(mail.html.starts_with("<!DOCTYPE html>\n<html lang=\"en\" dir=\"ltr\">"), "{}", mail.html);
    assert_eq!(content.letter().mailbox(&english(), &sender()), "\"Example Ltd. via Invitations\" <Invitations@example.com>");
}

#[test]
fn what_is_not_known_is_left_out_plainly() {
    let name = Some("Jane");
    for (account, inviter, subject, intro) in [
        (None, None, "You are invited", "You have been invited to an account with the role read-only."),
        (None, name, "You are invited", "Jane has invited you to an account with the role read-only."),
        (Some("Acme"), None, "You are invited to Acme", "You have been invited to Acme with the role read-only."),
        (Some("Acme"), name, "You are invited to Acme", "Jane has invited you to Acme with the role read-only."),
    ] {
        let mail = Content::new(account, inviter).rendered(&english());
        assert_eq!((mail.subject.as_str(), mail.text.lines().next()), (subject, Some(intro)));
        assert_eq!(shown(&mail.html).matches(intro).count(), 2, "for the list of mails and in the mail");
    }
    assert_eq!(Content::new(None, name).letter().mailbox(&english(), &sender()), "\"Invitations\" <Invitations@example.com>");
}

#[test]
fn a_mail_loads_nothing_and_reports_nothing() {
    let html = Content::new(Some("Acme"), Some("Jane")).rendered(&english()).html.to_lowercase();
    for part in [
        "<img",
        "<link",
        "<script",
        "<iframe",
        "<form",
        "<object",
        "<base",
        "src=",
        "url(",
        "@import",
        "@font-face",
        "background=",
        "http-equiv",
    ] {
        assert!(!html.contains(part), "{part}");
    }
}

#[test]
fn the_button_has_the_accounts_colour_and_a_text_that_can_be_read_on_it() {
    for (colour, text) in [("#ffcc00", "#000000"), ("#0b5fff", "#ffffff")] {
        let content = Content { colour: Some(parsed(colour)), ..Content::new(None, None) };
        let html = content.rendered(&english()).html;
        let button = tags(&html).into_iter().find(|tag| tag.starts_with("a href")).expect("a button");
        assert!(button.contains(&format!("; color: {text};")), "{button}");
        assert!(html.contains(&format!("bgcolor=\"{colour}\" style=\"border-radius: 8px; background-color: {colour};")), "{html}");
    }
}

#[test]
fn a_name_is_never_more_than_its_characters() {
    for name in ["<b>&\"'`</b>", "</title></style><a href=x>", "{{ link }}", "{role} {% raw %}", "--> <![endif]-->", "$(x) %s \\n"] {
        let mail = Content::new(Some(name), Some(name)).rendered(&english());
        let intro = format!("{name} has invited you to {name} with the role read-only.");
        assert_eq!((mail.subject, mail.text.lines().next()), (format!("You are invited to {name}"), Some(intro.as_str())));
        assert!(shown(&mail.html).contains(&intro), "{}", mail.html);
    }
}

#[test]
fn debug_shows_no_link() {
    let content = Content::new(Some("Acme"), None);
    let shown = format!("{:?} {:?}", content.letter(), content.rendered(&english()));
    assert!(!shown.contains("example.com") && !shown.contains("i1."), "{shown}");
}

/// The name and the address of a mailbox, as a mail client reads them.
fn read(mailbox: &str) -> (String, String) {
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
fn the_sender_is_written_as_mail_headers_want_it() {
    let address = sender();
    for (name, written) in [
        ("Acme", "\"Acme\" <Invitations@example.com>"),
        ("Acme \"A\\B\", <x>", "\"Acme \\\"A\\\\B\\\", <x>\" <Invitations@example.com>"),
        ("Müller", "=?UTF-8?B?TcO8bGxlcg==?= <Invitations@example.com>"),
    ] {
        assert_eq!(mailbox(name, &address), written);
        assert_eq!(read(written).0, name);
    }
    assert!(mailbox("Acme", &parsed("a@bücher.example")).ends_with(" <a@xn--bcher-kva.example>"));
}

/// Names as accounts choose them and as others left them behind; many are all but a link.
fn any_name() -> impl Strategy<Value = Option<DisplayName>> {
    let part = prop_oneof![
        3 => "[a-zA-Z]{1,5}",
        2 => "[<>&\"'{}%#/=;:.@\\\\`$|!?-]{1,4}",
        1 => prop::sample::select(vec![" ", "www.", "https://", "．", "。", "\u{338}", "\u{202e}", "\u{200b}", "\n", "</p>", "{{link}}", "{account}", "-->"]).prop_map(str::to_owned),
        1 => "\\PC{1,3}",
    ];
    prop::collection::vec(part, 0..25).prop_map(|parts| DisplayName::of_untrusted(&parts.concat()))
}

proptest! {
    // T9: whatever names and roles are, the document has the same tags, written the same.
    #[test]
    fn no_name_changes_the_structure_of_the_mail(account in any_name(), inviter in any_name(), role in "[a-z0-9-]{1,64}") {
        let texts = english();
        let usual = Content::new(Some("Acme"), Some("Jane")).rendered(&texts);
        let content = Content { account, inviter, role: parsed(&role), ..Content::new(None, None) };
        let mail = content.rendered(&texts);
        prop_assert_eq!(tags(&mail.html), tags(&usual.html));
        prop_assert_eq!(mail.text.lines().count(), usual.text.lines().count());
    }

    // T9: the one link is the button's and the one below it, and once in the text; nothing else becomes one.
    #[test]
    fn the_link_is_the_only_one(account in any_name(), inviter in any_name(), role in "[a-z0-9-]{1,64}") {
        let content = Content { account, inviter, role: parsed(&role), ..Content::new(None, None) };
        let (mail, link) = (content.rendered(&english()), content.link.as_str());
        prop_assert_eq!(mail.text.matches(link).count(), 1);
        prop_assert!(!linkable(&mail.text.replace(link, "")), "{}", mail.text);
        let shown = shown(&mail.html);
        prop_assert_eq!(shown.matches(link).count(), 1);
        prop_assert!(!linkable(&shown.replace(link, "")), "{}", shown);
        let targets: Vec<&str> = mail.html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        prop_assert_eq!(targets, [link]);
    }

    // T11: no header has a line break, or anything else that is not seen.
    #[test]
    fn headers_have_one_line_and_say_the_name(account in any_name()) {
        let content = Content { account, ..Content::new(None, None) };
        let texts = english();
        let subject = content.rendered(&texts).subject;
        prop_assert!(subject.chars().count() <= 150 && !subject.contains(char::is_control), "{:?}", subject);
        let from = content.letter().mailbox(&texts, &sender());
        prop_assert!(from.bytes().all(|b| b.is_ascii_graphic() || b == b' '), "{:?}", from);
        let name = content.account.map_or("Invitations".to_owned(), |name| format!("{name} via Invitations"));
        prop_assert_eq!(read(&from), (name, "Invitations@example.com".to_owned()));
    }
}

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("a file can be written");
    }
    folder
}

#[test]
fn a_folder_has_languages_and_templates_of_its_own() {
    let german = r#"{ "mail": {
        "subject_account": "Einladung zu {account}",
        "intro_inviter_account": "{inviter} lädt Sie zu {account} ein.",
        "expiry": "Annehmen können Sie bis {expiry}.",
        "from_account": "{account} über Einladungen",
        "date": "{day}. {month} {year}, {hour}.{minute} Uhr (UTC)",
        "months": "Januar, Februar, März, April, Mai, Juni, Juli, August, September, Oktober, November, Dezember"
    } }"#;
    let html =
        "<html lang=\"{{ lang }}\"><title>{{ subject }}</title><a href=\"{{ link }}\">{{ button }}</a>{{ link }} {{ expiry }}</html>";
    let folder = folder(&[("de.json", german), ("mail.html", html), ("mail.txt", "{{ intro }} <{{ link }}>")]);
    let texts = Texts::load(Some(folder.path())).expect("the files are right");
    let content = Content { locale: Some(parsed("de-AT")), ..Content::new(Some("A & B"), Some("Jürgen")) };
    let (mail, link) = (content.rendered(&texts), content.link.as_str());
    assert_eq!(mail.subject, "Einladung zu A & B");
    assert_eq!(mail.text, format!("Jürgen lädt Sie zu A & B ein. <{link}>"));
    let expected = format!(
        "<html lang=\"de\"><title>Einladung zu A &amp; B</title><a href=\"{link}\">See the invitation</a>{link} \
         Annehmen können Sie bis 21. Juni 2030, 09.01 Uhr (UTC).</html>"
    );
    assert_eq!(mail.html, expected);
    assert_eq!(read(&content.letter().mailbox(&texts, &sender())).0, "A & B über Einladungen");

    // Who asks for another language gets the same template in English.
    let english = Content { locale: Some(parsed("fr")), ..content }.rendered(&texts);
    assert!(english.html.starts_with("<html lang=\"en\"><title>You are invited to A &amp; B</title>"), "{}", english.html);
}

#[test]
fn a_language_that_is_written_from_right_to_left_is_shown_so_and_marks_nothing_in_a_header() {
    let hebrew = r#"{ "mail": { "subject": "\u200fהוזמנת\u202e", "from": "\u2067הזמנות\u2069" } }"#;
    let folder = folder(&[("he.json", hebrew)]);
    let texts = Texts::load(Some(folder.path())).expect("the file is right");
    let content = Content { locale: Some(parsed("he-IL")), ..Content::new(None, None) };
    let mail = content.rendered(&texts);
    assert!(mail.html.contains("<html lang=\"he\" dir=\"rtl\">"), "{}", mail.html);
    assert_eq!(mail.subject, "הוזמנת");
    assert_eq!(read(&content.letter().mailbox(&texts, &sender())).0, "הזמנות");
}

#[test]
fn a_subject_has_150_characters_at_most() {
    let long = format!(r#"{{ "mail": {{ "subject": "{}" }} }}"#, "ü".repeat(200));
    let folder = folder(&[("en.json", &long)]);
    let texts = Texts::load(Some(folder.path())).expect("the file is right");
    assert_eq!(Content::new(None, None).rendered(&texts).subject, "ü".repeat(150));
}
