//! Mails, whatever the names in them are.

use functions::{
    delivery::email::{InvitationEmail, Rendered},
    texts::Texts,
};
use serde_json::{Value, json};
use shared::domain::{
    Email, RoleId,
    link::Token,
    link_base::{InvitationLink, LinkBase},
    settings::{Colour, DisplayName, Locale},
};

use support::random::Random;

use crate::fuzz::{
    corpus::changed,
    table::{Table, now, parsed},
    target::{Target, Verdict},
};

pub(super) fn email() -> Box<dyn Target> {
    let letter = |account: &str, inviter: &str| json!({ "account": account, "inviter": inviter, "role": "read-only", "from": "Invitations@Example.com", "colour": "#0b5fff", "locale": "de" });
    let corpus = vec![
        letter("Acme Ltd", "Jane"),
        letter("<b>&\"'`</b>", "</title></style><a href=x>"),
        letter("{{ link }} {% raw %}", "--> <![endif]-->"),
        letter("株式会社", "=?UTF-8?Q?evil=2Eexample?="),
        letter("https://evil.example", "www.evil.example\r\nBcc: a@b.example"),
    ];
    let link = parsed::<LinkBase>("https://example.com/accept").link(&parsed::<Token>(&Table::new().tokens[0]));
    Box::new(Mails { corpus, texts: Texts::load(None).expect("what is built in is right"), link })
}

struct Mails {
    corpus: Vec<Value>,
    texts: Texts,
    link: InvitationLink,
}

impl Target for Mails {
    fn make(&self, random: &mut Random) -> String {
        changed(random, &self.corpus)
    }

    fn check(&self, letter: &str) -> Verdict {
        let letter: Value = serde_json::from_str(letter).unwrap_or_default();
        let text = |field: &str| letter[field].as_str().unwrap_or_default();
        let (Ok(role), Ok(from)) = (text("role").parse::<RoleId>(), text("from").parse::<Email>()) else { return Verdict::Refused };
        let (colour, locale) = (text("colour").parse::<Colour>().ok(), text("locale").parse::<Locale>().ok());
        let letter = |account, inviter| InvitationEmail {
            account_name: account,
            inviter,
            role: &role,
            expiry: now(),
            link: &self.link,
            colour: colour.as_ref(),
            locales: [locale.as_ref(), None],
        };
        let account = DisplayName::of_untrusted(text("account"));
        let usual_account: DisplayName = parsed("Acme");
        let usual = letter(Some(&usual_account), Some(parsed("Jane"))).render(&self.texts);
        let letter = letter(account.as_ref(), DisplayName::of_untrusted(text("inviter")));
        let (Ok(usual), Ok(rendered)) = (usual, letter.render(&self.texts)) else { return Verdict::Broken("not rendered".to_owned()) };
        match self.check(&rendered, &usual, &letter.mailbox(&self.texts, &from)) {
            None => Verdict::Accepted,
            Some(why) => Verdict::Broken(format!("{why}: {:?}", rendered.subject)),
        }
    }
}

impl Mails {
    fn check(&self, mail: &Rendered, usual: &Rendered, from: &str) -> Option<&'static str> {
        let link = self.link.as_str();
        let subject = &mail.subject;
        [
            (tags(&mail.html) == tags(&usual.html), "other tags"),
            (mail.html.matches("href=\"").count() == 1 && mail.html.contains(&format!("href=\"{link}\"")), "another link"),
            (mail.text.matches("://").count() == 1 && mail.text.matches(link).count() == 1, "another link in the text"),
            (mail.text.lines().count() == usual.text.lines().count(), "more lines, or fewer"),
            (subject.chars().count() <= 150 && !subject.contains(char::is_control), "a subject that is no line"),
            (from.len() <= 320 && from.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "a sender that is no header"),
        ]
        .into_iter()
        .find_map(|(holds, otherwise)| (!holds).then_some(otherwise))
    }
}

/// A document's tags, in order and as they are written.
fn tags(html: &str) -> Vec<&str> {
    html.split('<').skip(1).map(|rest| rest.split_once('>').map_or(rest, |(tag, _)| tag)).collect()
}
