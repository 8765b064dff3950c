//! A second verifier of bearer tokens, which shares only the cryptography, and the types of names and addresses, with the service. It can
//! omit a rule.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::Value;
use shared::domain::{Email, settings::DisplayName};

use crate::fuzz::{issuers::KEYS, table::NOW};

/// A rule of the verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// A token has one spelling.
    Spelling,
    /// No name appears twice in an object.
    DuplicateNames,
    /// Extensions that must be understood are not ignored.
    CriticalExtensions,
    /// The algorithm is that of the key.
    Algorithm,
    /// The key has signed the token.
    Signature,
    /// The key is one of the token's issuer.
    KeyOfIssuer,
    /// The token is for this service.
    Audience,
    /// The token has not expired.
    Expiry,
    /// The token is valid already.
    NotBefore,
    /// The account is in the claim that the configuration names.
    AccountClaim,
    /// The issuer may name the account.
    AllowedAccounts,
    /// An address counts only if the issuer has verified it.
    VerifiedEmail,
    /// An address counts only in the domains that the configuration names.
    EmailDomain,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 13] = [
        Self::Spelling,
        Self::DuplicateNames,
        Self::CriticalExtensions,
        Self::Algorithm,
        Self::Signature,
        Self::KeyOfIssuer,
        Self::Audience,
        Self::Expiry,
        Self::NotBefore,
        Self::AccountClaim,
        Self::AllowedAccounts,
        Self::VerifiedEmail,
        Self::EmailDomain,
    ];

    /// Its name in the report.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Spelling => "base64 is strict",
            Self::DuplicateNames => "no name appears twice",
            Self::CriticalExtensions => "critical extensions are not ignored",
            Self::Algorithm => "the algorithm is that of the key",
            Self::Signature => "the signature is checked",
            Self::KeyOfIssuer => "the key is one of the issuer",
            Self::Audience => "the audience is checked",
            Self::Expiry => "the expiry is checked",
            Self::NotBefore => "the start is checked",
            Self::AccountClaim => "the account is in the configured claim",
            Self::AllowedAccounts => "the issuer may name the account",
            Self::VerifiedEmail => "the address is verified",
            Self::EmailDomain => "the address is in a domain of the issuer",
        }
    }
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) urn: String,
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
    pub(super) account: Option<String>,
    pub(super) role: Option<String>,
    pub(super) end: i64,
}

/// The configuration of an issuer.
struct IssuerRules {
    name: &'static str,
    url: &'static str,
    audience: (&'static str, &'static [&'static str]),
    account: &'static str,
    /// The accounts that the issuer may name; `None` for all external ids.
    accounts: Option<&'static [&'static str]>,
    roles: (&'static str, &'static [(&'static str, &'static str)]),
    display_name: Option<&'static str>,
    email: &'static str,
    verified: Option<&'static str>,
    /// The ends of the addresses that count.
    domains: Option<&'static [&'static str]>,
}

/// The configuration of [`ISSUERS`](crate::fuzz::issuers::ISSUERS).
const RULES: [IssuerRules; 2] = [
    IssuerRules {
        name: "acme",
        url: "https://login.acme.example/tenant",
        audience: ("/aud", &["invitations", "https://api.acme.example"]),
        account: "/org/id",
        accounts: Some(&["012345678912"]),
        roles: ("/roles", &[("owner", "full-access"), ("viewer", "read-only")]),
        display_name: Some("/name"),
        email: "/email",
        verified: Some("/email_verified"),
        domains: Some(&["@example.com", ".example"]),
    },
    IssuerRules {
        name: "globex",
        url: "http://127.0.0.1:4444",
        audience: ("/client_id", &["c1"]),
        account: "/https:~1~1globex.example~1tenant",
        accounts: None,
        roles: ("/realm_access/roles", &[("admin", "full-access")]),
        display_name: None,
        email: "/contact/email",
        verified: None,
        domains: None,
    },
];

/// The latest time in milliseconds.
const LAST: f64 = 9_999_999_999_999.0;
const LEEWAY: f64 = 60_000.0;

/// What a token says if it is accepted. Omits a rule, if one is given.
pub(super) fn verify(token: &str, omitted: Option<Rule>) -> Option<Summary> {
    let required = |rule: Rule| omitted != Some(rule);
    let [header_part, claims_part, signature_part] = parts(token)?;
    let signature_part = if required(Rule::Spelling) { signature_part } else { signature_part.trim_end_matches('=') };
    let (header_text, claims_text) = (text(header_part)?, text(claims_part)?);
    let (header, claims) = (object(&header_text)?, object(&claims_text)?);
    if required(Rule::DuplicateNames) && (has_duplicates(&header_text, &header) || has_duplicates(&claims_text, &claims)) {
        return None;
    }
    if required(Rule::CriticalExtensions) && header.get("crit").is_some() {
        return None;
    }
    let issuer = RULES.iter().position(|rules| claims["iss"] == rules.url)?;
    let mut issuers_with_key = (0..RULES.len()).filter(|it| *it == issuer || !required(Rule::KeyOfIssuer));
    let message = &token[..header_part.len() + 1 + claims_part.len()];
    let algorithm = header["alg"].as_str()?;
    let is_signed = |issuer: usize| {
        let key = KEYS[issuer].iter().find(|key| header["kid"] == key.id()).map(|key| key.jwk());
        key.is_some_and(|key| {
            (key["alg"] == algorithm || !required(Rule::Algorithm))
                && (!required(Rule::Signature) || has_signed(&key, message, signature_part))
        })
    };
    if token.len() > 8192 || !issuers_with_key.any(is_signed) {
        return None;
    }
    RULES[issuer].read(&claims, required)
}

