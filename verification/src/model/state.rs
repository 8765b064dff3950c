//! The state of one account in the model.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    operations::{Closing, Request},
    responses::Refusal,
};

/// Milliseconds since 1970.
pub type Millis = i64;

/// The configured limits.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The time until an invitation expires.
    pub lifetime: Millis,
    /// The least time between two emails of one invitation.
    pub cooldown: Millis,
    /// The most emails of one invitation.
    pub max_sends: u32,
    /// The most emails of an account in a window; `None` if the quota is not checked.
    pub quota: Option<u32>,
    /// The length of a window.
    pub window: Millis,
    /// How long a response is stored under its idempotency key.
    pub response_ttl: Millis,
    /// How long an invitation remains after it has ended.
    pub retention: Millis,
}

/// The model's own id of an invitation: the number of the operation that created it.
pub type Handle = usize;

/// An invitation, as far as responses have shown it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Invitation {
    /// Its id, once a response has shown it.
    pub id: Option<Arc<str>>,
    /// The invitee's address.
    pub email: Arc<str>,
    /// The URN of the caller that created it.
    pub inviter: Arc<str>,
    /// The role that it grants.
    pub role: Arc<str>,
    /// How often its role or expiry was changed.
    pub updates: u32,
    /// Its final state, if it was closed.
    pub closed: Option<Closing>,
    /// When it was created.
    pub created: Millis,
    /// When it was changed last.
    pub modified: Millis,
    /// When it expires.
    pub expiry: Millis,
    /// When it was sent last.
    pub sent: Millis,
    /// How often it was sent.
    pub sends: u32,
    /// The URN of the person who has accepted it, if they had signed in.
    pub accepted_by: Option<Arc<str>>,
    /// The hash of its link's secret, once a response or a snapshot has shown it.
    pub link: Option<Arc<str>>,
    /// Whether its caller got that link.
    pub link_only: bool,
}

/// The lock on an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lock {
    /// The invitation that holds it.
    pub holder: Handle,
    /// When it expires.
    pub until: Millis,
}

/// A response stored under an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StoredResponse {
    /// The request that it answers.
    pub request: Request,
    /// The invitation as shown.
    pub view: View,
    /// Its status.
    pub status: u16,
    /// The sending whose link its caller got.
    pub link: Option<u32>,
    /// Its bytes, once a caller has received them.
    pub text: Option<Arc<str>>,
    /// When it expires.
    pub until: Millis,
}

/// What became of a row of a bulk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RowResult {
    /// Its invitation was created, and is shown like this.
    Created(View),
    /// It was refused.
    Refused(Refusal),
}

/// The results of a bulk with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BulkRecord {
    /// When it expires.
    pub until: Millis,
    /// By address, the results that a repeated request gets, and their bytes, once a caller has received them.
    pub rows: BTreeMap<Arc<str>, (RowResult, Option<Arc<str>>)>,
}

/// The state of one account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct State {
    /// Invitations by handle.
    pub invitations: BTreeMap<Handle, Invitation>,
    /// Locks by address.
    pub locks: BTreeMap<Arc<str>, Lock>,
    /// Responses stored under idempotency keys.
    pub stored: BTreeMap<RecordKey, StoredResponse>,
    /// Results of bulks under idempotency keys.
    pub bulks: BTreeMap<RecordKey, BulkRecord>,
    /// Emails by the start of their window.
    pub used: BTreeMap<Millis, u32>,
}

/// An invitation as responses show it. Times in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct View {
    /// The invitation.
    pub handle: Handle,
    /// The invitee's address.
    pub email: Arc<str>,
    /// The URN of the caller that created it.
    pub inviter: Arc<str>,
    /// The role that it grants.
    pub role: Arc<str>,
    /// The URN of the person who has accepted it, if they had signed in.
    pub accepted_by: Option<Arc<str>>,
    /// Its state.
    pub state: &'static str,
    /// When it was created.
    pub created: i64,
    /// When it was changed last.
    pub modified: i64,
    /// When it expires.
    pub expiry: i64,
    /// When it was sent last.
    pub sent: i64,
}

/// The caller, route and idempotency key of a stored response.
pub type RecordKey = (Arc<str>, &'static str, Arc<str>);

impl State {
    /// The invitation with this id, if a response has shown it.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<Handle> {
        self.invitations.iter().find(|(_, it)| it.id.as_deref() == Some(id)).map(|(handle, _)| *handle)
    }

    /// An invitation as a response at `now` shows it.
    #[must_use]
    pub fn view(&self, handle: Handle, now: Millis) -> View {
        let it = &self.invitations[&handle];
        let state = match it.closed {
            Some(closing) => closing.as_str(),
            None if it.expiry > now => "invited",
            None => "expired",
        };
        let [created, modified, expiry, sent] = [it.created, it.modified, it.expiry, it.sent].map(|at| at / 1000);
        let (email, inviter, role) = (Arc::clone(&it.email), Arc::clone(&it.inviter), Arc::clone(&it.role));
        View { handle, email, inviter, role, accepted_by: it.accepted_by.clone(), state, created, modified, expiry, sent }
    }
}
