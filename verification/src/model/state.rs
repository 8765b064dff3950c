//! The state of one account in the model.

use std::{collections::BTreeMap, sync::Arc};

use super::operations::{Closing, Request};

/// Milliseconds since 1970.
pub type Millis = i64;

/// The configured limits.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long an invitation is open.
    pub lifetime: Millis,
    /// The pause between its sendings.
    pub cooldown: Millis,
    /// How often it is sent at most.
    pub max_sends: u32,
    /// How much an account sends in a window; `None` when it is judged elsewhere.
    pub quota: Option<u32>,
    /// The length of a window.
    pub window: Millis,
    /// How long an answer is kept.
    pub kept: Millis,
    /// How long what is over is kept.
    pub retention: Millis,
}

/// What a specification calls an invitation: the number of the operation that made it.
pub type Name = usize;

/// An invitation, as far as anybody can tell.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Invitation {
    /// Its id, once somebody was told.
    pub id: Option<Arc<str>>,
    /// Whom.
    pub email: Arc<str>,
    /// How it was closed.
    pub closed: Option<Closing>,
    /// When it was made.
    pub created: Millis,
    /// When it was changed last.
    pub modified: Millis,
    /// When it ends.
    pub expiry: Millis,
    /// When it was sent last.
    pub sent: Millis,
    /// How often it was sent.
    pub sends: u32,
    /// What opens it, once somebody has seen it.
    pub link: Option<Arc<str>>,
}

/// Who holds an address, until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lock {
    /// The invitation.
    pub holder: Name,
    /// After this it holds nobody off.
    pub until: Millis,
}

/// An answer kept under an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Kept {
    /// To what.
    pub request: Request,
    /// What it showed.
    pub view: View,
    /// Its status.
    pub status: u16,
    /// Its very bytes, once somebody was told.
    pub text: Option<Arc<str>>,
    /// After this it is forgotten.
    pub until: Millis,
}

/// The state of one account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct State {
    /// By name.
    pub invitations: BTreeMap<Name, Invitation>,
    /// By address.
    pub locks: BTreeMap<Arc<str>, Lock>,
    /// By route and key.
    pub kept: BTreeMap<(&'static str, Arc<str>), Kept>,
    /// Sendings by the start of their window.
    pub used: BTreeMap<Millis, u32>,
}

/// What is seen of an invitation. Times in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct View {
    /// Which invitation.
    pub name: Name,
    /// Whom.
    pub email: Arc<str>,
    /// Its state.
    pub state: &'static str,
    /// When it was made.
    pub created: i64,
    /// When it was changed last.
    pub modified: i64,
    /// When it ends.
    pub expiry: i64,
    /// When it was sent last.
    pub sent: i64,
}

/// Where an answer is kept.
pub type RecordKey = (&'static str, Arc<str>);

impl State {
    /// The invitation of an id that somebody was told.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<Name> {
        self.invitations.iter().find(|(_, it)| it.id.as_deref() == Some(id)).map(|(name, _)| *name)
    }

    /// What is seen of an invitation at a time.
    #[must_use]
    pub fn view(&self, name: Name, now: Millis) -> View {
        let it = &self.invitations[&name];
        let state = match it.closed {
            Some(closing) => closing.as_str(),
            None if it.expiry > now => "invited",
            None => "expired",
        };
        let [created, modified, expiry, sent] = [it.created, it.modified, it.expiry, it.sent].map(|at| at / 1000);
        View { name, email: Arc::clone(&it.email), state, created, modified, expiry, sent }
    }
}
