//! Bearer tokens. The service must accept exactly those that a second verifier accepts, and read the same from them.

mod verifier;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use local::issuer::SigningKey;
use serde_json::{Value, json};
use shared::domain::{
    Roles, Urns,
    bearer::{BearerToken, TokenProblem},
    issuer::{AccountClaim, Issuers},
    key_set::KeySet,
};
use support::random::Random;

pub use verifier::Rule;
use verifier::{Summary, verify};

use crate::fuzz::{
    issuers::{self, KEYS},
    mutate,
    table::{ACCOUNT, NOW, OTHER, config, now, parsed},
    target::{Target, Verdict},
};

pub(super) fn token() -> Box<dyn Target> {
    Box::new(Tokens::new())
}

struct Tokens {
    claims: Vec<(usize, Value)>,
    issuers: Issuers,
    keys: [KeySet; 2],
    roles: Roles,
    urns: Urns,
}

impl Tokens {
    fn new() -> Self {
        let config = config();
        let (issuers, keys) = (issuers::issuers(), issuers::key_sets());
        Self { claims: issuers::claims(), issuers, keys, roles: config.roles, urns: config.urns }
    }

    /// What the service reads from a token.
    fn read(&self, text: &str) -> Result<Summary, TokenProblem> {
        let token = BearerToken::parse(text, &self.issuers)?;
        let issuer = self.issuers.iter().position(|issuer| issuer == token.issuer()).expect("the issuer is configured");
        let key = self.keys[issuer].find(token.key_id()).ok_or(TokenProblem::UnknownKey)?;
        let verified = token.verify(key, now())?;
        let user = verified.user();
        Ok(Summary {
            urn: user.urn_anywhere(&self.urns),
            name: user.name().map(ToString::to_string),
            email: user.email().map(|email| email.normalised().as_str().to_owned()),
            account: verified.account().map(|account| match account {
                AccountClaim::Id(id) => id.to_string(),
                AccountClaim::External(id) => id.to_string(),
            }),
            role: verified.principal(parsed(ACCOUNT), &self.roles, &self.urns).map(|who| who.role_id().to_string()),
            end: verified.expiry().as_millis(),
        })
    }

    /// A key, and the claims of a token that it may sign.
    fn valid(&self, random: &mut Random) -> (&'static SigningKey, Value) {
        let (issuer, claims) = random.pick(&self.claims);
        (random.pick(&KEYS[*issuer]), claims.clone())
    }
}

impl Target for Tokens {
    fn make(&self, random: &mut Random) -> String {
        let (key, mut claims) = self.valid(random);
        let (other_key, donor) = self.valid(random);
        match random.below(8) {
            0 => key.token(&claims),
            1..4 => damaged(random, &key.token(&claims), &other_key.token(&donor)),
            // Signed by another key than the one that it names.
            4 => other_key.sign(key.header().to_string(), claims.to_string()),
            _ => {
                let mut header = key.header();
                if random.chance(1, 4) {
                    change_header(random, &mut header, &other_key.header());
                }
                if random.chance(1, 2) {
                    change_claims(random, &mut claims);
                } else {
                    mutate::json(random, &mut claims, &donor);
                }
                key.sign(with_a_member(random, &header), with_a_member(random, &claims))
            }
        }
    }

    fn check(&self, text: &str) -> Verdict {
        match (self.read(text), verify(text, None)) {
            (Ok(read), Some(expected)) if read == expected => Verdict::Accepted,
            (Ok(read), expected) => Verdict::Violation(format!("{read:?} was read instead of {expected:?}")),
            (Err(problem), Some(expected)) => Verdict::Violation(format!("'{problem}' instead of {expected:?}")),
            (Err(_), None) => Verdict::Rejected,
        }
    }
}

/// A token that was changed after it was signed.
fn damaged(random: &mut Random, token: &str, donor: &str) -> String {
    let (mut parts, donated): (Vec<String>, Vec<&str>) = (token.split('.').map(str::to_owned).collect(), donor.split('.').collect());
    let at = random.below(parts.len());
    parts[at] = match random.below(6) {
        0 => return mutate::text(random, token, donor),
        1 => donated[at].to_owned(),
        2 => respelled(random, &parts[at]),
        3 => mutate::text(random, &parts[at], donated[at]),
        kind => {
            let mut bytes = URL_SAFE_NO_PAD.decode(&parts[at]).expect("a part is base64url");
            match serde_json::from_slice::<Value>(&bytes) {
                Ok(mut json) if kind == 4 => {
                    mutate::json(random, &mut json, &Value::Null);
                    bytes = json.to_string().into_bytes();
                }
                _ => {
                    let place = random.below(bytes.len());
                    bytes[place] ^= 1 << random.below(8);
                }
            }
            URL_SAFE_NO_PAD.encode(bytes)
        }
    };
    parts.join(".")
}

