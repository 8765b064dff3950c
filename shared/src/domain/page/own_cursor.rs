//! The cursor of an invitee's own invitations: where the next page starts.
//!
//! They are sorted by expiry, and an address has at most one open invitation in each account. So the expiry and the account of the last
//! one remain; the address comes from the caller.

use super::token;
use crate::domain::{AccountId, Timestamp, email::NormalisedEmail, text::Malformed};

/// The end of a page of an invitee's own invitations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnCursor {
    /// The expiry of the last invitation.
    pub expiry: Timestamp,
    /// Its account.
    pub account: AccountId,
}

impl OwnCursor {
    /// The opaque token for the invitee: 50 URL-safe characters.
    #[must_use]
    pub fn encode(&self, invitee: &NormalisedEmail) -> String {
        let payload = [&self.expiry.as_millis().to_be_bytes()[..], self.account.as_str().as_bytes()].concat();
        token::issue(&name(invitee), &payload)
    }

    /// The cursor in a token that was issued to `invitee`.
    ///
    /// # Errors
    /// [`Malformed`] for every other token.
    pub fn decode(token: &str, invitee: &NormalisedEmail) -> Result<Self, Malformed> {
        Self::parse(token, invitee)
            .ok_or_else(|| Malformed("this is not the 'next' of a list of your invitations; start again without a cursor".to_owned()))
    }

    fn parse(token: &str, invitee: &NormalisedEmail) -> Option<Self> {
        let payload = token::payload(&name(invitee), token)?;
        let (expiry, account) = payload.split_first_chunk()?;
        Some(Self { expiry: Timestamp::from_millis(i64::from_be_bytes(*expiry))?, account: str::from_utf8(account).ok()?.parse().ok()? })
    }
}

/// What a token of the list is bound to.
fn name(invitee: &NormalisedEmail) -> String {
    // No address contains the separator.
    format!("own\0{}\0", invitee.as_str())
}