impl IssuerRules {
    fn read(&self, claims: &Value, required: impl Fn(Rule) -> bool) -> Option<Summary> {
        let claim = |pointer: &str| claims.pointer(pointer).filter(|value| !value.is_null());
        let end = (seconds(claims.get("exp")?)? + LEEWAY).min(LAST);
        let start = claims.get("nbf").map(seconds);
        if start == Some(None) {
            return None;
        }
        let now = NOW as f64;
        if required(Rule::Expiry) && now >= end || required(Rule::NotBefore) && start.flatten().is_some_and(|start| start > now + LEEWAY) {
            return None;
        }
        let ours = |value: &Value| value.as_str().is_some_and(|value| self.audience.1.contains(&value));
        let for_us = match claim(self.audience.0)? {
            Value::Array(values) => values.iter().all(Value::is_string) && values.iter().any(ours),
            value => ours(value),
        };
        if required(Rule::Audience) && !for_us {
            return None;
        }
        let account = match claim(if required(Rule::AccountClaim) { self.account } else { "/account" }) {
            None => None,
            Some(value) => Some(value.as_str().filter(|id| self.may_name(id, required(Rule::AllowedAccounts)))?.to_owned()),
        };
        let claimed: Vec<&Value> = match claim(self.roles.0) {
            Some(Value::Array(roles)) => roles.iter().collect(),
            role => role.into_iter().collect(),
        };
        let role = self.roles.1.iter().find(|(theirs, _)| claimed.iter().any(|role| *role == theirs));
        let verified = self.verified.is_none_or(|verified| claim(verified) == Some(&Value::Bool(true)) || !required(Rule::VerifiedEmail));
        // Exactly as the issuer writes it: nothing around it is ignored.
        let email = claim(self.email).and_then(Value::as_str).filter(|text| verified && text.trim() == *text);
        let email = email.and_then(|text| text.parse::<Email>().ok().filter(|email| email.as_entered() == text));
        let domains = self.domains.filter(|_| required(Rule::EmailDomain));
        let counts = |email: &Email| domains.is_none_or(|ends| ends.iter().any(|end| email.normalised().as_str().ends_with(end)));
        let email = email.filter(counts);
        let name = self.display_name.and_then(claim).and_then(Value::as_str).and_then(|name| name.parse::<DisplayName>().ok());
        Some(Summary {
            urn: format!("urn:cloudone:identity:ca-1::user/{}:{}", self.name, subject(claims["sub"].as_str()?)?),
            name: name.map(|name| name.to_string()),
            email: email.map(|email| email.normalised().as_str().to_owned()),
            account,
            role: role.map(|(_, ours)| (*ours).to_owned()),
            end: end as i64,
        })
    }

    fn may_name(&self, id: &str, only_allowed: bool) -> bool {
        let digits = id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
        match self.accounts {
            Some(accounts) => digits && (accounts.contains(&id) || !only_allowed),
            None => !digits && (1..=128).contains(&id.len()) && id.bytes().all(|byte| (b'!'..=b'~').contains(&byte)),
        }
    }
}

/// The three parts of a token.
fn parts(token: &str) -> Option<[&str; 3]> {
    let parts: Vec<&str> = token.split('.').collect();
    parts.try_into().ok()
}

/// The bytes of a part. There is one spelling of them.
fn bytes(part: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    (URL_SAFE_NO_PAD.encode(&bytes) == part).then_some(bytes)
}

fn text(part: &str) -> Option<String> {
    String::from_utf8(bytes(part)?).ok()
}

fn object(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().filter(Value::is_object)
}

/// Whether an object in the text has a name twice: the parser kept one of them, but each is followed by a colon.
fn has_duplicates(text: &str, parsed: &Value) -> bool {
    fn members(value: &Value) -> usize {
        match value {
            Value::Array(values) => values.iter().map(members).sum(),
            Value::Object(fields) => fields.len() + fields.values().map(members).sum::<usize>(),
            _ => 0,
        }
    }
    let (mut in_string, mut escaped, mut colons) = (false, false, 0);
    for character in text.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = in_string,
            '"' => in_string = !in_string,
            ':' if !in_string => colons += 1,
            _ => {}
        }
    }
    colons > members(parsed)
}

fn has_signed(key: &Value, message: &str, signature: &str) -> bool {
    let number = |name: &str| key[name].as_str().and_then(bytes).expect("the key is well-formed");
    let Some(signature) = bytes(signature) else { return false };
    let verified = match key["kty"].as_str() {
        Some("RSA") => {
            let key = RsaPublicKeyComponents { n: number("n"), e: number("e") };
            key.verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &signature)
        }
        _ => {
            let point = [vec![4], number("x"), number("y")].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message.as_bytes(), &signature)
        }
    };
    verified.is_ok()
}

/// A time of a claim in milliseconds.
fn seconds(value: &Value) -> Option<f64> {
    value.as_f64().filter(|seconds| *seconds >= 0.0).map(|seconds| (seconds * 1000.0).trunc().min(LAST))
}

/// A subject as it stands in a URN.
fn subject(sub: &str) -> Option<String> {
    let encoded: String = sub
        .bytes()
        .map(|byte| match byte {
            b'!'..=b'~' if !b"\"#%/:<>?[\\]^`{|}".contains(&byte) => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    (1..=128).contains(&encoded.len()).then_some(encoded)
}
