//! What mails say.

mod folder;
mod hostile;

use shared::{
    config::{DEFAULT_ROLES, read_send_policy},
    domain::{
        Email, Invitation, RoleId, Timestamp, Urns,
        api_key::{ApiKey, ApiKeyRecord},
        lifecycle::{NewInvitation, Operation, create},
        link::Token,
        link_base::{InvitationLink, LinkBase},
        settings::{AccountSettings, Colour, DisplayName, Locale},
    },
};

use super::{InvitationEmail, Rendered};
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

    fn letter(&self) -> InvitationEmail<'_> {
        InvitationEmail {
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

/// What keeps a list of mails from showing more than the preview: a blank that cannot be broken, and nothing that could be joined.
const BLANKS: &str = "&#847;&zwnj;&nbsp;";

/// A document's tags, in order and as they are written.
fn tags(html: &str) -> Vec<&str> {
    html.split('<').skip(1).map(|rest| rest.split_once('>').map_or(rest, |(tag, _)| tag)).collect()
}

/// What is shown of an HTML document, without its styles and the blanks after its preview.
fn shown(html: &str) -> String {
    let (_, body) = html.split_once("<body").expect("a body");
    let body = body.replace(BLANKS, "");
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
         To view the invitation, open this link:\n\n{link}\n\nThis link is only for you. Please do not share it.\n\n\
         If you did not expect this invitation, you can ignore this email. Nothing happens unless you accept."
    );
    assert_eq!(mail.text, expected);
    for text in ["Jane Doe has invited you", "until 21 June 2030, 09:01 UTC", "View the invitation", "do not share it"] {
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
fn a_list_of_mails_shows_the_preview_and_nothing_of_what_follows() {
    let html = Content::new(Some("Acme"), Some("Jane")).rendered(&english()).html;
    let (_, preview) = html.split_once("<div ").and_then(|(_, rest)| rest.split_once('>')).expect("a preview");
    let (preview, _) = preview.split_once("</div>").expect("its end");
    assert_eq!(preview, format!("Jane has invited you to Acme with the role read-only.{}", BLANKS.repeat(60)));
}

#[test]
fn the_language_is_said_wherever_a_mail_client_leaves_off_what_is_around() {
    let html = Content::new(None, None).rendered(&english()).html;
    let said: Vec<&str> = tags(&html).into_iter().filter(|tag| tag.contains("lang=\"en\" dir=\"ltr\"")).collect();
    let [document, preview, article] = said[..] else { panic!("{said:?}") };
    assert_eq!((document, preview.split(' ').next()), ("html lang=\"en\" dir=\"ltr\"", Some("div")));
    assert!(article.starts_with("div role=\"article\" "), "{article}");
    // A direction of its own has the link alone.
    assert_eq!(html.matches(" dir=").count(), 4);
}

#[test]
fn ses_does_not_put_the_link_into_a_url_of_its_own() {
    // The token would get into the logs of whoever counts the clicks (T2).
    let content = Content::new(Some("Acme"), None);
    let html = content.rendered(&english()).html;
    let anchors: Vec<&str> = tags(&html).into_iter().filter(|tag| tag.starts_with("a ")).collect();
    let [anchor] = anchors[..] else { panic!("{anchors:?}") };
    assert!(anchor.starts_with(&format!("a ses:no-track href=\"{}\" ", content.link.as_str())), "{anchor}");
}

#[test]
fn the_card_has_its_padding_where_outlook_looks_for_it() {
    let html = Content::new(None, None).rendered(&english()).html;
    let card: Vec<&str> = tags(&html).into_iter().filter(|tag| tag.contains("class=\"card\"")).collect();
    assert!(matches!(card[..], [cell] if cell.starts_with("td class=\"card\" style=\"padding: ")), "{card:?}");
}

#[test]
fn the_button_has_the_accounts_colour_and_a_text_that_can_be_read_on_it() {
    for (colour, text) in [("#ffcc00", "#000000"), ("#0b5fff", "#ffffff")] {
        let content = Content { colour: Some(parsed(colour)), ..Content::new(None, None) };
        let html = content.rendered(&english()).html;
        let button = tags(&html).into_iter().find(|tag| tag.starts_with("a ")).expect("a button");
        assert!(button.contains(&format!("; color: {text};")), "{button}");
        assert!(html.contains(&format!("bgcolor=\"{colour}\" style=\"border-radius: 8px; background-color: {colour};")), "{html}");
    }
}

/// An invitation that a key of this name sends.
fn invitation(sender: Option<&str>, locale: Option<&str>) -> Invitation {
    let (_, key) = ApiKey::generate(&parsed("012345678912"));
    let urns = Urns::new("cloudone".to_owned(), "ca-1".to_owned());
    let record = ApiKeyRecord::new(&key, parsed("full-access"), sender.map(str::to_owned), Timestamp::ZERO, None);
    let who = record.verify(&key, Timestamp::ZERO, &parsed(DEFAULT_ROLES), &urns).expect("the key is its own");
    let request = NewInvitation { email: parsed("jo@example.org"), role: parsed("read-only"), expiry: None, locale: locale.map(parsed) };
    let policy = read_send_policy(&|name| (name == "LINK_KEYS").then(|| format!("1:{}", "k".repeat(32)))).expect("a policy");
    create(&who, &request, parsed("3FDCA1955AE7EB167B25D7D90AC02B9F"), &Operation::generate(), Timestamp::ZERO, &policy)
        .expect("an invitation")
}

#[test]
fn a_letter_is_of_the_invitation_and_its_accounts_settings() {
    let link = link();
    let settings = AccountSettings {
        name: Some(parsed("Acme")),
        colour: Some(parsed("#ffcc00")),
        locale: Some(parsed("de")),
        ..AccountSettings::default()
    };
    let sent = invitation(Some("evil.example\u{202e}"), Some("fr"));
    let letter = InvitationEmail::of(&sent, &settings, &link);
    assert_eq!(letter.inviter.as_ref().map(DisplayName::as_str), Some("evil example"), "the key's name was given for another purpose");
    assert_eq!((letter.account_name, letter.colour), (settings.name.as_ref(), settings.colour.as_ref()));
    assert_eq!((letter.role.as_str(), letter.expiry.to_string().as_str()), ("read-only", "1970-01-08T00:00:00Z"));
    assert_eq!(letter.locales.map(|locale| locale.map(Locale::as_str)), [Some("fr"), Some("de")]);
    let mail = letter.render(&english()).expect("the templates fit");
    assert!(!format!("{}{}{}", mail.subject, mail.text, mail.html).contains("example.org"), "the invitee's address is not in it");

    let (sent, settings) = (invitation(None, None), AccountSettings::default());
    let letter = InvitationEmail::of(&sent, &settings, &link);
    assert!(letter.inviter.is_none() && letter.account_name.is_none() && letter.colour.is_none() && letter.locales == [None, None]);
}

#[test]
fn debug_shows_no_link() {
    let content = Content::new(Some("Acme"), None);
    let shown = format!("{:?} {:?}", content.letter(), content.rendered(&english()));
    assert!(!shown.contains("example.com") && !shown.contains("i1."), "{shown}");
}
