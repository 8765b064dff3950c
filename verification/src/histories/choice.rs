//! Chooses a caller's next operation.

use std::sync::Arc;

use support::{Call, random::Random};

use super::callers::{Callers, Person, Token};
use crate::model::operations::{Action, Caller, LinkAction, Operation, Request};

/// The address with this number.
#[must_use]
pub fn email(number: usize) -> Arc<str> {
    format!("user.{number}@example.com").into()
}

/// The token of an emailed link.
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
    /// The operation.
    pub operation: Operation,
    /// Who acts for the account.
    person: Person,
    /// The token of the invitee's link.
    link: Option<String>,
}

/// Picks a recent element: those have more left to happen.
fn recent<'a, T>(random: &mut Random, from: &'a [T]) -> Option<&'a T> {
    let back = random.below(4).min(random.below(4)) * usize::from(random.chance(7, 8)) + random.below(from.len().max(1)) / 8;
    from.len().checked_sub(1).map(|last| &from[last.saturating_sub(back)])
}

/// The next operation of a caller of either account, or of an invitee.
#[must_use]
pub fn choose(random: &mut Random, emails: usize, known: &Known, callers: &Callers) -> Choice {
    let account = random.below(2);
    let person = Person::pick(random);
    let drawn = random.below(100);
    if (75..95).contains(&drawn)
        && let Some(token) = recent(random, &known.links)
    {
        let action = *random.pick(&[LinkAction::Lookup, LinkAction::Accept, LinkAction::Accept, LinkAction::Decline]);
        let LinkToken { account, email, id, link, text } = token.clone();
        return Choice { account, email, operation: Operation::UseLink { action, id, link }, person, link: Some(text) };
    }
    let caller = callers.caller(account, person);
    // One in twelve uses the id of another account's invitation.
    let foreign = random.chance(1, 12);
    let own: Vec<_> = known.ids.iter().filter(|(of, ..)| (*of == account) != foreign).collect();
    let (email, operation) = match recent(random, &own) {
        Some((_, id, email)) if drawn >= 35 => {
            let id = Arc::clone(id);
            let operation = match drawn {
                35..55 => modify(random, caller, id, Action::Resend, email),
                55..65 => modify(random, caller, id, Action::Revoke, email),
                65..75 => modify(random, caller, id, Action::Invite, email),
                _ => Operation::Describe { id },
            };
            (Arc::clone(email), operation)
        }
        _ => {
            let email = email(random.below(emails));
            let key = key(random, &email);
            (Arc::clone(&email), Operation::Request { caller, request: Request::Create { email }, key })
        }
    };
    Choice { account, email, operation, person, link: None }
}

fn modify(random: &mut Random, caller: Caller, id: Arc<str>, action: Action, email: &str) -> Operation {
    Operation::Request { caller, request: Request::Modify { id, action }, key: key(random, email) }
}

/// Picks one of few idempotency keys, so that keys recur. Each address has its own, so that its history is independent.
fn key(random: &mut Random, email: &str) -> Option<Arc<str>> {
    random.chance(2, 5).then(|| format!("{email}-{}", random.below(4)).into())
}

impl Choice {
    /// The call, and the token of its caller, if it has one.
    #[must_use]
    pub fn call(&self, callers: &Callers, random: &mut Random) -> (Call, Option<Token>) {
        let call = match &self.operation {
            Operation::Request { request: Request::Create { email }, .. } => Call::create(email, "full-access"),
            Operation::Request { request: Request::Modify { id, action }, .. } => match action {
                Action::Resend => Call::post(&format!("/invitations/{id}")),
                Action::Invite => Call::set_state(id, "invited"),
                Action::Revoke => Call::set_state(id, "revoked"),
            },
            Operation::Describe { id } => Call::get(&format!("/invitations/{id}")),
            Operation::UseLink { action, .. } => {
                return (Call::holder(action.as_str(), self.link.as_ref().expect("the user of a link has a token")), None);
            }
        };
        let (authorization, token) = callers.authorization(self.account, self.person, random);
        let call = call.header("authorization", &authorization);
        match &self.operation {
            Operation::Request { key: Some(key), .. } => (call.header("idempotency-key", key), token),
            _ => (call, token),
        }
    }
}
