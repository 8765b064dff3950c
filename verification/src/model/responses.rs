//! Expected responses, actual responses, and whether they match.
//!
//! The model does not predict the values that the service chooses: ids, links, and the bytes of a body. The first response that
//! shows one binds it, and all later ones must agree.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use sha2::{Digest, Sha256};
use shared::domain::Timestamp;
use support::Response;

use super::{
    operations::Closing,
    state::{Handle, Millis, RecordKey, RowResult, State, View},
};

/// A reason to refuse a request. Pauses in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// This caller has no such invitation.
    NotFound,
    /// This open invitation has the address.
    AlreadyInvited(Handle),
    /// The invitation is closed.
    Closed(Closing),
    /// The invitation has expired.
    Expired,
    /// The invitation was sent too often.
    MaxSends,
    /// The invitation was changed too often.
    MaxUpdates,
    /// The requested expiry is too early or too late.
    Expiry,
    /// The invitation has another role than was shown.
    RoleChanged,
    /// The invitation was sent too recently.
    Cooldown(Millis),
    /// The account has sent too much.
    Quota(Millis),
    /// The idempotency key was used for another request.
    KeyReused,
    /// The caller's role does not permit it.
    Forbidden,
    /// The invitation is for another address.
    WrongInvitee,
}

impl Refusal {
    /// The status and the error code.
    fn status_and_code(self) -> (u16, &'static str) {
        match self {
            Self::NotFound => (404, "not-found"),
            Self::AlreadyInvited(_) => (400, "already-invited"),
            Self::Closed(Closing::Accepted) => (400, "already-accepted"),
            Self::Closed(Closing::Declined) => (400, "already-declined"),
            Self::Closed(Closing::Revoked) => (400, "already-revoked"),
            Self::Expired => (400, "expired"),
            Self::MaxSends => (400, "max-sends"),
            Self::MaxUpdates => (400, "max-changes"),
            Self::Expiry => (400, "invalid-expiry"),
            Self::RoleChanged => (400, "role-changed"),
            Self::Cooldown(_) => (429, "resend-cooldown"),
            Self::Quota(_) => (429, "send-quota"),
            Self::KeyReused => (400, "idempotency-key-reused"),
            Self::Forbidden => (403, "forbidden"),
            Self::WrongInvitee => (403, "wrong-invitee"),
        }
    }

    /// The exact `Retry-After` in seconds.
    fn retry_after(self) -> Option<i64> {
        match self {
            Self::Cooldown(pause) | Self::Quota(pause) => Some((pause + 999) / 1000),
            _ => None,
        }
    }
}

/// The response that a caller must receive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// An invitation, as shown to its account.
    ForAccount {
        /// The status.
        status: u16,
        /// The invitation.
        view: View,
        /// Whether its present link is returned with it.
        link: bool,
        /// Whether it is a stored response.
        replayed: bool,
        /// The key under which it is stored.
        stored: Option<RecordKey>,
    },
    /// The result of a row of a bulk, and the key and the address under which it is stored.
    Row(RowResult, Option<(RecordKey, Arc<str>)>),
    /// An invitation, as shown to its invitee.
    ForInvitee(View),
    /// A person's own invitation, or none.
    Own(Option<View>),
    /// An error.
    Refused(Refusal),
}

impl Expected {
    /// An invitation in a response that is not stored.
    #[must_use]
    pub fn shown(status: u16, view: View) -> Self {
        Self::ForAccount { status, view, link: false, replayed: false, stored: None }
    }
}

