//! Invitation ids: UUIDv7 without dashes, so ids sort by creation time.

use std::{fmt, str::FromStr, sync::Mutex};

use uuid::{ContextV7, Uuid};

use super::{
    text::{Malformed, excerpt},
    time::Timestamp,
};

/// An invitation id: 128 bits, time-ordered, written as 32 upper-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InvitationId(Uuid);

impl InvitationId {
    /// The sixteen bytes, most significant first.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// From sixteen bytes, most significant first.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for InvitationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.simple().encode_upper(&mut Uuid::encode_buffer()))
    }
}

impl fmt::Debug for InvitationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for InvitationId {
    type Err = Malformed;

    /// 32 hex digits in either case; dashes are not accepted.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let digits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        digits
            .then(|| Uuid::try_parse(text).ok())
            .flatten()
            .map(Self)
            .ok_or_else(|| Malformed(format!("'{}' is not an invitation id: it must have exactly 32 hex digits", excerpt(text))))
    }
}

/// Generates ids. Within a millisecond, the ids of a generator still ascend, because a counter follows the time.
#[derive(Debug)]
pub struct IdGenerator(Mutex<ContextV7>);

impl Default for IdGenerator {
    fn default() -> Self {
        Self(Mutex::new(ContextV7::new()))
    }
}

impl IdGenerator {
    /// A new id whose first 48 bits are `now`.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> InvitationId {
        let context = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let seconds = now.as_secs().unsigned_abs();
        let nanos = (now.as_millis() % 1000).unsigned_abs() as u32 * 1_000_000;
        InvitationId(Uuid::new_v7(uuid::Timestamp::from_unix(&*context, seconds, nanos)))
    }
}
