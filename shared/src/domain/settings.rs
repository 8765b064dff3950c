//! Account settings: how emails and the page present the account, whom it invites, who may accept its invitations, when invitees
//! are reminded, and its external id.

mod colour;
mod domains;
mod locale;
mod logo;
mod name;
mod origins;
mod redirect;

use std::{fmt, str::FromStr, time::Duration};

use super::{
    account::ExternalId,
    reminder::RemindBefore,
    text::{Malformed, excerpt},
    time::Timestamp,
};

pub use colour::Colour;
pub use domains::{DomainPolicy, DomainRule};
pub use locale::Locale;
pub use logo::Logo;
pub use name::DisplayName;
pub use origins::RedirectOrigins;
pub use redirect::Redirect;

/// The settings of an account. All are optional; the stack's defaults replace missing ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountSettings {
    /// The account's name, as invitees see it.
    pub name: Option<DisplayName>,
    /// The logo above the invitation on the page.
    pub logo: Option<Logo>,
    /// The colour of buttons.
    pub colour: Option<Colour>,
    /// The language of emails and the page, unless the invitation has its own.
    pub locale: Option<Locale>,
    /// The page to continue to after accepting.
    pub redirect: Option<Redirect>,
    /// Who may accept.
    pub binding: Binding,
    /// Which domains it invites.
    pub domains: DomainPolicy,
    /// Where the redirects of single invitations may lead.
    pub redirect_origins: RedirectOrigins,
    /// How long before the expiry invitees are reminded.
    pub remind_before: Option<RemindBefore>,
    /// The external id, which is never changed or removed.
    pub external: Option<AssignedExternalId>,
}

impl AccountSettings {
    /// The external id.
    #[must_use]
    pub fn external_id(&self) -> Option<&ExternalId> {
        self.external.as_ref().map(|external| &external.id)
    }

    /// The external id that events of this time carry.
    #[must_use]
    pub fn external_id_at(&self, time: Timestamp) -> Option<&ExternalId> {
        self.external.as_ref().filter(|external| external.since <= time).map(|external| &external.id)
    }

    /// Fills in missing settings from `defaults`. The binding has no default, because changing it would weaken the invitations of
    /// accounts that did not ask for it.
    #[must_use]
    pub fn or(self, defaults: &Self) -> Self {
        Self {
            name: self.name.or_else(|| defaults.name.clone()),
            logo: self.logo.or_else(|| defaults.logo.clone()),
            colour: self.colour.or_else(|| defaults.colour.clone()),
            locale: self.locale.or_else(|| defaults.locale.clone()),
            redirect: self.redirect.or_else(|| defaults.redirect.clone()),
            binding: self.binding,
            domains: self.domains,
            redirect_origins: self.redirect_origins,
            remind_before: self.remind_before.or(defaults.remind_before),
            external: self.external,
        }
    }
}

/// An external id that an account has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignedExternalId {
    /// The external id.
    pub id: ExternalId,
    /// Events carry the external id if they are not older than this. An event may be published again at any time and must not change, so
    /// this time has to be later than every event that was published without the external id.
    pub since: Timestamp,
}

/// How long after an external id is set events begin to carry it: longer than the request that sets it can take, and than clocks differ.
pub const EXTERNAL_ID_MARGIN: Duration = Duration::from_secs(60);

/// The change of a setting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// Keep the setting.
    #[default]
    Keep,
    /// Remove the setting.
    Remove,
    /// Set it to this value.
    Set(T),
}

/// The changes of an account's settings.
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
    /// Of [`AccountSettings::binding`]; removing it restores the default.
    pub binding: Change<Binding>,
    /// Of [`AccountSettings::domains`], as a whole.
    pub domains: Change<DomainPolicy>,
    /// Of [`AccountSettings::redirect_origins`], as a whole.
    pub redirect_origins: Change<RedirectOrigins>,
    /// Of [`AccountSettings::remind_before`].
    pub remind_before: Change<RemindBefore>,
}

/// Who may accept an invitation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Binding {
    /// Anyone with the link.
    #[default]
    Bearer,
    /// Only the invited address: the host application accepts after the invitee has signed in.
    Email,
}

impl Binding {
    /// The name in rows and responses.
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
