//! The invitation email and its reminder: a subject, a text part and an HTML part.
//!
//! It contains one link and nothing else that an email client would turn into a link: names are [`DisplayName`]s, and the invitee's
//! address is not shown. The account chooses only the names; all other words come from the texts.

pub mod mailbox;
#[cfg(test)]
mod tests;

use std::{fmt, iter};

use minijinja::Value;
use shared::domain::{
    Email, Invitation, RoleId, Timestamp,
    courier::EmailKind,
    link_base::InvitationLink,
    settings::{AccountSettings, Colour, DisplayName, Locale},
};

use crate::texts::{EmailTexts, EmailVariables, LanguageTexts, Texts, fill};

/// The default colour of the button.
const COLOUR: &str = "#0b5fff";
/// The maximum length of a subject, in characters.
const MAX_SUBJECT: usize = 150;

/// The content of an email.
#[derive(Debug, Clone)]
pub struct InvitationEmail<'a> {
    /// Which email it is.
    pub kind: EmailKind,
    /// The account's name.
    pub account_name: Option<&'a DisplayName>,
    /// The inviter's name.
    pub inviter: Option<DisplayName>,
    /// The role that the invitation grants.
    pub role: &'a RoleId,
    /// When the invitation expires.
    pub expiry: Timestamp,
    /// The link to the invitation.
    pub link: &'a InvitationLink,
    /// The button's colour.
    pub colour: Option<&'a Colour>,
    /// The preferred languages, best first.
    pub locales: [Option<&'a Locale>; 2],
}

/// An email, ready to send. It must not be logged, because it contains the link.
pub struct Rendered {
    /// One line of at most 150 Unicode characters. SES encodes it for the header (RFC 2047).
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The HTML.
    pub html: String,
}

impl<'a> InvitationEmail<'a> {
    /// The email of an invitation. `settings` are the account's, completed with the stack's defaults.
    #[must_use]
    pub fn of(kind: EmailKind, invitation: &'a Invitation, settings: &'a AccountSettings, link: &'a InvitationLink) -> Self {
        Self {
            kind,
            account_name: settings.name.as_ref(),
            inviter: invitation.sender.as_deref().and_then(DisplayName::of_untrusted),
            role: &invitation.resource.role,
            expiry: invitation.resource.expiry,
            link,
            colour: settings.colour.as_ref(),
            locales: [invitation.locale.as_ref(), settings.locale.as_ref()],
        }
    }

    /// Renders the email.
    ///
    /// # Errors
    /// If a custom template fails, although its trial rendering succeeded.
    pub fn render(&self, texts: &Texts) -> Result<Rendered, minijinja::Error> {
        let variables = self.variables(texts);
        let templates = texts.templates.of(self.kind);
        Ok(Rendered { text: templates.text(&variables)?, html: templates.html(&variables)?, subject: variables.subject })
    }

    /// The sender as SES expects it: the account's name and our address.
    #[must_use]
    pub fn mailbox(&self, texts: &Texts, address: &Email) -> String {
        let texts = &texts.languages.best(&self.locales).1.email;
        let from_account = |name: String| fill(&texts.from_account, &[("account", &name)]);
        let mut names = self.account_name.into_iter().flat_map(truncations).map(from_account).chain([texts.from.clone()]);
        names.find_map(|name| mailbox::mailbox(&one_line(&name), address)).unwrap_or_else(|| address.mailbox())
    }

    fn variables(&self, texts: &Texts) -> EmailVariables {
        let (locale, texts) = texts.languages.best(&self.locales);
        let colour = self.colour.cloned().unwrap_or_else(|| COLOUR.parse().expect("a colour"));
        let (subject, intro) = self.subject_and_intro(texts);
        let texts = &texts.email;
        let expiry = match self.kind {
            EmailKind::Invitation => &texts.expiry,
            EmailKind::Reminder => &texts.reminder_expiry,
        };
        EmailVariables {
            lang: locale.to_string(),
            dir: locale.direction(),
            subject: one_line(&subject),
            intro,
            expiry: fill(expiry, &[("expiry", &date(self.expiry, texts))]),
            button: texts.button.clone(),
            fallback: texts.fallback.clone(),
            link_intro: texts.link.clone(),
            link: Value::from_safe_string(self.link.as_str().to_owned()),
            secret: texts.secret.clone(),
            ignore: texts.ignore.clone(),
            colour: colour.to_string(),
            on_colour: colour.text_on(),
        }
    }

    /// The subject and the first sentence: who invites to which account, as far as known.
    fn subject_and_intro(&self, LanguageTexts { email: texts, roles, .. }: &LanguageTexts) -> (String, String) {
        let (account, inviter) = (self.account_name.map(DisplayName::as_str), self.inviter.as_ref().map(DisplayName::as_str));
        let (subject, intro) = match (account, inviter) {
            (None, None) => (&texts.subject, &texts.intro),
            (None, Some(_)) => (&texts.subject, &texts.intro_inviter),
            (Some(_), None) => (&texts.subject_account, &texts.intro_account),
            (Some(_), Some(_)) => (&texts.subject_account, &texts.intro_inviter_account),
        };
        // A role id can look like a phone number.
        let id = DisplayName::of_untrusted(self.role.as_str());
        let role = roles.get(self.role).map(String::as_str).or(id.as_ref().map(DisplayName::as_str)).unwrap_or("…");
        let values = [("account", account.unwrap_or_default()), ("inviter", inviter.unwrap_or_default()), ("role", role)];
        let (subject, intro) = (fill(subject, &values), fill(intro, &values));
        match self.kind {
            EmailKind::Invitation => (subject, intro),
            EmailKind::Reminder => {
                (fill(&texts.reminder_subject, &[("subject", &subject)]), fill(&texts.reminder_intro, &[("intro", &intro)]))
            }
        }
    }
}

impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rendered(***)")
    }
}

/// A name, followed by ever shorter beginnings of it.
fn truncations(name: &DisplayName) -> impl Iterator<Item = String> {
    let name = name.as_str();
    let beginnings = name.char_indices().rev().map(|(end, _)| name[..end].trim_end()).filter(|beginning| !beginning.is_empty());
    iter::once(name.to_owned()).chain(beginnings.map(|beginning| format!("{beginning}…")))
}

/// A text for a header: not too long, and without line breaks, other control characters and direction marks. Names contain none of
/// these, but translations can.
fn one_line(text: &str) -> String {
    let is_direction_mark = |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|c| !c.is_control() && !is_direction_mark(*c)).take(MAX_SUBJECT).collect()
}

fn date(time: Timestamp, texts: &EmailTexts) -> String {
    let civil = time.civil();
    let two = |number: u32| format!("{number:02}");
    let values = [
        ("day", civil.day.to_string()),
        ("month", texts.months.name(civil.month).to_owned()),
        ("year", civil.year.to_string()),
        ("hour", two(civil.hour)),
        ("minute", two(civil.minute)),
    ];
    fill(&texts.date, &values.each_ref().map(|(name, value)| (*name, value.as_str())))
}