impl From<Refusal> for Expected {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A link that a caller received.
#[derive(Debug, Clone)]
pub struct Link {
    /// The token in it.
    pub token: Arc<str>,
    /// The hash of its secret in base64url.
    pub hash: Arc<str>,
}

impl Link {
    /// The link in a body, and the body without it.
    fn split(body: &str) -> (Option<Self>, String) {
        let found = body.split_once(r#","link":""#).and_then(|(before, rest)| Some((before, rest.split_once('"')?)));
        let Some((before, (url, after))) = found else { return (None, body.to_owned()) };
        let token = url.split_once('#').map_or(url, |(_, token)| token);
        let secret = URL_SAFE_NO_PAD.decode(token.rsplit('.').next().unwrap_or_default()).unwrap_or_default();
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(secret));
        (Some(Self { token: token.into(), hash: hash.into() }), format!("{before}{after}"))
    }
}

/// The response that a caller received.
#[derive(Debug, Clone)]
pub struct Actual {
    /// The status.
    pub status: u16,
    /// The body's bytes, without a link, which is stored nowhere.
    pub text: Arc<str>,
    link: Option<Link>,
    replayed: bool,
    retry_after: Option<i64>,
    body: Value,
}

impl From<&Response> for Actual {
    fn from(response: &Response) -> Self {
        let (link, text) = Link::split(&response.text);
        Self {
            status: response.status,
            text: text.into(),
            link,
            replayed: response.header("idempotent-replayed").is_some(),
            retry_after: response.header("retry-after").and_then(|text| text.parse().ok()),
            body: response.json(),
        }
    }
}

impl Actual {
    /// The response to each of this many rows of a bulk: its result, or the error of the whole request.
    #[must_use]
    pub fn rows(&self, count: usize) -> Vec<Self> {
        if self.status != 200 {
            return vec![self.clone(); count];
        }
        let results = self.body["results"].as_array().into_iter().flatten().map(|result| Self {
            status: result["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or_default(),
            text: result.to_string().into(),
            retry_after: result["error"]["retryAfter"].as_i64(),
            body: if result["error"].is_null() { result["invitation"].clone() } else { result["error"].clone() },
            ..self.clone()
        });
        results.collect()
    }

    /// The link that was returned with an invitation.
    #[must_use]
    pub fn link(&self) -> Option<&Link> {
        self.link.as_ref()
    }

    /// A string in the body.
    #[must_use]
    pub fn field(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }

    /// The part of a person's own invitations that concerns an account.
    #[must_use]
    pub fn own_of(&self, account: &str) -> Self {
        let mut part = self.clone();
        if let Some(listed) = part.body["invitations"].as_array_mut() {
            listed.retain(|it| it["account"] == account);
        }
        part
    }

    /// The listed invitations.
    fn listed(&self) -> Vec<Self> {
        self.body["invitations"].as_array().into_iter().flatten().map(|it| Self { body: it.clone(), ..self.clone() }).collect()
    }

    fn seconds(&self, name: &str) -> Option<i64> {
        self.field(name).parse::<Timestamp>().ok().map(Timestamp::as_secs)
    }

    /// The id of the open invitation that an `already-invited` error names.
    #[must_use]
    pub fn open_id(&self) -> &str {
        let words = self.field("message").split(|c: char| !c.is_ascii_hexdigit());
        words.into_iter().find(|word| word.len() == 32).unwrap_or_default()
    }
}

impl State {
    /// The state with the values that `actual` binds; `None` if it does not match `expected`.
    #[must_use]
    pub fn match_response(mut self, expected: &Expected, actual: &Actual) -> Option<Self> {
        let matches = match expected {
            Expected::ForAccount { status, view, link, replayed, stored } => {
                actual.status == *status
                    && actual.replayed == *replayed
                    && self.shows(view, actual)
                    && self.returns_link(view.handle, *link, actual)
                    && stored.as_ref().is_none_or(|key| self.bind_text(key, &actual.text))
            }
            Expected::Row(result, stored) => {
                // Which run of a key records its results is not in the model.
                let alone = stored.is_none() && actual.replayed;
                let same = match result {
                    RowResult::Created(view) => actual.status == 201 && self.shows(view, actual),
                    RowResult::Refused(refusal) => self.refuses(*refusal, actual),
                };
                !alone && same && stored.as_ref().is_none_or(|(key, email)| self.bind_row(key, email, &actual.text))
            }
            Expected::ForInvitee(view) => {
                actual.status == 200
                    && actual.field("email") == &*view.email
                    && actual.field("roleID") == &*view.role
                    && actual.field("state") == view.state
                    && actual.seconds("expiry") == Some(view.expiry)
            }
            Expected::Own(view) => {
                let listed = actual.listed();
                actual.status == 200
                    && listed.len() == view.iter().count()
                    && listed.iter().zip(view).all(|(it, view)| {
                        self.bind_id(view.handle, it.field("id"))
                            && it.field("email") == &*view.email
                            && it.field("roleID") == &*view.role
                            && it.field("state") == view.state
                            && it.seconds("expiry") == Some(view.expiry)
                    })
            }
            Expected::Refused(refusal) => self.refuses(*refusal, actual),
        };
        matches.then_some(self)
    }

