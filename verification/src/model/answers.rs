//! What callers are to be told, what they were told, and whether the two agree.
//!
//! The model does not know how the service calls things. The first who is told an id, or sees a link, or gets the bytes of an
//! answer, settles it for all that follow.

use std::sync::Arc;

use serde_json::Value;
use shared::domain::Timestamp;
use support::Response;

use super::{
    operations::Closing,
    state::{Kept, Millis, Name, RecordKey, State, View},
};

/// Why not. Pauses in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is none, for this caller.
    NotFound,
    /// The address is this one's.
    AlreadyInvited(Name),
    /// It is closed.
    Closed(Closing),
    /// It has expired.
    Expired,
    /// It was sent too often.
    MaxSends,
    /// It was sent too recently.
    Cooldown(Millis),
    /// The account has sent too much.
    Quota(Millis),
    /// The key was used for something else.
    KeyReused,
}

impl Refusal {
    /// The status and the code.
    fn told(self) -> (u16, &'static str) {
        match self {
            Self::NotFound => (404, "not-found"),
            Self::AlreadyInvited(_) => (400, "already-invited"),
            Self::Closed(Closing::Accepted) => (400, "already-accepted"),
            Self::Closed(Closing::Declined) => (400, "already-declined"),
            Self::Closed(Closing::Revoked) => (400, "already-revoked"),
            Self::Expired => (400, "expired"),
            Self::MaxSends => (400, "max-sends"),
            Self::Cooldown(_) => (429, "resend-cooldown"),
            Self::Quota(_) => (429, "send-quota"),
            Self::KeyReused => (400, "idempotency-key-reused"),
        }
    }

    /// The exact pause in whole seconds after which it will have passed.
    fn pause(self) -> Option<i64> {
        match self {
            Self::Cooldown(pause) | Self::Quota(pause) => Some((pause + 999) / 1000),
            _ => None,
        }
    }
}

/// What a caller is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// An invitation, as its account sees it.
    Shown {
        /// The status.
        status: u16,
        /// What.
        view: View,
        /// Whether it was said before.
        replayed: bool,
        /// Where it is kept.
        kept: Option<RecordKey>,
    },
    /// An invitation, as its invitee sees it.
    Held(View),
    /// No.
    Refused(Refusal),
}

impl Expected {
    /// An invitation that is kept nowhere.
    #[must_use]
    pub fn shown(status: u16, view: View) -> Self {
        Self::Shown { status, view, replayed: false, kept: None }
    }

    /// What was said before.
    #[must_use]
    pub fn replay(kept: &Kept, place: RecordKey) -> Self {
        Self::Shown { status: kept.status, view: kept.view.clone(), replayed: true, kept: Some(place) }
    }
}

impl From<Refusal> for Expected {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What a caller was told.
#[derive(Debug, Clone)]
pub struct Told {
    /// The status.
    pub status: u16,
    /// The body's bytes.
    pub text: Arc<str>,
    replayed: bool,
    retry_after: Option<i64>,
    body: Value,
}

impl From<&Response> for Told {
    fn from(response: &Response) -> Self {
        Self {
            status: response.status,
            text: response.text.as_str().into(),
            replayed: response.header("idempotent-replayed").is_some(),
            retry_after: response.header("retry-after").and_then(|text| text.parse().ok()),
            body: response.json(),
        }
    }
}

impl Told {
    /// A text of the body.
    #[must_use]
    pub fn field(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }

    fn seconds(&self, name: &str) -> Option<i64> {
        self.field(name).parse::<Timestamp>().ok().map(Timestamp::as_secs)
    }

    /// The id of the open invitation that stands in the way.
    #[must_use]
    pub fn open(&self) -> &str {
        let words = self.field("message").split(|c: char| !c.is_ascii_hexdigit());
        words.into_iter().find(|word| word.len() == 32).unwrap_or_default()
    }
}

impl State {
    /// The state after `expected` has turned out to be what was told; `None` if it was not.
    #[must_use]
    pub fn told(mut self, expected: &Expected, told: &Told) -> Option<Self> {
        let right = match expected {
            Expected::Shown { status, view, replayed, kept } => {
                told.status == *status
                    && told.replayed == *replayed
                    && self.is_called(view.name, told.field("id"))
                    && told.field("email") == &*view.email
                    && told.field("state") == view.state
                    && ["created", "lastModified", "expiry", "lastSent"].map(|name| told.seconds(name))
                        == [view.created, view.modified, view.expiry, view.sent].map(Some)
                    // Nothing changes after it was closed.
                    && ["accepted", "declined", "revoked"]
                        .into_iter()
                        .all(|state| told.seconds(&format!("{state}At")) == (state == view.state).then_some(view.modified))
                    && kept.as_ref().is_none_or(|place| self.is_told(place, &told.text))
            }
            Expected::Held(view) => {
                told.status == 200
                    && told.field("email") == &*view.email
                    && told.field("state") == view.state
                    && told.seconds("expiry") == Some(view.expiry)
            }
            Expected::Refused(refusal) => {
                let (status, code) = refusal.told();
                (told.status, told.field("code")) == (status, code)
                    && told.retry_after == refusal.pause()
                    && match refusal {
                        Refusal::AlreadyInvited(name) => self.is_called(*name, told.open()),
                        _ => true,
                    }
            }
        };
        right.then_some(self)
    }

    /// Whether an invitation is called so, now if not before.
    pub(super) fn is_called(&mut self, name: Name, id: &str) -> bool {
        let known = self.by_id(id);
        match self.invitations.get_mut(&name) {
            Some(it) if it.id.is_none() && known.is_none() && !id.is_empty() => {
                it.id = Some(id.into());
                true
            }
            // What was purged may still be told of.
            None => known.is_none(),
            Some(_) => known == Some(name),
        }
    }

    fn is_told(&mut self, place: &RecordKey, text: &Arc<str>) -> bool {
        let Some(kept) = self.kept.get_mut(place) else { return false };
        *kept.text.get_or_insert_with(|| Arc::clone(text)) == *text
    }
}
