//! What an account says of itself: how mails and the page show it, and how its invitations may be accepted.

mod colour;
mod locale;
mod logo;
mod name;
mod redirect;

use std::{fmt, str::FromStr};

use super::text::{Malformed, excerpt};

pub use colour::Colour;
pub use locale::Locale;
pub use logo::Logo;
pub use name::DisplayName;
pub use redirect::Redirect;

/// The settings of one account. All are optional; what is absent is filled in from the stack's defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountSettings {
    /// What invitees see as the account's name.
    pub name: Option<DisplayName>,
    /// What the page shows above the invitation.
    pub logo: Option<Logo>,
    /// The colour of buttons.
    pub colour: Option<Colour>,
    /// The language of mails and page, unless the invitee's browser asks for another.
    pub locale: Option<Locale>,
    /// Where the page leads after an invitation was accepted.
    pub redirect: Option<Redirect>,
    /// Who may accept.
    pub binding: Binding,
}

impl AccountSettings {
    /// These settings, and where they are absent those of `defaults`. The binding is the account's own: a default would
    /// let a change of the stack open the invitations of an account that never asked for it.
    #[must_use]
    pub fn or(self, defaults: &Self) -> Self {
        Self {
            name: self.name.or_else(|| defaults.name.clone()),
            logo: self.logo.or_else(|| defaults.logo.clone()),
            colour: self.colour.or_else(|| defaults.colour.clone()),
            locale: self.locale.or_else(|| defaults.locale.clone()),
            redirect: self.redirect.or_else(|| defaults.redirect.clone()),
            binding: self.binding,
        }
    }
}

/// What is to become of one setting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It stays.
    #[default]
    Keep,
    /// It goes.
    Remove,
    /// It is replaced.
    Set(T),
}

/// What is to become of all of an account's settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingsChange {
    /// Of [`AccountSettings::name`].
    pub name: Change<DisplayName>,
    /// Of [`AccountSettings::logo`].
    pub logo: Change<Logo>,
    /// Of [`AccountSettings::colour`].
    pub colour: Change<Colour>,
    /// Of [`AccountSettings::locale`].
    pub locale: Change<Locale>,
    /// Of [`AccountSettings::redirect`].
    pub redirect: Change<Redirect>,
    /// Of [`AccountSettings::binding`]; removed, it is the default again.
    pub binding: Change<Binding>,
}

/// What it takes to accept an invitation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Binding {
    /// The link: who holds it may accept.
    #[default]
    Bearer,
    /// The address: only the host application accepts, when the invitee has signed in with it.
    Email,
}

impl Binding {
    /// As it is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Email => "email",
        }
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Binding {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        [Self::Bearer, Self::Email]
            .into_iter()
            .find(|binding| binding.as_str() == text)
            .ok_or_else(|| Malformed(format!("must be 'bearer' or 'email', not '{}'", excerpt(text))))
    }
}