    /// Whether a response shows an invitation to its account like this.
    fn shows(&mut self, view: &View, actual: &Actual) -> bool {
        self.bind_id(view.handle, actual.field("id"))
            && actual.field("email") == &*view.email
            && actual.field("invitedBy") == &*view.inviter
            && actual.field("roleID") == &*view.role
            && actual.field("acceptedBy") == view.accepted_by.as_deref().unwrap_or_default()
            && actual.field("state") == view.state
            && ["created", "lastModified", "expiry", "lastSent"].map(|name| actual.seconds(name))
                == [view.created, view.modified, view.expiry, view.sent].map(Some)
            // Closing is the last modification.
            && ["accepted", "declined", "revoked"]
                .into_iter()
                .all(|state| actual.seconds(&format!("{state}At")) == (state == view.state).then_some(view.modified))
    }

    /// Whether a response returns the present link of an invitation, or none. Binds it if it is not known yet.
    fn returns_link(&mut self, handle: Handle, expected: bool, actual: &Actual) -> bool {
        match (actual.link(), self.invitations.get_mut(&handle)) {
            (Some(link), Some(it)) if expected => *it.link.get_or_insert_with(|| Arc::clone(&link.hash)) == link.hash,
            (link, _) => !expected && link.is_none(),
        }
    }

    /// Whether a response is this error.
    fn refuses(&mut self, refusal: Refusal, actual: &Actual) -> bool {
        (actual.status, actual.field("code")) == refusal.status_and_code()
            && actual.retry_after == refusal.retry_after()
            && match refusal {
                Refusal::AlreadyInvited(handle) => self.bind_id(handle, actual.open_id()),
                _ => true,
            }
    }

    /// Whether the stored result of a row has these bytes. Binds them if it has none yet.
    fn bind_row(&mut self, key: &RecordKey, email: &str, text: &Arc<str>) -> bool {
        let Some((_, bytes)) = self.bulks.get_mut(key).and_then(|record| record.rows.get_mut(email)) else { return false };
        *bytes.get_or_insert_with(|| Arc::clone(text)) == *text
    }

    /// Whether the invitation has this id. Binds it if it has none yet.
    pub(super) fn bind_id(&mut self, handle: Handle, id: &str) -> bool {
        let known = self.by_id(id);
        match self.invitations.get_mut(&handle) {
            Some(it) if it.id.is_none() && known.is_none() && !id.is_empty() => {
                it.id = Some(id.into());
                true
            }
            // A stored response may show an invitation that was purged.
            None => known.is_none(),
            Some(_) => known == Some(handle),
        }
    }

    /// Whether the stored response has these bytes. Binds them if it has none yet.
    fn bind_text(&mut self, key: &RecordKey, text: &Arc<str>) -> bool {
        let Some(response) = self.stored.get_mut(key) else { return false };
        *response.text.get_or_insert_with(|| Arc::clone(text)) == *text
    }
}
