//! Creating many invitations with one request.
//!
//! Everything that identifies a row's effect derives from its bulk operation and its index. So a repeated or resumed request recognises the
//! rows that were created before, without a record of each.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{
    id::InvitationId,
    invitation::OperationId,
    lifecycle::{NewInvitation, Operation},
    principal::Principal,
    rejected::Rejected,
    settings::DomainRule,
    text::{BASE62, random_bytes},
    time::Timestamp,
};

/// How many rows a request may have.
pub const MAX_ROWS: usize = 100;

/// A valid row of a request.
#[derive(Debug, Clone)]
pub struct BulkRow {
    /// Its position in the request.
    pub index: u8,
    /// What it creates.
    pub invitation: NewInvitation,
}

/// Random bytes that make an operation unique.
pub type Seed = [u8; 16];

/// The unique parts of a request that creates many invitations: all ids of its rows derive from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkOperation {
    /// Random.
    pub seed: Seed,
    /// When the request was first made.
    pub time: Timestamp,
}

impl BulkOperation {
    /// A new operation with a random seed.
    #[must_use]
    pub fn generate(now: Timestamp) -> Self {
        Self { seed: random_bytes(), time: now }
    }

    /// The id of a row's invitation: a UUIDv7 with the row's index where others have a counter, so that ids ascend with the rows.
    #[must_use]
    pub fn invitation(&self, index: u8) -> InvitationId {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&self.time.as_millis().to_be_bytes()[2..]);
        bytes[6] = 0x70;
        bytes[7] = index;
        bytes[8..].copy_from_slice(&self.derive("invitation", index)[..8]);
        bytes[8] = 0x80 | bytes[8] & 0x3f;
        InvitationId::from_bytes(bytes)
    }

    /// The operation that creates a row's invitation.
    #[must_use]
    pub fn operation(&self, index: u8) -> Operation {
        let [id, nonce] = ["operation", "nonce"].map(|purpose| first_half(self.derive(purpose, index)));
        let mut number = u128::from_be_bytes(id);
        let digits = std::iter::repeat_with(|| {
            let digit = BASE62[(number % 62) as usize];
            number /= 62;
            char::from(digit)
        });
        Operation { id: OperationId(digits.take(12).collect()), nonce }
    }

    fn derive(&self, purpose: &str, index: u8) -> [u8; 32] {
        Sha256::new().chain_update(self.seed).chain_update([index]).chain_update(purpose).finalize().into()
    }
}

fn first_half(hash: [u8; 32]) -> [u8; 16] {
    std::array::from_fn(|place| hash[place])
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowResult {
    /// Its invitation was created.
    Created {
        /// When.
        at: Timestamp,
        /// With this lifetime.
        lifetime: Duration,
    },
    /// No invitation was created.
    Rejected(Rejected),
}

impl RowResult {
    /// The result as text: a code, ids and numbers, nothing that names a person. `None` for a rejection that creates do not have.
    #[must_use]
    pub fn record(&self) -> Option<String> {
        Some(match self {
            Self::Created { at, lifetime } => format!("created:{}:{}", at.as_millis(), lifetime.as_secs()),
            Self::Rejected(rejected) => match rejected {
                Rejected::AlreadyInvited { open } => format!("already-invited:{open}"),
                Rejected::Quota { limit, window, retry_after } => format!("quota:{limit}:{}:{retry_after}", window.as_secs()),
                Rejected::RoleNotGrantable { .. } => "role-not-grantable".to_owned(),
                Rejected::Expiry { wanted, earliest, latest } => {
                    format!("expiry:{}:{}:{}", wanted.as_millis(), earliest.as_millis(), latest.as_millis())
                }
                Rejected::DomainNotAllowed(DomainRule::NotAllowed) => "domain-not-allowed".to_owned(),
                Rejected::DomainNotAllowed(DomainRule::Denied) => "domain-denied".to_owned(),
                Rejected::RedirectNotAllowed { .. } => "redirect-not-allowed".to_owned(),
                Rejected::NotFound
                | Rejected::Changed
                | Rejected::Closed(_)
                | Rejected::Expired
                | Rejected::RoleChanged { .. }
                | Rejected::MaxUpdates { .. }
                | Rejected::EmailRefused(_)
                | Rejected::WrongInvitee
                | Rejected::SignInRequired
                | Rejected::MaxSends { .. }
                | Rejected::Cooldown { .. }
                | Rejected::KeyReused => return None,
            },
        })
    }

    /// The result that a text records, of a row that `who` requested.
    #[must_use]
    pub fn read(text: &str, who: &Principal, request: &NewInvitation) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let time = |text: &str| Timestamp::from_millis(text.parse().ok()?);
        let seconds = |text: &str| text.parse().ok().map(Duration::from_secs);
        Some(match parts[..] {
            ["created", at, lifetime] => Self::Created { at: time(at)?, lifetime: seconds(lifetime)? },
            ["already-invited", open] => Self::Rejected(Rejected::AlreadyInvited { open: open.parse().ok()? }),
            ["quota", limit, window, retry_after] => Self::Rejected(Rejected::Quota {
                limit: limit.parse().ok()?,
                window: seconds(window)?,
                retry_after: retry_after.parse().ok()?,
            }),
            ["role-not-grantable"] => Self::Rejected(Rejected::RoleNotGrantable { role: request.role.clone(), own: who.role_id().clone() }),
            ["domain-not-allowed"] => Self::Rejected(Rejected::DomainNotAllowed(DomainRule::NotAllowed)),
            ["domain-denied"] => Self::Rejected(Rejected::DomainNotAllowed(DomainRule::Denied)),
            ["redirect-not-allowed"] => Self::Rejected(Rejected::RedirectNotAllowed { origin: request.redirect.as_ref()?.origin() }),
            ["expiry", wanted, earliest, latest] => {
                Self::Rejected(Rejected::Expiry { wanted: time(wanted)?, earliest: time(earliest)?, latest: time(latest)? })
            }
            _ => return None,
        })
    }
}
