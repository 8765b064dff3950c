//! The mail of an invitation: what it says, as a subject, a text and an HTML part.
//!
//! It holds one link, and nothing else that a mail client would make one of: names are [`DisplayName`]s, ids of roles are shown
//! as such, and the invitee's address is not in it. The names are those that its account chose; the words around them are ours.

pub mod mailbox;
#[cfg(test)]
mod tests;

use std::{fmt, iter};

use minijinja::Value;
use shared::domain::{
    Email, Invitation, RoleId, Timestamp,
    link_base::InvitationLink,
    settings::{AccountSettings, Colour, DisplayName, Locale},
};

use crate::texts::{EmailVariables, EmailWords, Texts, Words, fill};

/// The button's colour when nobody chose one.
const COLOUR: &str = "#0b5fff";
/// How many characters a subject may have.
const LONGEST_SUBJECT: usize = 150;

/// What a mail is to tell.
#[derive(Debug, Clone)]
pub struct InvitationEmail<'a> {
    /// What the account is called.
    pub account_name: Option<&'a DisplayName>,
    /// Who asked for the mail.
    pub inviter: Option<DisplayName>,
    /// What the invitee would be.
    pub role: &'a RoleId,
    /// Until when it can be accepted.
    pub expiry: Timestamp,
    /// Where.
    pub link: &'a InvitationLink,
    /// The button's.
    pub colour: Option<&'a Colour>,
    /// The languages to look for, best first.
    pub locales: [Option<&'a Locale>; 2],
}

/// A mail, ready to be sent. No part of it may reach a log: the link is in it.
pub struct Rendered {
    /// One line of 150 characters at most, in Unicode: SES encodes it for the header (RFC 2047) when it is told that it is UTF-8.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The HTML.
    pub html: String,
}

impl<'a> InvitationEmail<'a> {
    /// Of an invitation, as the settings of its account, with the stack's defaults, want it.
    #[must_use]
    pub fn of(invitation: &'a Invitation, settings: &'a AccountSettings, link: &'a InvitationLink) -> Self {
        Self {
            account_name: settings.name.as_ref(),
            inviter: invitation.sender.as_deref().and_then(DisplayName::of_untrusted),
            role: &invitation.role,
            expiry: invitation.expiry,
            link,
            colour: settings.colour.as_ref(),
            locales: [invitation.locale.as_ref(), settings.locale.as_ref()],
        }
    }

    /// The mail.
    ///
    /// # Errors
    /// When a template of one's own fails for it, although it did not when it was tried.
    pub fn render(&self, texts: &Texts) -> Result<Rendered, minijinja::Error> {
        let variables = self.variables(texts);
        Ok(Rendered { text: texts.templates.text(&variables)?, html: texts.templates.html(&variables)?, subject: variables.subject })
    }

    /// Whom the mail is from, as SES wants it: the account's name and our address.
    #[must_use]
    pub fn mailbox(&self, texts: &Texts, address: &Email) -> String {
        let words = &texts.languages.best(&self.locales).1.email;
        let of_account = |name: String| fill(&words.from_account, &[("account", &name)]);
        let mut names = self.account_name.into_iter().flat_map(shortened).map(of_account).chain([words.from.clone()]);
        names.find_map(|name| mailbox::mailbox(&one_line(&name), address)).unwrap_or_else(|| address.mailbox())
    }

    fn variables(&self, texts: &Texts) -> EmailVariables {
        let (locale, words) = texts.languages.best(&self.locales);
        let colour = self.colour.cloned().unwrap_or_else(|| COLOUR.parse().expect("a colour"));
        let (subject, intro) = self.opening(words);
        let words = &words.email;
        EmailVariables {
            lang: locale.to_string(),
            dir: locale.direction(),
            subject: one_line(&subject),
            intro,
            expiry: fill(&words.expiry, &[("expiry", &date(self.expiry, words))]),
            button: words.button.clone(),
            fallback: words.fallback.clone(),
            link_intro: words.link.clone(),
            link: Value::from_safe_string(self.link.as_str().to_owned()),
            secret: words.secret.clone(),
            ignore: words.ignore.clone(),
            colour: colour.to_string(),
            on_colour: colour.text_on(),
        }
    }

    /// The subject and the sentence that says who invites to what, as far as that is known.
    fn opening(&self, Words { email: words, roles, .. }: &Words) -> (String, String) {
        let (account, inviter) = (self.account_name.map(DisplayName::as_str), self.inviter.as_ref().map(DisplayName::as_str));
        let (subject, intro) = match (account, inviter) {
            (None, None) => (&words.subject, &words.intro),
            (None, Some(_)) => (&words.subject, &words.intro_inviter),
            (Some(_), None) => (&words.subject_account, &words.intro_account),
            (Some(_), Some(_)) => (&words.subject_account, &words.intro_inviter_account),
        };
        // An id may look like a number to call.
        let id = DisplayName::of_untrusted(self.role.as_str());
        let role = roles.get(self.role).map(String::as_str).or(id.as_ref().map(DisplayName::as_str)).unwrap_or("…");
        let values = [("account", account.unwrap_or_default()), ("inviter", inviter.unwrap_or_default()), ("role", role)];
        (fill(subject, &values), fill(intro, &values))
    }
}

impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rendered(***)")
    }
}

/// A name, and ever less of it.
fn shortened(name: &DisplayName) -> impl Iterator<Item = String> {
    let name = name.as_str();
    let beginnings = name.char_indices().rev().map(|(end, _)| name[..end].trim_end()).filter(|beginning| !beginning.is_empty());
    iter::once(name.to_owned()).chain(beginnings.map(|beginning| format!("{beginning}…")))
}

/// A text for a header: without line breaks, other controls and marks that turn the direction, and not too long. Names have none
/// of them; a translation may.
fn one_line(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|c| !c.is_control() && !turns(*c)).take(LONGEST_SUBJECT).collect()
}

fn date(time: Timestamp, words: &EmailWords) -> String {
    let civil = time.civil();
    let two = |number: u32| format!("{number:02}");
    let values = [
        ("day", civil.day.to_string()),
        ("month", words.months.name(civil.month).to_owned()),
        ("year", civil.year.to_string()),
        ("hour", two(civil.hour)),
        ("minute", two(civil.minute)),
    ];
    fill(&words.date, &values.each_ref().map(|(name, value)| (*name, value.as_str())))
}
