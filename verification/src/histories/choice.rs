//! Chooses a caller's next operation.

use std::sync::Arc;

use serde_json::json;
use shared::domain::Timestamp;
use support::{Call, random::Random};

use super::{
    callers::{Callers, Guest, Person, Token},
    fixture::ACCOUNTS,
};
use crate::model::operations::{Access, Action, Caller, InviteeAction, Operation, Request};

/// The roles that an update gives, and that an acceptance names. A create gives the first.
const ROLES: [&str; 2] = ["full-access", "read-only"];

/// The address with this number.
#[must_use]
pub fn email(number: usize) -> Arc<str> {
    format!("user.{number}@example.com").into()
}

/// The token of a link.
#[derive(Debug, Clone)]
pub struct LinkToken {
    /// The inviting account.
    pub account: usize,
    /// The invitee's address.
    pub email: Arc<str>,
    /// The invitation's id.
    pub id: Arc<str>,
    /// The hash of its secret.
    pub link: Arc<str>,
    /// The token itself.
    pub text: String,
}

/// The ids and links that callers have seen so far.
#[derive(Debug, Default)]
pub struct Known {
    /// Account, id and address.
    ids: Vec<(usize, Arc<str>, Arc<str>)>,
    links: Vec<LinkToken>,
}

impl Known {
    /// Adds an id, unless it is empty or known.
    pub fn id(&mut self, account: usize, id: &str, email: &Arc<str>) {
        if !id.is_empty() && !self.ids.iter().any(|(_, known, _)| **known == *id) {
            self.ids.push((account, id.into(), Arc::clone(email)));
        }
    }

    /// Adds the token of a link, unless it is known.
    pub fn link(&mut self, token: LinkToken) {
        if !self.links.iter().any(|known| known.text == token.text) {
            self.links.push(token);
        }
    }
}

/// An operation and its caller.
#[derive(Debug, Clone)]
pub struct Choice {
    /// The calling account, or the account whose invitation is used.
    pub account: usize,
    /// The address concerned.
    pub email: Arc<str>,
    /// The operation; of a bulk, its first row.
    pub operation: Operation,
    /// The addresses of a bulk.
    pub rows: Vec<Arc<str>>,
    /// Who makes the call.
    by: By,
}

/// Who makes a call.
#[derive(Debug, Clone)]
enum By {
    /// Someone who acts for the account.
    Account(Person),
    /// An invitee, with the token of a link, or signed in, or both.
    Invitee(Option<String>, Option<Guest>),
}

/// Picks a recent element: those have more left to happen.
fn recent<'a, T>(random: &mut Random, from: &'a [T]) -> Option<&'a T> {
    let back = random.below(4).min(random.below(4)) * usize::from(random.chance(7, 8)) + random.below(from.len().max(1)) / 8;
    from.len().checked_sub(1).map(|last| &from[last.saturating_sub(back)])
}

/// The next operation of a caller of either account, or of an invitee.
#[must_use]
pub fn choose(random: &mut Random, emails: usize, known: &Known, callers: &Callers, now: Timestamp) -> Choice {
    let account = random.below(2);
    if random.chance(1, 20) {
        let number = random.below(emails);
        let guest = Guest::pick(random, number);
        let email = email(guest.email);
        let operation = Operation::ListOwn { email: Arc::clone(&email) };
        return Choice { account, email, operation, rows: Vec::new(), by: By::Invitee(None, Some(guest)) };
    }
    let drawn = random.below(100);
    if (75..95).contains(&drawn)
        && let Some(token) = recent(random, &known.links)
    {
        return choose_as_invitee(random, emails, token.clone());
    }
    let person = Person::pick(random);
    let caller = callers.caller(account, person);
    if drawn < 10 {
        return bulk(random, emails, account, caller, person);
    }
    // One in twelve uses the id of another account's invitation.
    let foreign = random.chance(1, 12);
    let own: Vec<_> = known.ids.iter().filter(|(of, ..)| (*of == account) != foreign).collect();
    let (email, operation) = match recent(random, &own) {
        Some((_, id, email)) if drawn >= 35 => {
            let id = Arc::clone(id);
            let operation = match drawn {
                35..45 => modify(random, caller, id, Action::Resend, email),
                45..50 => modify(random, caller, id, Action::NewLink, email),
                50..55 => {
                    let action = update(random, now);
                    modify(random, caller, id, action, email)
                }
                55..65 => modify(random, caller, id, Action::Revoke, email),
                65..75 => modify(random, caller, id, Action::Invite, email),
                _ => Operation::Describe { id },
            };
            (Arc::clone(email), operation)
        }
        _ => {
            let email = email(random.below(emails));
            let key = key(random, &email);
            let link = random.chance(1, 4);
            (Arc::clone(&email), Operation::Request { caller, request: Request::Create { email, link }, key })
        }
    };
    Choice { account, email, operation, rows: Vec::new(), by: By::Account(person) }
}

