//! What the service reads about issuers: its configuration, their documents, and the rows in which it keeps their keys.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use shared::{
    domain::{
        AccountId, ExternalId,
        bearer::BearerToken,
        issuer::{Issuer, Issuers},
        json::Json,
        key_set::KeySet,
    },
    store::{Store, StoreError},
};
use support::random::Random;
use tokio::runtime::Runtime;
use url::{Host, Url};

use super::http::runtime;
use crate::fuzz::{
    corpus::mutated_event,
    issuers::{self, KEYS},
    table::{EXTERNAL_ID, Table, from_json, now, parsed, store},
    target::{Target, Verdict},
};

/// A parser of JSON texts, with a check of what it accepts.
struct Documents<C> {
    corpus: Vec<Value>,
    check: C,
}

impl<C: Fn(&str) -> Result<bool, String>> Target for Documents<C> {
    fn make(&self, random: &mut Random) -> String {
        mutated_event(random, &self.corpus)
    }

    fn check(&self, text: &str) -> Verdict {
        match (self.check)(text) {
            Ok(true) => Verdict::Accepted,
            Ok(false) => Verdict::Rejected,
            Err(why) => Verdict::Violation(why),
        }
    }
}

/// Whether the parser accepted it. The message of an error is shown to operators, so it must be printable.
fn accepted<T>(result: Result<T, impl std::fmt::Display>) -> Result<Option<T>, String> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.to_string().contains(char::is_control) => Err(format!("the error is not printable: {error}")),
        Err(_) => Ok(None),
    }
}

fn require(holds: bool, violation: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(violation()) }
}

/// Whether a URL may be fetched: with TLS, or from this machine.
fn is_safe(url: &Url, may_be_loopback: bool) -> bool {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let known = url.scheme() == "https" || url.scheme() == "http" && loopback && may_be_loopback;
    known && url.username().is_empty() && url.password().is_none() && url.fragment().is_none()
}

pub(super) fn configuration() -> Box<dyn Target> {
    let issuers: Value = serde_json::from_str(issuers::ISSUERS).expect("the configuration is JSON");
    let one = |name: &str| json!({ name: issuers[name] });
    let least =
        json!({ "a": { "issuer": "https://a.example", "audience": { "claim": "/a~0b/0", "values": ["x"] }, "emailVerified": "/v" } });
    Box::new(Documents { corpus: vec![one("acme"), one("globex"), issuers, least], check: check_configuration })
}

fn check_configuration(text: &str) -> Result<bool, String> {
    let Some(issuers) = accepted(text.parse::<Issuers>())? else { return Ok(false) };
    for issuer in issuers.iter() {
        require(issuers.find(issuer.url()) == Some(issuer), || format!("{issuer:?} is not found by its URL"))?;
        let url: Url = issuer.discovery_url().parse().map_err(|error| format!("{error}: {}", issuer.discovery_url()))?;
        let path = url.path().ends_with("/.well-known/openid-configuration") && url.query().is_none();
        require(is_safe(&url, true) && path, || format!("discovery at {url}"))?;
    }
    let json = Json::parse(text.as_bytes()).map_err(|error| format!("accepted, although it is not JSON: {error}"))?;
    let written = write(&json).to_string();
    let again = written.parse();
    require(again.as_ref() == Ok(&issuers), || format!("{issuers:?} is written as {written} and parsed as {again:?}"))?;
    Ok(!issuers.is_empty())
}

/// A JSON value as text, with its members in their order.
fn write(value: &Json) -> String {
    let list = |values: Vec<String>| values.join(",");
    match value {
        Json::Null => "null".to_owned(),
        Json::Bool(flag) => flag.to_string(),
        Json::Number(number) => json!(number).to_string(),
        Json::Text(text) => json!(text).to_string(),
        Json::Array(values) => format!("[{}]", list(values.iter().map(write).collect())),
        Json::Object(members) => {
            format!("{{{}}}", list(members.iter().map(|(name, value)| format!("{}:{}", json!(name), write(value))).collect()))
        }
    }
}

