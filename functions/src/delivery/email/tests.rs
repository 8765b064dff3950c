//! The text of emails.

mod folder;
mod hostile;

use shared::{
    config::{DEFAULT_ROLES, read_send_policy},
    domain::{
        Email, Invitation, RoleId, Timestamp, Urns,
        api_key::{ApiKey, ApiKeyRecord},
        courier::EmailKind,
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

/// The content of an email.
#[derive(Debug, Clone)]
struct Content {
    kind: EmailKind,
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
        let kind = EmailKind::Invitation;
        Self { kind, account: account.map(parsed), inviter: inviter.map(parsed), role, link: link(), colour: None, locale: None }
    }

    fn email(&self) -> InvitationEmail<'_> {
        InvitationEmail {
            kind: self.kind,
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
        self.email().render(texts).expect("the templates fit")
    }
}

fn english() -> Texts {
    Texts::load(None).expect("what is built in is right")
}

fn sender() -> Email {
    parsed("Invitations@Example.com")
}

/// Fills the preview in a list of emails: a non-breaking space and joiners.
const BLANKS: &str = "&#847;&zwnj;&nbsp;";

/// A document's tags, in order and as they are written.
fn tags(html: &str) -> Vec<&str> {
    html.split('<').skip(1).map(|rest| rest.split_once('>').map_or(rest, |(tag, _)| tag)).collect()
}

/// The visible text of an HTML document, without the padding after its preview.
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
fn an_email_says_who_invites_to_which_account_until_when_and_where() {
    let content = Content::new(Some("Example Ltd."), Some("Jane Doe"));
    let rendered = content.rendered(&english());
    let link = content.link.as_str();
    assert_eq!(rendered.subject, "You are invited to Example Ltd.");
    let expected = format!(
        "Jane Doe has invited you to Example Ltd. with the role read-only.\nYou can accept until 21 June 2030, 09:01 UTC.\n\n\
         To view the invitation, open this link:\n\n{link}\n\nThis link is only for you. Please do not share it.\n\n\
         If you did not expect this invitation, you can ignore this email. Nothing happens unless you accept."
    );
    assert_eq!(rendered.text, expected);
    for text in ["Jane Doe has invited you", "until 21 June 2030, 09:01 UTC", "View the invitation", "do not share it"] {
        assert!(shown(&rendered.html).contains(text), "{text}: {}", rendered.html);
    }
    assert!(rendered.html.starts_with("<!DOCTYPE html>\n<html lang=\"en\" dir=\"ltr\">"), "{}", rendered.html);
    assert_eq!(content.email().mailbox(&english(), &sender()), "\"Example Ltd. via Invitations\" <Invitations@example.com>");
}

#[test]
fn a_reminder_says_so_in_its_subject_and_first_sentence_and_that_the_invitation_expires_soon() {
    let content = Content { kind: EmailKind::Reminder, ..Content::new(Some("Example Ltd."), Some("Jane Doe")) };
    let rendered = content.rendered(&english());
    let link = content.link.as_str();
    assert_eq!(rendered.subject, "Reminder: You are invited to Example Ltd.");
    let intro = "This is a reminder. Jane Doe has invited you to Example Ltd. with the role read-only.";
    let expected = format!(
        "{intro}\nThe invitation expires soon. You can accept until 21 June 2030, 09:01 UTC.\n\n\
         To view the invitation, open this link:\n\n{link}\n\nThis link is only for you. Please do not share it.\n\n\
         If you did not expect this invitation, you can ignore this email. Nothing happens unless you accept."
    );
    assert_eq!(rendered.text, expected);
    assert_eq!(shown(&rendered.html).matches(intro).count(), 2, "once in the preview, once in the body");
    assert!(shown(&rendered.html).contains("expires soon"), "{}", rendered.html);
    assert_eq!(content.email().mailbox(&english(), &sender()), "\"Example Ltd. via Invitations\" <Invitations@example.com>");
}

#[test]
fn unknown_names_are_left_out() {
    let name = Some("Jane");
    for (account, inviter, subject, intro) in [
        (None, None, "You are invited", "You have been invited to an account with the role read-only."),
        (None, name, "You are invited", "Jane has invited you to an account with the role read-only."),
        (Some("Acme"), None, "You are invited to Acme", "You have been invited to Acme with the role read-only."),
        (Some("Acme"), name, "You are invited to Acme", "Jane has invited you to Acme with the role read-only."),
    ] {
        let rendered = Content::new(account, inviter).rendered(&english());
        assert_eq!((rendered.subject.as_str(), rendered.text.lines().next()), (subject, Some(intro)));
        assert_eq!(shown(&rendered.html).matches(intro).count(), 2, "once in the preview, once in the body");
    }
    assert_eq!(Content::new(None, name).email().mailbox(&english(), &sender()), "\"Invitations\" <Invitations@example.com>");
}

#[test]
fn an_email_loads_nothing_and_reports_nothing() {
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
fn the_preview_in_a_list_of_emails_shows_nothing_of_the_rest() {
    let html = Content::new(Some("Acme"), Some("Jane")).rendered(&english()).html;
    let (_, preview) = html.split_once("<div ").and_then(|(_, rest)| rest.split_once('>')).expect("a preview");
    let (preview, _) = preview.split_once("</div>").expect("its end");
    assert_eq!(preview, format!("Jane has invited you to Acme with the role read-only.{}", BLANKS.repeat(60)));
}

#[test]
fn the_language_is_declared_on_every_element_that_email_clients_keep() {
    let html = Content::new(None, None).rendered(&english()).html;
    let said: Vec<&str> = tags(&html).into_iter().filter(|tag| tag.contains("lang=\"en\" dir=\"ltr\"")).collect();
    let [document, preview, article] = said[..] else { panic!("{said:?}") };
    assert_eq!((document, preview.split(' ').next()), ("html lang=\"en\" dir=\"ltr\"", Some("div")));
    assert!(article.starts_with("div role=\"article\" "), "{article}");
    // Only the link has its own direction.
    assert_eq!(html.matches(" dir=").count(), 4);
}

#[test]
fn ses_does_not_replace_the_link_by_a_tracking_url() {
    // A tracking service would log the token (T2).
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

/// An invitation sent with a key of this name.
fn invitation(sender: Option<&str>, locale: Option<&str>) -> Invitation {
    let (_, key) = ApiKey::generate(&parsed("012345678912"));
    let urns = Urns::new("cloudone".to_owned(), "ca-1".to_owned());
    let record = ApiKeyRecord::new(&key, parsed("full-access"), sender.map(str::to_owned), Timestamp::ZERO, None);
    let who = record.verify(&key, Timestamp::ZERO, &parsed(DEFAULT_ROLES), &urns).expect("the key is its own");
    let request = NewInvitation { locale: locale.map(parsed), ..NewInvitation::new(parsed("jo@example.org"), parsed("read-only")) };
    let policy = read_send_policy(&|name| (name == "LINK_KEYS").then(|| "k".repeat(32))).expect("a policy");
    create(
        &who,
        &request,
        parsed("3FDCA1955AE7EB167B25D7D90AC02B9F"),
        &Operation::generate(),
        Timestamp::ZERO,
        &policy,
        &AccountSettings::default(),
    )
    .expect("an invitation")
}

#[test]
fn an_email_takes_its_content_from_the_invitation_and_the_accounts_settings() {
    let link = link();
    let settings = AccountSettings {
        name: Some(parsed("Acme")),
        colour: Some(parsed("#ffcc00")),
        locale: Some(parsed("de")),
        ..AccountSettings::default()
    };
    let sent = invitation(Some("evil.example\u{202e}"), Some("fr"));
    let email = InvitationEmail::of(EmailKind::Invitation, &sent, &settings, &link);
    assert_eq!(email.inviter.as_ref().map(DisplayName::as_str), Some("evil example"), "the key's name may contain anything");
    assert_eq!((email.account_name, email.colour), (settings.name.as_ref(), settings.colour.as_ref()));
    assert_eq!((email.role.as_str(), email.expiry.to_string().as_str()), ("read-only", "1970-01-08T00:00:00Z"));
    assert_eq!(email.locales.map(|locale| locale.map(Locale::as_str)), [Some("fr"), Some("de")]);
    let rendered = email.render(&english()).expect("the templates fit");
    assert!(
        !format!("{}{}{}", rendered.subject, rendered.text, rendered.html).contains("example.org"),
        "the invitee's address is not in it"
    );

    let (sent, settings) = (invitation(None, None), AccountSettings::default());
    let email = InvitationEmail::of(EmailKind::Invitation, &sent, &settings, &link);
    assert!(email.inviter.is_none() && email.account_name.is_none() && email.colour.is_none() && email.locales == [None, None]);
}

#[test]
fn debug_shows_no_link() {
    let content = Content::new(Some("Acme"), None);
    let shown = format!("{:?} {:?}", content.email(), content.rendered(&english()));
    assert!(!shown.contains("example.com") && !shown.contains("i1."), "{shown}");
}
