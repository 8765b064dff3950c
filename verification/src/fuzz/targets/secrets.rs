//! Cursors, link tokens and API keys, which callers hold but must not be able to alter.

use shared::domain::{
    AccountId, Email, InvitationId, Timestamp,
    api_key::ApiKey,
    link::{LinkKeys, Token},
    page::{Cursor, Filter},
};
use support::random::Random;

use crate::fuzz::{
    corpus::mutated_text,
    mutate,
    table::{ACCOUNT, OTHER, Table, key_text, parsed, policy},
    target::{Target, Verdict},
};

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
    ];
    let accounts: [AccountId; 2] = [parsed(ACCOUNT), parsed(OTHER)];
    Box::new(Cursors { lists: accounts.iter().flat_map(|it| filters.clone().map(|filter| (it.clone(), filter))).collect() })
}

struct Cursors {
    lists: Vec<(AccountId, Filter)>,
}

impl Target for Cursors {
    fn make(&self, random: &mut Random) -> String {
        let any = |random: &mut Random| {
            let id = (u128::from(random.bits()) << 64) | u128::from(random.bits());
            let mut time = || {
                let millis = [0, 1, 9_999_999_999_999, 1_900_000_000_000 + random.below(1_000_000)][random.below(4)];
                i64::try_from(millis).ok().and_then(Timestamp::from_millis).unwrap_or(Timestamp::ZERO)
            };
            let cursor = Cursor { id: InvitationId::from_bytes(id.to_be_bytes()), time: time(), as_of: time() };
            let (account, filter) = random.pick(&self.lists);
            cursor.encode(account, filter)
        };
        let (token, other) = (any(random), any(random));
        if random.chance(1, 2) { token } else { mutate::text(random, &token, &other) }
    }

    fn check(&self, token: &str) -> Verdict {
        let read =
            |(account, filter): &(AccountId, Filter)| Some((Cursor::decode(token, account, filter).ok()?, account.clone(), filter.clone()));
        let read: Vec<_> = self.lists.iter().filter_map(read).collect();
        match &read[..] {
            [] => Verdict::Rejected,
            [(cursor, account, filter)] if cursor.encode(account, filter) == token => Verdict::Accepted,
            [_] => Verdict::Violation("a second spelling of a cursor".to_owned()),
            _ => Verdict::Violation(format!("a cursor of several lists: {read:?}")),
        }
    }
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
