//! Cursors, link tokens and API keys, which callers hold but must not be able to alter.

use shared::{
    domain::{
        AccountId, Email, InvitationId, Principal, Timestamp,
        api_key::ApiKey,
        link::{LinkKeys, Token},
        page::{Cursor, Filter, List, Order},
    },
    store::keys,
};
use support::random::Random;

use crate::fuzz::{
    corpus::mutated_text,
    mutate,
    table::{ACCOUNT, OTHER, Table, key_text, now, parsed, policy},
    target::{Target, Verdict},
};

/// What may follow a prefix in a cursor, and what would leave the range of the list.
const RESTS: [&str; 8] =
    ["", "one@example.com", "one+~{}@xn--bcher-kva.example", "m", "m#", "one@example.com#0", "\u{10ffff}", "\u{10ffff}~"];

pub(super) fn cursor() -> Box<dyn Target> {
    let address: Email = parsed("user.one@example.com");
    let state = |name: &str| Filter { state: Some(parsed(name)), ..Filter::default() };
    let filters = [
        Filter::default(),
        Filter { email: Some(address.normalised().clone()), ..Filter::default() },
        Filter { role: Some(parsed("read-only")), ..Filter::default() },
        Filter { role: Some(parsed("read-only")), ..state("invited") },
        state("invited"),
        state("expired"),
        state("accepted"),
        state("declined"),
        state("revoked"),
        Filter { email_prefix: Some(parsed("user.")), ..Filter::default() },
        Filter { email_prefix: Some(parsed("user.one@example.co")), ..state("expired") },
    ];
    let lists =
        filters.into_iter().flat_map(|filter| [Order::Ascending, Order::Descending].map(|order| List::new(filter.clone(), Some(order))));
    let accounts: [AccountId; 2] = [parsed(ACCOUNT), parsed(OTHER)];
    let lists = lists.flat_map(|list| accounts.clone().map(|account| (account, list.clone()))).collect();
    Box::new(Cursors { lists, caller: Table::new().caller })
}

struct Cursors {
    lists: Vec<(AccountId, List)>,
    caller: Principal,
}

impl Target for Cursors {
    fn make(&self, random: &mut Random) -> String {
        let any = |random: &mut Random| {
            let id = (u128::from(random.bits()) << 64) | u128::from(random.bits());
            let mut time = || {
                let millis = [0, 1, 9_999_999_999_999, 1_900_000_000_000 + random.below(1_000_000)][random.below(4)];
                i64::try_from(millis).ok().and_then(Timestamp::from_millis).unwrap_or(Timestamp::ZERO)
            };
            let (time, as_of) = (time(), time());
            let (account, list) = random.pick(&self.lists);
            // The digest needs no secret, so anyone can make a token with any rest of an address.
            let rest = match list.filter.email_prefix {
                Some(_) => mutated_text(random, &RESTS.map(str::to_owned)),
                None => String::new(),
            };
            Cursor { id: InvitationId::from_bytes(id.to_be_bytes()), time, as_of, rest }.encode(account, list)
        };
        let (token, other) = (any(random), any(random));
        if random.chance(1, 2) { token } else { mutate::text(random, &token, &other) }
    }

    fn check(&self, token: &str) -> Verdict {
        let read = |(account, list): &(AccountId, List)| Some((Cursor::decode(token, account, list).ok()?, account.clone(), list.clone()));
        let read: Vec<_> = self.lists.iter().filter_map(read).collect();
        match &read[..] {
            [] => Verdict::Rejected,
            [(cursor, account, list)] if cursor.encode(account, list) != token => {
                Verdict::Violation("a second spelling of a cursor".to_owned())
            }
            [(cursor, _, list)] if !is_within(&self.caller, list, cursor) => {
                Verdict::Violation(format!("a start outside of its list: {cursor:?}"))
            }
            [_] => Verdict::Accepted,
            _ => Verdict::Violation(format!("a cursor of several lists: {read:?}")),
        }
    }
}

/// Whether the start key lies within the bounds of its query. DynamoDB rejects any other, which would be a server error.
fn is_within(caller: &Principal, list: &List, cursor: &Cursor) -> bool {
    let as_of = if cursor.as_of == Timestamp::ZERO { now() } else { cursor.as_of };
    let range = list.filter.range();
    let bounds = keys::bounds(range, list.order, as_of);
    let start = keys::start_key(caller.account(), range, cursor);
    let at = start.attributes().get(bounds.attribute).and_then(|value| value.as_s().ok());
    at.is_some_and(|at| (&bounds.from..=&bounds.to).contains(&at))
}

pub(super) fn token() -> Box<dyn Target> {
    let Table { tokens, .. } = Table::new();
    Box::new(Tokens { corpus: tokens, keys: policy().link_keys })
}

struct Tokens {
    corpus: Vec<String>,
    keys: LinkKeys,
}

impl Target for Tokens {
    fn make(&self, random: &mut Random) -> String {
        if random.chance(1, 10) {
            let mut nonce = [0; 16];
            nonce[..8].copy_from_slice(&random.bits().to_le_bytes());
            let (account, id) = (parsed(ACCOUNT), InvitationId::from_bytes(nonce));
            let link = self.keys.link(&account, id, 1, nonce);
            return self.keys.token(&account, id, &link).map_or_else(String::new, |token| token.reveal());
        }
        mutated_text(random, &self.corpus)
    }

    fn check(&self, text: &str) -> Verdict {
        match text.parse::<Token>() {
            Err(error) if error.to_string().contains(text) && text.len() > 20 => {
                Verdict::Violation("the error message quotes it".to_owned())
            }
            Err(_) => Verdict::Rejected,
            Ok(token) if token.reveal() != text => Verdict::Violation(format!("another spelling of {}", token.reveal())),
            Ok(token) if format!("{token:?}").contains('.') => Verdict::Violation("its Debug output reveals it".to_owned()),
            Ok(_) => Verdict::Accepted,
        }
    }
}

pub(super) fn key() -> Box<dyn Target> {
    Box::new(Keys { corpus: vec![Table::new().key, key_text(OTHER, "Fuzz00000002", &"Z".repeat(43))] })
}

struct Keys {
    corpus: Vec<String>,
}

impl Target for Keys {
    fn make(&self, random: &mut Random) -> String {
        if random.chance(1, 2) {
            return mutated_text(random, &self.corpus);
        }
        // The checksum is not secret: it is correct here for any content.
        let part = |random: &mut Random, whole: &str| if random.chance(1, 3) { mutate::text(random, whole, "0") } else { whole.to_owned() };
        key_text(&part(random, ACCOUNT), &part(random, "Fuzz00000001"), &part(random, &"a1".repeat(22)[..43]))
    }

    fn check(&self, text: &str) -> Verdict {
        match text.parse::<ApiKey>() {
            Err(error) if error.to_string().contains(text) && text.len() > 20 => {
                Verdict::Violation("the error message quotes it".to_owned())
            }
            Err(_) => Verdict::Rejected,
            Ok(key) => {
                let secret = text.split('_').nth(4).unwrap_or_default();
                if key_text(key.account().as_str(), key.id().as_str(), secret) != text || text.len() != 84 {
                    Verdict::Violation("another spelling of the key".to_owned())
                } else if format!("{key:?}").contains(secret) {
                    Verdict::Violation("its Debug output reveals it".to_owned())
                } else {
                    Verdict::Accepted
                }
            }
        }
    }
}