pub(super) fn discovery() -> Box<dyn Target> {
    let document = |issuer: &str, keys: &str| json!({ "issuer": issuer, "jwks_uri": keys, "authorization_endpoint": format!("{issuer}/authorize"), "scopes_supported": ["openid"] });
    let (web, here) = ("https://login.acme.example/tenant", "http://127.0.0.1:4444");
    let corpus = vec![
        document(web, "https://keys.acme.example/jwks.json?v=2"),
        document(web, "http://127.0.0.1/keys"),
        document(web, "https://user:secret@keys.acme.example/"),
        document(here, "http://127.0.0.1:4444/jwks.json"),
        document(here, "http://[::1]:80/keys"),
        document(here, "http://169.254.169.254/latest/meta-data"),
        document("https://evil.example", "https://evil.example/jwks.json"),
    ];
    let issuers = issuers::issuers();
    let check = move |text: &str| {
        let mut any = false;
        for issuer in issuers.iter() {
            any |= check_discovery(issuer, text)?;
        }
        Ok(any)
    };
    Box::new(Documents { corpus, check })
}

fn check_discovery(issuer: &Issuer, text: &str) -> Result<bool, String> {
    let Some(url) = accepted(issuer.key_set_url(text.as_bytes()))? else { return Ok(false) };
    let of_issuer = serde_json::from_str::<Value>(text).is_ok_and(|document| document["issuer"] == issuer.url());
    require(of_issuer, || format!("a document of another issuer gives {} the keys at {url}", issuer.url()))?;
    require(is_safe(&url, issuer.url().starts_with("http:")), || format!("{} has its keys at {url}", issuer.url()))?;
    let again = issuer.key_set_url(json!({ "issuer": issuer.url(), "jwks_uri": url.as_str() }).to_string().as_bytes());
    require(again.as_ref() == Ok(&url), || format!("{url} is parsed as {again:?}"))?;
    Ok(true)
}

pub(super) fn key_set() -> Box<dyn Target> {
    let [acme, globex] = [0, 1].map(issuers::key_set_document);
    let (ec, rsa) = (&acme["keys"][0], &acme["keys"][1]);
    let mut encryption = rsa.clone();
    encryption["use"] = json!("enc");
    encryption["kid"] = json!("enc");
    let mut verifies = ec.clone();
    verifies["key_ops"] = json!(["verify"]);
    verifies["x5c"] = json!(["MIIB"]);
    let corpus = vec![acme.clone(), globex, json!({ "keys": [encryption, verifies, rsa] }), json!({ "keys": [] })];
    let issuers = issuers::issuers();
    let tokens = issuers::claims().into_iter().filter(|(issuer, _)| *issuer == 0);
    let tokens: Vec<(Value, String)> =
        tokens.flat_map(|(_, claims)| [0, 1].map(|key| (KEYS[0][key].jwk(), KEYS[0][key].token(&claims)))).take(2).collect();
    Box::new(Documents { corpus, check: move |text: &str| check_key_set(text, &issuers, &tokens) })
}

/// `tokens` are valid tokens, each with the key that it is signed with.
fn check_key_set(text: &str, issuers: &Issuers, tokens: &[(Value, String)]) -> Result<bool, String> {
    let Some(keys) = accepted(KeySet::parse(text.as_bytes()))? else { return Ok(false) };
    let written = keys.to_json();
    let again = KeySet::parse(written.as_bytes());
    require(again.as_ref() == Ok(&keys), || format!("{keys:?} is written as {written} and parsed as {again:?}"))?;
    let document: Value = serde_json::from_str(text).map_err(|error| format!("accepted, although it is not JSON: {error}"))?;
    let published: Vec<&Value> = document["keys"].as_array().into_iter().flatten().collect();
    let used = |id: &str| keys.find(id).is_some();
    let usable = published.iter().filter(|key| key["kid"].as_str().is_some_and(used)).count();
    require(keys.size() <= 32 && usable >= keys.size(), || format!("{keys:?} are not the keys of {text}"))?;
    for jwk in published {
        let Some(key) = jwk["kid"].as_str().and_then(|id| keys.find(id)) else { continue };
        for (signer, token) in tokens {
            let token = BearerToken::parse(token, issuers).map_err(|problem| problem.to_string())?;
            let is_verified = token.verify(key, now()).is_ok();
            // Of several keys with this id, at most one is usable.
            let has_signed = document["keys"].as_array().into_iter().flatten().any(|it| it["kid"] == jwk["kid"] && is_same(it, signer));
            require(!is_verified || has_signed, || format!("the key {jwk} verifies a token of {signer}"))?;
        }
    }
    Ok(!keys.is_empty())
}

