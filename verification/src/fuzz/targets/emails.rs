//! Emails with hostile names in them.

use functions::{
    delivery::email::{InvitationEmail, Rendered},
    texts::Texts,
};
use serde_json::{Value, json};
use shared::domain::{
    Email, RoleId,
    courier::EmailKind,
    link::Token,
    link_base::{InvitationLink, LinkBase},
    settings::{Colour, DisplayName, Locale},
};
use support::random::Random;

use crate::fuzz::{
    corpus::mutated_event,
    table::{Table, now, parsed},
    target::{Target, Verdict},
};

pub(super) fn email() -> Box<dyn Target> {
    let input = |account: &str, inviter: &str| json!({ "account": account, "inviter": inviter, "role": "read-only", "from": "Invitations@Example.com", "colour": "#0b5fff", "locale": "de" });
    let corpus = [
        input("Acme Ltd", "Jane"),
        input("<b>&\"'`</b>", "</title></style><a href=x>"),
        input("{{ link }} {% raw %}", "--> <![endif]-->"),
        input("株式会社", "=?UTF-8?Q?evil=2Eexample?="),
        input("https://evil.example", "www.evil.example\r\nBcc: a@b.example"),
    ];
    let reminder = |mut invitation: Value| {
        invitation["kind"] = "reminder".into();
        invitation
    };
    let corpus = corpus.iter().cloned().chain(corpus.iter().cloned().map(reminder)).collect();
    let link = parsed::<LinkBase>("https://example.com/accept").link(&parsed::<Token>(&Table::new().tokens[0]));
    Box::new(Emails { corpus, texts: Texts::load(None).expect("the built-in texts are valid"), link })
}

struct Emails {
    corpus: Vec<Value>,
    texts: Texts,
    link: InvitationLink,
}

impl Target for Emails {
    fn make(&self, random: &mut Random) -> String {
        mutated_event(random, &self.corpus)
    }

    fn check(&self, input: &str) -> Verdict {
        let input: Value = serde_json::from_str(input).unwrap_or_default();
        let text = |field: &str| input[field].as_str().unwrap_or_default();
        let (Ok(role), Ok(from)) = (text("role").parse::<RoleId>(), text("from").parse::<Email>()) else { return Verdict::Rejected };
        let (colour, locale) = (text("colour").parse::<Colour>().ok(), text("locale").parse::<Locale>().ok());
        let kind = if text("kind") == "reminder" { EmailKind::Reminder } else { EmailKind::Invitation };
        let email = |account, inviter| InvitationEmail {
            kind,
            account_name: account,
            inviter,
            role: &role,
            expiry: now(),
            link: &self.link,
            colour: colour.as_ref(),
            locales: [locale.as_ref(), None],
        };
        let account = DisplayName::of_untrusted(text("account"));
        let plain_name: DisplayName = parsed("Acme");
        let reference = email(Some(&plain_name), Some(parsed("Jane"))).render(&self.texts);
        let email = email(account.as_ref(), DisplayName::of_untrusted(text("inviter")));
        let (Ok(reference), Ok(rendered)) = (reference, email.render(&self.texts)) else {
            return Verdict::Violation("the email is not rendered".to_owned());
        };
        match self.check_rendered(&rendered, &reference, &email.mailbox(&self.texts, &from)) {
            None => Verdict::Accepted,
            Some(why) => Verdict::Violation(format!("{why}: {:?}", rendered.subject)),
        }
    }
}

impl Emails {
    fn check_rendered(&self, email: &Rendered, reference: &Rendered, from: &str) -> Option<&'static str> {
        let link = self.link.as_str();
        let subject = &email.subject;
        [
            (tags(&email.html) == tags(&reference.html), "the HTML has other tags"),
            (email.html.matches("href=\"").count() == 1 && email.html.contains(&format!("href=\"{link}\"")), "the HTML has another link"),
            (email.text.matches("://").count() == 1 && email.text.matches(link).count() == 1, "the text has another link"),
            (email.text.lines().count() == reference.text.lines().count(), "the text has another number of lines"),
            (subject.chars().count() <= 150 && !subject.contains(char::is_control), "the subject is not one short line"),
            (from.len() <= 320 && from.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "the sender is not a valid header"),
        ]
        .into_iter()
        .find_map(|(holds, violation)| (!holds).then_some(violation))
    }
}

/// The tags of a document, in order and verbatim.
fn tags(html: &str) -> Vec<&str> {
    html.split('<').skip(1).map(|rest| rest.split_once('>').map_or(rest, |(tag, _)| tag)).collect()
}