/// A bulk of all addresses, in one of two orders. Each idempotency key has its own order, so it is never used for other rows, and the
/// histories of the addresses are independent.
fn bulk(random: &mut Random, emails: usize, account: usize, caller: Caller, person: Person) -> Choice {
    let mut rows: Vec<_> = (0..emails).map(email).collect();
    let reversed = random.chance(1, 2);
    if reversed {
        rows.reverse();
    }
    let key = random.chance(2, 3).then(|| format!("bulk-{}", u8::from(reversed)).into());
    let email = Arc::clone(&rows[0]);
    Choice { account, email: Arc::clone(&email), operation: Operation::Row { caller, email, key }, rows, by: By::Account(person) }
}

/// What an invitee does with a link, or with the id of its invitation.
fn choose_as_invitee(random: &mut Random, emails: usize, token: LinkToken) -> Choice {
    let accept = InviteeAction::AcceptRole(random.pick::<&str>(&ROLES));
    let action = *random.pick(&[InviteeAction::Lookup, InviteeAction::Accept, accept, InviteeAction::Decline]);
    let LinkToken { account, email: invited, id, link, text } = token;
    // One in eight people has another address.
    let own = (0..emails).find(|number| email(*number) == invited).unwrap_or_default();
    let number = if random.chance(1, 8) { random.below(emails) } else { own };
    let guest = Guest::pick(random, number);
    let (access, by) = match random.below(4) {
        2 if action != InviteeAction::Lookup => (Access::Link(link, Some(guest.invitee(account))), By::Invitee(Some(text), Some(guest))),
        3 if action != InviteeAction::Lookup => (Access::Address(guest.invitee(account)), By::Invitee(None, Some(guest))),
        _ => (Access::Link(link, None), By::Invitee(Some(text), None)),
    };
    Choice { account, email: invited, operation: Operation::Invitee { action, id, access }, rows: Vec::new(), by }
}

/// Another role, and rarely another expiry, of which a few are out of range.
fn update(random: &mut Random, now: Timestamp) -> Action {
    const HOUR: i64 = 3_600_000;
    let ahead = *random.pick(&[HOUR / 2, 2 * HOUR, 24 * HOUR, 240 * HOUR, 1_000 * HOUR]);
    let expiry = random.chance(1, 3).then(|| (now.as_millis() + ahead) / 1000 * 1000);
    Action::Update(random.pick::<&str>(&ROLES), expiry)
}

fn modify(random: &mut Random, caller: Caller, id: Arc<str>, action: Action, email: &str) -> Operation {
    Operation::Request { caller, request: Request::Modify { id, action }, key: key(random, email) }
}

/// Picks one of few idempotency keys, so that keys recur. Each address has its own, so that its history is independent.
fn key(random: &mut Random, email: &str) -> Option<Arc<str>> {
    random.chance(1, 2).then(|| format!("{email}-{}", random.below(2)).into())
}

impl Choice {
    /// The call, and the bearer token of its caller, if it has one.
    #[must_use]
    pub fn call(&self, callers: &Callers, random: &mut Random) -> (Call, Option<Token>) {
        let (authorization, token) = match &self.by {
            By::Account(person) => callers.authorization(self.account, *person, random),
            By::Invitee(_, None) => return (self.request(), None),
            By::Invitee(_, Some(guest)) => {
                let (authorization, token) = callers.authorization_of(*guest, random);
                (authorization, Some(token))
            }
        };
        (self.request().header("authorization", &authorization), token)
    }

    fn request(&self) -> Call {
        match &self.operation {
            Operation::Request { request, key, .. } => {
                let call = match request {
                    Request::Create { email, link: false } => Call::create(email, "full-access"),
                    Request::Create { email, link: true } => {
                        Call::post("/invitations").json(&json!({ "email": **email, "roleID": "full-access", "send": false }))
                    }
                    Request::Modify { id, action: Action::NewLink } => Call::post(&format!("/invitations/{id}?send=false")),
                    Request::Modify { id, action: Action::Resend } => Call::post(&format!("/invitations/{id}")),
                    Request::Modify { id, action: Action::Invite } => Call::set_state(id, "invited"),
                    Request::Modify { id, action: Action::Revoke } => Call::set_state(id, "revoked"),
                    Request::Modify { id, action: Action::Update(role, expiry) } => {
                        let mut body = json!({ "roleID": role });
                        if let Some(expiry) = expiry.and_then(Timestamp::from_millis) {
                            body["expiry"] = json!(expiry.to_string());
                        }
                        Call::post(&format!("/invitations/{id}")).json(&body)
                    }
                };
                key.iter().fold(call, |call, key| call.header("idempotency-key", key))
            }
            Operation::Row { key, .. } => {
                let rows: Vec<_> = self.rows.iter().map(|email| json!({ "email": **email, "roleID": "full-access" })).collect();
                key.iter().fold(Call::bulk(&rows), |call, key| call.header("idempotency-key", key))
            }
            Operation::Describe { id } => Call::get(&format!("/invitations/{id}")),
            Operation::Invitee { action, id, .. } => {
                let mut body = match &self.by {
                    By::Invitee(Some(link), _) => json!({ "token": link }),
                    _ => json!({ "id": **id, "account": ACCOUNTS[self.account] }),
                };
                if let InviteeAction::AcceptRole(role) = action {
                    body["roleID"] = json!(role);
                }
                Call::post(&format!("/invitations/{}", action.as_str())).json(&body)
            }
            Operation::ListOwn { .. } => Call::get("/invitations/mine?limit=100"),
        }
    }
}
