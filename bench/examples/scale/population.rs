//! The loaded invitations: a fixed sequence, so that 1,000 of them are the first of 1,000,000.
//!
//! Their times are spread over a year independently of their numbers, so that added invitations lie between existing ones.

use bench::{
    Problem,
    fixture::{LINK_KEYS, REGION},
    problem,
};
use shared::{
    config::{DEFAULT_ROLES, read_send_policy},
    domain::{
        AccountId, Email, Invitation, InvitationId, Principal, RoleId, Roles, State, Timestamp, Urns,
        api_key::{ApiKey, ApiKeyRecord},
        delivery::{Delivery, DeliveryStatus},
        invitation::{Closing, OperationId},
        lifecycle::{self, NewInvitation, Operation, SendPolicy},
        settings::AccountSettings,
    },
};

use crate::rng::Rng;

const DAY: u64 = 86_400_000;
/// The age of the oldest invitation.
const YEAR: u64 = 365 * DAY;
/// The lifetime of expired and closed invitations.
const WEEK: u64 = 7 * DAY;

const FIRST: [&str; 12] = ["Ana", "Bo", "Charlotte", "Dmitri", "Elisabetta", "Fu", "Guadalupe", "Hal", "Ingeborg", "J", "Konstantin", "Li"];
const LAST: [&str; 10] = ["Ek", "Garcia", "Kowalczyk", "Lee", "Mukherjee", "Ng", "O'Brien", "Papadopoulos", "Smith", "van-der-Westhuizen"];
const DOMAIN: [&str; 8] = [
    "x.io",
    "example.com",
    "mail.example.org",
    "corp.example.net",
    "uk.subsidiary.example.com",
    "student.university.example.edu",
    "it.ministry-of-works.example.gov",
    "eu-central.engineering.example.com",
];
/// Roles, with their percentages.
const ROLES: [(&str, u64); 4] = [("read-only", 50), ("full-access", 25), ("auditor", 15), ("billing-admin", 10)];
/// States, with their percentages.
const STATES: [(State, u64); 5] =
    [(State::Invited, 60), (State::Expired, 10), (State::Accepted, 15), (State::Declined, 5), (State::Revoked, 10)];

/// The properties of an invitation, without the cost of creating it.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) id: InvitationId,
    pub(crate) email: String,
    pub(crate) role: &'static str,
    pub(crate) state: State,
    pub(crate) created: u64,
    /// When it expires.
    pub(crate) expiry: u64,
    /// When it was closed, for a closed one.
    pub(crate) closed: u64,
    nonce: [u8; 16],
}

/// An account and its invitations.
#[derive(Debug)]
pub(crate) struct Population {
    who: Principal,
    now: u64,
}

impl Population {
    /// The invitations of an account, as of `now`.
    pub(crate) fn of(who: Principal, now: Timestamp) -> Self {
        Self { who, now: now.as_millis().unsigned_abs() }
    }

    /// The invitations of another account.
    pub(crate) fn of_other_account(number: u64, now: Timestamp) -> Result<Self, Problem> {
        let account: AccountId = format!("9{number:011}").parse().map_err(problem_of)?;
        let roles: Roles = DEFAULT_ROLES.parse().map_err(problem_of)?;
        let (_, key) = ApiKey::generate(&account);
        let record = ApiKeyRecord::new(&key, role("full-access")?, None, now, None);
        let who = record.verify(&key, now, &roles, &Urns::new("cloudone".to_owned(), REGION.to_owned()));
        Ok(Self::of(who.ok_or_else(|| problem!("a new key is not accepted"))?, now))
    }

    pub(crate) fn who(&self) -> &Principal {
        &self.who
    }

