//! The callers of a history: API keys, and people with tokens of two issuers.
//!
//! Both issuers know a Jane, and their keys have the same ids. One names accounts by id, the other by external id. A few tokens must not
//! be accepted: they expire soon, or their key is not published, or the other issuer has signed them, or they are for another application.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use local::issuer::{SigningKey, key_set};
use serde_json::{Value, json};
use shared::domain::key_set::KeySet;
use support::random::Random;

use super::{choice::email, fixture::ACCOUNTS};
use crate::model::{
    operations::{Caller, Invitee},
    state::Millis,
};

/// The issuers, in the order of their index.
pub const ISSUERS: &str = r#"{
    "acme": { "issuer": "https://acme.example", "audience": { "values": ["invitations"] },
        "account": { "claim": "/account", "kind": "id" },
        "role": { "claim": "/role", "map": { "admin": "full-access", "viewer": "read-only" } }, "email": "/email" },
    "globex": { "issuer": "https://globex.example", "audience": { "values": ["invitations"] },
        "account": { "claim": "/tenant", "kind": "externalID" },
        "role": { "claim": "/role", "map": { "admin": "full-access" } } }
}"#;
/// Their identifiers.
pub const ISSUER_URLS: [&str; 2] = ["https://acme.example", "https://globex.example"];
/// The external ids of the accounts.
pub const EXTERNAL_IDS: [&str; 2] = ["first", "second"];
/// How many keys an issuer has.
const KEYS: usize = 3;
/// How long a token is accepted after its expiry.
const LEEWAY: Millis = 60_000;

/// The private keys of each issuer.
static SIGNING_KEYS: LazyLock<[[SigningKey; KEYS]; 2]> =
    LazyLock::new(|| [(); 2].map(|()| [0, 1, 2].map(|number| SigningKey::generate().with_id(&format!("key-{number}")))));

/// Who acts for an account, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Person {
    /// The holder of an API key.
    KeyHolder,
    /// Jane, with a token of the first issuer.
    Jane,
    /// Another Jane, with a token of the second issuer.
    OtherJane,
    /// John, with a token of the first issuer and the role `read-only`.
    John,
}

impl Person {
    /// The people with tokens.
    const WITH_TOKENS: [Self; 3] = [Self::Jane, Self::OtherJane, Self::John];

    /// Picks one.
    #[must_use]
    pub fn pick(random: &mut Random) -> Self {
        match random.below(20) {
            0..10 => Self::KeyHolder,
            10..15 => Self::Jane,
            15..18 => Self::OtherJane,
            _ => Self::John,
        }
    }

    fn subject(self) -> &'static str {
        if self == Self::John { "john" } else { "jane" }
    }

    fn issuer(self) -> usize {
        usize::from(self == Self::OtherJane)
    }
}

/// What decides whether a token is accepted.
#[derive(Debug, Clone, Copy)]
pub struct Token {
    /// The account that it names.
    pub account: usize,
    /// Its issuer.
    pub issuer: usize,
    /// The number of the key that it names.
    pub key: usize,
    /// Whether its issuer has signed it.
    pub genuine: bool,
    /// Whether it is for this service.
    pub for_us: bool,
    /// From when on it is no longer accepted.
    pub end: Millis,
}

/// The credentials of everyone.
pub struct Callers {
    api_keys: [String; 2],
    /// Two of each person, by account.
    tokens: BTreeMap<(usize, Person), [(String, Token); 2]>,
    /// Two of each invitee.
    invitees: BTreeMap<Guest, [(String, Token); 2]>,
}

/// A person who may be invited, with a token of the first issuer. Two people share an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Guest {
    /// The number of the verified address.
    pub email: usize,
    /// Whether it is the second person.
    second: bool,
}

impl Guest {
    /// One of the people with an address.
    #[must_use]
    pub fn pick(random: &mut Random, email: usize) -> Self {
        Self { email, second: random.chance(1, 3) }
    }

    fn subject(self) -> String {
        format!("guest-{}-{}", self.email, u8::from(self.second))
    }

    /// The person as the invitee of an account.
    #[must_use]
    pub fn invitee(self, account: usize) -> Invitee {
        let urn = format!("urn:cloudone:identity:ca-1:{}:user/acme:{}", ACCOUNTS[account], self.subject());
        Invitee { urn: urn.into(), email: email(self.email) }
    }
}