/// Whether two public keys have the same numbers.
fn is_same(one: &Value, other: &Value) -> bool {
    let number = |key: &Value, name: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(key[name].as_str()?).ok()?;
        Some(bytes.into_iter().skip_while(|byte| *byte == 0).collect::<Vec<_>>())
    };
    one["kty"] == other["kty"] && ["n", "e", "x", "y"].iter().all(|name| number(one, name) == number(other, name) || other[*name].is_null())
}

pub(super) fn row() -> Box<dyn Target> {
    let table = Arc::new(Table::new());
    let issuer = issuers::issuers().iter().next().expect("there is an issuer").clone();
    let corpus = vec![issuers::row(0), issuers::row(1), issuers::external_row()];
    Box::new(Rows { store: store(&table), table, issuer, corpus, runtime: runtime() })
}

struct Rows {
    table: Arc<Table>,
    store: Store,
    issuer: Issuer,
    corpus: Vec<Value>,
    runtime: Runtime,
}

impl Rows {
    /// Reads the row as that of the issuer's keys and as that of the external id. Whether either was accepted.
    fn read(&self, row: &Value) -> Result<bool, String> {
        let Some(row) = from_json(row) else { return Ok(false) };
        self.table.replace_rows_of_tokens(&row);
        let text = |name: &str| row.get(name).and_then(|value| value.as_s().ok()).map(String::as_str);
        let keys = readable(self.runtime.block_on(self.store.issuer_keys(&self.issuer)))?.flatten();
        if let Some(stored) = &keys {
            let refreshed = stored.refreshed.as_millis().to_string();
            let is_time = row.get("refreshed").and_then(|value| value.as_n().ok()).and_then(|time| time.parse::<i64>().ok());
            let same = text("issuer") == Some(self.issuer.url())
                && text("keys").is_some_and(|keys| KeySet::parse(keys.as_bytes()).as_ref() == Ok(&stored.keys))
                && is_time.is_some_and(|time| time.to_string() == refreshed);
            require(same, || format!("{stored:?} was read from {row:?}"))?;
        }
        let account = readable(self.runtime.block_on(self.store.account_of(&parsed::<ExternalId>(EXTERNAL_ID))))?.flatten();
        if let Some(account) = &account {
            let named = row.get("account").cloned();
            require(named == Some(AttributeValue::S(AccountId::to_string(account))), || format!("{account} was read from {row:?}"))?;
        }
        Ok(keys.is_some() || account.is_some())
    }
}

/// What was read; `None` if the row is corrupt. The store has no other error here.
fn readable<T>(result: Result<T, StoreError>) -> Result<Option<T>, String> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(StoreError::Corrupt { .. }) => Ok(None),
        Err(error) => Err(format!("{error:?}")),
    }
}

impl Target for Rows {
    fn make(&self, random: &mut Random) -> String {
        mutated_event(random, &self.corpus)
    }

    fn check(&self, row: &str) -> Verdict {
        let Ok(row) = serde_json::from_str(row) else { return Verdict::Rejected };
        match self.read(&row) {
            Ok(true) => Verdict::Accepted,
            Ok(false) => Verdict::Rejected,
            Err(why) => Verdict::Violation(why),
        }
    }
}