/// The same bytes in another spelling of base64.
fn respelled(random: &mut Random, part: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    match random.below(4) {
        0 => part.replace('-', "+").replace('_', "/"),
        1 => format!("{part}{}", "=".repeat(1 + random.below(2))),
        2 => format!("{part}\n"),
        // The last character has two or four bits that no byte needs.
        _ => {
            let (start, last) = part.split_at(part.len() - 1);
            let value = ALPHABET.iter().position(|character| last.as_bytes() == [*character]).unwrap_or_default();
            format!("{start}{}", char::from(ALPHABET[value ^ 1]))
        }
    }
}

/// Changes a member that decides how a token is verified.
fn change_header(random: &mut Random, header: &mut Value, other: &Value) {
    match random.below(6) {
        0 => mutate::json(random, header, other),
        1 => header["alg"] = json!(*random.pick(&["none", "HS256", "RS256", "ES256", "PS256", "es256", "EdDSA"])),
        2 => header["kid"] = other["kid"].clone(),
        3 => header["crit"] = [json!(["exp"]), json!(["b64"]), json!([]), json!("exp")][random.below(4)].clone(),
        4 => header["b64"] = json!(random.chance(1, 2)),
        _ => header["jwk"] = KEYS[1][0].jwk(),
    }
}

/// Changes a claim that decides whether a token is accepted, and for whom.
fn change_claims(random: &mut Random, claims: &mut Value) {
    let now = NOW as f64 / 1000.0;
    let time = |random: &mut Random| {
        let around = [-3600.0, -61.0, -60.0, -59.9995, -59.0, 0.0, 0.5, 59.0, 60.0, 60.0005, 61.0, 1e11, 1e300, -1e300, -now];
        json!(now + random.pick::<f64>(&around))
    };
    match random.below(10) {
        0 | 1 => claims["exp"] = time(random),
        2 => claims["nbf"] = time(random),
        3 => {
            claims["aud"] =
                random.pick(&[json!("accounting"), json!(["invitations", 1]), json!([]), json!(null), json!(["invitations"])]).clone()
        }
        4 => {
            claims["org"] =
                random.pick(&[json!({ "id": OTHER }), json!({ "id": [ACCOUNT] }), json!({ "id": null }), json!(ACCOUNT)]).clone()
        }
        5 => claims["account"] = json!(OTHER),
        6 => claims["email_verified"] = random.pick(&[json!("true"), json!(1), json!(null), json!(true), json!(false)]).clone(),
        7 => claims["iss"] = json!(*random.pick(&["https://login.acme.example/tenant/", "http://127.0.0.1:4444", "https://evil.example"])),
        8 => {
            let emails = ["a@example.com", "a@eu.example.com", "a@example.com.evil.test", "a@notexample.com", "a@x.example", "a@b.test"];
            claims["email"] = json!(*random.pick(&emails));
        }
        _ => claims["sub"] = json!(random.pick::<&str>(&["", "x", "%", "|"]).repeat([1, 42, 43, 128, 129][random.below(5)])),
    }
}

/// The text of an object, rarely with a member twice, or with one that is nested deeply.
fn with_a_member(random: &mut Random, object: &Value) -> String {
    let text = object.to_string();
    let names: Vec<&String> = object.as_object().into_iter().flat_map(|members| members.keys()).collect();
    if names.is_empty() || !random.chance(1, 12) {
        return text;
    }
    let name = json!(random.pick(&names));
    match random.below(3) {
        0 => format!("{{{name}:{},{}", object[name.as_str().unwrap_or_default()], &text[1..]),
        1 => format!("{{{name}:\"another\",{}", &text[1..]),
        _ => {
            let depth = 100 + random.below(100);
            format!("{{\"x\":{}{},{}", "[".repeat(depth), "]".repeat(depth), &text[1..])
        }
    }
}

/// For each rule: after how many inputs a verifier that omits it has accepted, refused or read one otherwise; `None` if not within `limit`.
#[must_use]
pub fn inputs_until_omissions_show(seed: u64, limit: u64) -> Vec<(Rule, Option<u64>)> {
    let (target, mut random) = (Tokens::new(), Random::new(seed));
    let mut found: Vec<(Rule, Option<u64>)> = Rule::ALL.map(|rule| (rule, None)).into();
    for number in 1..=limit {
        if found.iter().all(|(_, shown)| shown.is_some()) {
            break;
        }
        let input = target.make(&mut random);
        let expected = verify(&input, None);
        for (rule, shown) in found.iter_mut().filter(|(_, shown)| shown.is_none()) {
            *shown = (verify(&input, Some(*rule)) != expected).then_some(number);
        }
    }
    found
}