impl Callers {
    /// Callers with these API keys, and with tokens issued at `now`.
    #[must_use]
    pub fn new(api_keys: [String; 2], emails: usize, random: &mut Random, now: Millis) -> Self {
        let guests = (0..emails).flat_map(|email| [false, true].map(|second| Guest { email, second }));
        let invitees = guests.map(|guest| (guest, [(); 2].map(|()| issue_to_guest(random, guest, now)))).collect();
        let people = (0..ACCOUNTS.len()).flat_map(|account| Person::WITH_TOKENS.map(|person| (account, person)));
        let tokens = people.map(|(account, person)| ((account, person), [(); 2].map(|()| issue(random, account, person, now)))).collect();
        Self { api_keys, tokens, invitees }
    }

    /// Some people get a new token.
    pub fn renew(&mut self, random: &mut Random, now: Millis) {
        for ((account, person), tokens) in &mut self.tokens {
            if random.chance(1, 2) {
                tokens[random.below(2)] = issue(random, *account, *person, now);
            }
        }
        for (guest, tokens) in &mut self.invitees {
            if random.chance(1, 2) {
                tokens[random.below(2)] = issue_to_guest(random, *guest, now);
            }
        }
    }

    /// The header `Authorization` of a person who acts for an account, and the token in it.
    #[must_use]
    pub fn authorization(&self, account: usize, person: Person, random: &mut Random) -> (String, Option<Token>) {
        match self.tokens.get(&(account, person)) {
            None => (format!("ApiKey {}", self.api_keys[account]), None),
            Some(tokens) => {
                let (text, token) = random.pick(tokens);
                (format!("Bearer {text}"), Some(*token))
            }
        }
    }

    /// The header `Authorization` of an invitee who has signed in, and the token in it.
    #[must_use]
    pub fn authorization_of(&self, guest: Guest, random: &mut Random) -> (String, Token) {
        let (text, token) = random.pick(&self.invitees[&guest]);
        (format!("Bearer {text}"), *token)
    }

    /// The person as the model's caller.
    #[must_use]
    pub fn caller(&self, account: usize, person: Person) -> Caller {
        let id = match person {
            Person::KeyHolder => format!("apikey/{}", self.api_keys[account].split('_').nth(3).expect("a key has an id")),
            _ => format!("user/{}:{}", ["acme", "globex"][person.issuer()], person.subject()),
        };
        let urn: Arc<str> = format!("urn:cloudone:identity:ca-1:{}:{id}", ACCOUNTS[account]).into();
        Caller { urn, may_write: person != Person::John }
    }
}

/// Issues a token of a person for an account.
fn issue(random: &mut Random, account: usize, person: Person, now: Millis) -> (String, Token) {
    let role = if person == Person::John { "viewer" } else { "admin" };
    let claims = json!({ "sub": person.subject(), "account": ACCOUNTS[account], "tenant": EXTERNAL_IDS[account], "role": role });
    sign(random, person.issuer(), account, claims, now)
}

/// Issues a token to an invitee. It names no account.
fn issue_to_guest(random: &mut Random, guest: Guest, now: Millis) -> (String, Token) {
    let claims = json!({ "sub": guest.subject(), "email": *email(guest.email), "email_verified": true });
    sign(random, 0, 0, claims, now)
}

/// Signs a token, mostly one that is accepted.
fn sign(random: &mut Random, issuer: usize, account: usize, mut claims: Value, now: Millis) -> (String, Token) {
    let key = random.below(KEYS);
    let (genuine, for_us) = (!random.chance(1, 32), !random.chance(1, 32));
    let lifetime = if random.chance(1, 8) { [30, 3600][random.below(2)] } else { 400 * 86_400 };
    let expiry = now / 1000 + lifetime;
    claims["iss"] = json!(ISSUER_URLS[issuer]);
    claims["aud"] = json!(if for_us { "invitations" } else { "accounting" });
    claims["exp"] = json!(expiry);
    let signer = if genuine { issuer } else { 1 - issuer };
    let text = SIGNING_KEYS[signer][key].token(&claims);
    (text, Token { account, issuer, key, genuine, for_us, end: expiry * 1000 + LEEWAY })
}

/// Draws the keys that an issuer publishes next: mostly all, or all but one, and rarely none.
#[must_use]
pub fn draw_keys(random: &mut Random) -> Vec<usize> {
    let drawn = random.below(5 * KEYS);
    (0..KEYS).filter(|key| drawn != KEYS && drawn != *key).collect()
}

/// The key set of an issuer with all its keys.
#[must_use]
pub fn all_keys(issuer: usize) -> KeySet {
    published(issuer, &[0, 1, 2])
}

/// The key set of an issuer with these keys.
#[must_use]
pub fn published(issuer: usize, keys: &[usize]) -> KeySet {
    let document = key_set(keys.iter().map(|key| &SIGNING_KEYS[issuer][*key])).to_string();
    KeySet::parse(document.as_bytes()).expect("the keys are usable")
}