    /// The properties of invitation `number`.
    pub(crate) fn spec(&self, number: u64) -> Spec {
        let mut rng = Rng::of(number);
        let state = draw(&STATES, &mut rng);
        let role = draw(&ROLES, &mut rng);
        // Expired invitations are older than their lifetime.
        let youngest = if state == State::Expired { WEEK + DAY } else { DAY };
        let created = self.now - youngest - rng.below(YEAR - youngest);
        let expiry = match state {
            State::Invited => self.now + DAY + rng.below(60 * DAY),
            _ => created + WEEK,
        } / 1000
            * 1000;
        let closed = created + 60_000 + rng.below(DAY - 60_000);
        let mut random = [0; 16];
        random[..8].copy_from_slice(&rng.next().to_be_bytes());
        random[8..].copy_from_slice(&rng.next().to_be_bytes());
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&rng.next().to_be_bytes());
        nonce[8..].copy_from_slice(&rng.next().to_be_bytes());
        let email = address(number, &mut rng);
        Spec { id: id(created, random), email, role, state, created, expiry, closed, nonce }
    }

    /// The invitation, as the service would have created it.
    pub(crate) fn invitation(&self, spec: &Spec, policy: &SendPolicy) -> Result<Invitation, Problem> {
        let email: Email = spec.email.parse().map_err(problem_of)?;
        let request = NewInvitation { expiry: Some(time(spec.expiry)?), ..NewInvitation::new(email, role(spec.role)?) };
        let operation = Operation { id: OperationId::generate(), nonce: spec.nonce };
        let created = lifecycle::create(&self.who, &request, spec.id, &operation, time(spec.created)?, policy, &AccountSettings::default())
            .map_err(|error| problem!("an invitation is refused: {error:?}"))?;
        // In production almost all emails are sent and events published.
        let delivered = Delivery { status: DeliveryStatus::Delivered, at: time(spec.created)?, reason: None };
        let settled = created.delivered(1, delivered).published();
        let closing = match spec.state {
            State::Invited => return Ok(settled),
            State::Expired => return Ok(settled.expired(settled.resource.expiry).published()),
            State::Accepted => Closing::Accepted,
            State::Declined => Closing::Declined,
            State::Revoked => Closing::Revoked,
        };
        Ok(settled.closed(closing, time(spec.closed)?, OperationId::generate()).published())
    }
}

/// A unique address, whose length does not depend on the number.
pub(crate) fn address(number: u64, rng: &mut Rng) -> String {
    let code: String = (0..5).map(|digit| char::from(b'a' + (number / 26_u64.pow(digit) % 26) as u8)).collect();
    format!("{}.{}.{code}@{}", rng.pick(&FIRST), rng.pick(&LAST), rng.pick(&DOMAIN))
}

fn draw<T: Copy>(percentages: &[(T, u64)], rng: &mut Rng) -> T {
    let mut left = rng.below(100);
    for (value, percent) in percentages {
        if left < *percent {
            return *value;
        }
        left -= percent;
    }
    percentages[0].0
}

/// A UUIDv7 of this millisecond.
fn id(created: u64, mut bytes: [u8; 16]) -> InvitationId {
    bytes[..6].copy_from_slice(&created.to_be_bytes()[2..]);
    bytes[6] = 0x70 | (bytes[6] & 0x0F);
    bytes[8] = 0x80 | (bytes[8] & 0x3F);
    InvitationId::from_bytes(bytes)
}

fn role(id: &str) -> Result<RoleId, Problem> {
    id.parse().map_err(problem_of)
}

fn time(millis: u64) -> Result<Timestamp, Problem> {
    i64::try_from(millis).ok().and_then(Timestamp::from_millis).ok_or_else(|| problem!("{millis} is not a time"))
}

/// The default limits, with a longer lifetime: year-old open invitations must be valid.
pub(crate) fn policy() -> Result<SendPolicy, Problem> {
    let settings = [("LINK_KEYS", LINK_KEYS), ("INVITATION_MAX_LIFETIME_SECONDS", "315360000")];
    let lookup = |name: &str| settings.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
    read_send_policy(&lookup).map_err(problem_of)
}

fn problem_of(error: impl std::fmt::Display) -> Problem {
    problem!("{error}")
}
