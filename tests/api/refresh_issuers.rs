//! The keys of issuers in the table: fetched by one function, used by the others.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use functions::{
    delivery::worker::{Failed, invoke},
    issuers::{
        refresh_issuers::{self, Refresher, Round},
        web::{MAX_SIZE, Web},
    },
};
use local::issuer::{Behaviour, Document, Issuer, SigningKey};
use serde_json::{Value, json};
use shared::{domain::issuer::Issuers, store::TrustStore};
use support::{Call, TestApp, run_as};

use crate::helpers::{table, text};

/// Enough for a server on this machine, and not long to wait for.
const TIME_LIMIT: Duration = Duration::from_millis(500);

/// A test RSA key, which is public.
const RSA: &[u8] = include_bytes!("../support/keys/public-test-key-rsa.der");

/// An entry of the configuration.
fn entry(url: &str) -> Value {
    json!({
        "issuer": url,
        "audience": { "values": ["invitations"] },
        "account": { "claim": "/account", "kind": "id" },
        "role": { "claim": "/role", "map": { "admin": "full-access" } },
    })
}

/// A service with one issuer.
struct Fixture {
    app: TestApp,
    issuer: Issuer,
    refresher: Refresher,
}

impl Fixture {
    async fn start() -> Self {
        let issuer = Issuer::on_free_port().expect("there is a port");
        let issuers = json!({ "acme": entry(issuer.url()) }).to_string();
        let app = TestApp::with(&[("ISSUERS", &issuers)]).await;
        let refresher = refresher(&app, &issuers);
        Self { app, issuer, refresher }
    }

    async fn refresh(&self) -> Result<Round, Failed> {
        run_as("refresh-issuers", invoke(Ok(&self.refresher), "{}", &refresh_issuers::handle)).await
    }

    /// A token of the newest key that is valid for a week.
    fn token(&self) -> String {
        let now = self.app.now();
        let more = json!({ "sub": "jane", "account": support::ACCOUNT, "role": "admin", "exp": now.as_secs() + 7 * 86_400 });
        self.issuer.token(self.issuer.claims(now, more))
    }

    async fn list(&self, token: &str) -> u16 {
        self.app.send(Call::get("/invitations").bearer(token)).await.status
    }

    /// The rows of issuers.
    async fn rows(&self) -> Vec<Value> {
        table(&self.app).await.into_iter().filter(|((pk, _), _)| pk.starts_with("ISSUER#")).map(|(_, row)| row).collect()
    }
}

fn refresher(app: &TestApp, issuers: &str) -> Refresher {
    let issuers: Issuers = issuers.parse().expect("issuers");
    Refresher::new(app.state().store.clone(), issuers, Web::new(&TrustStore::default(), TIME_LIMIT))
}

const CHANGED: Round = Round { changed: 1, unchanged: 0 };
const UNCHANGED: Round = Round { changed: 0, unchanged: 1 };

#[tokio::test]
async fn the_published_keys_are_stored_and_verify_tokens() {
    let it = Fixture::start().await;
    it.issuer.add_key(SigningKey::rs256(RSA).expect("a key"));
    let rs256 = it.token();
    it.issuer.rotate();
    let es256 = it.token();
    assert_eq!(it.refresh().await.expect("a round"), CHANGED);
    assert_eq!([it.list(&rs256).await, it.list(&es256).await], [200, 200]);
    let rows = it.rows().await;
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (text(&rows[0], "pk"), text(&rows[0], "sk"), text(&rows[0], "issuer")),
        ("ISSUER#acme".into(), "keys".into(), it.issuer.url().into())
    );
    assert_eq!(rows[0]["refreshed"], it.app.now().as_millis());
    assert_eq!(it.issuer.requests(), [Document::Discovery, Document::KeySet]);
}

#[tokio::test]
async fn only_changes_are_written_and_an_hour_without_any_is_noted() {
    let it = Fixture::start().await;
    it.refresh().await.expect("a round");
    let start = it.app.now().as_millis();
    for minute in 1..=60 {
        it.app.advance(Duration::from_secs(60));
        let _ = it.app.faults.take_operations();
        assert_eq!(it.refresh().await.expect("a round"), UNCHANGED);
        let expected = if minute == 60 { &["GetItem", "PutItem"][..] } else { &["GetItem"] };
        assert_eq!(it.app.faults.take_operations(), expected, "minute {minute}");
    }
    assert_eq!(it.rows().await[0]["refreshed"], start + 3_600_000);
    it.issuer.rotate();
    assert_eq!(it.refresh().await.expect("a round"), CHANGED);
}

#[tokio::test]
async fn after_a_rotation_new_tokens_work_within_two_minutes_and_old_ones_until_they_expire() {
    let it = Fixture::start().await;
    it.refresh().await.expect("a round");
    let old = it.token();
    assert_eq!(it.list(&old).await, 200);
    // The worst case: right after a round and a read of the keys.
    it.issuer.rotate();
    let new = it.token();
    assert_eq!(it.list(&new).await, 401);
    let mut waited = Duration::ZERO;
    while it.list(&new).await == 401 {
        waited += Duration::from_secs(1);
        it.app.advance(Duration::from_secs(1));
        if waited.as_secs().is_multiple_of(60) {
            it.refresh().await.expect("a round");
        }
    }
    assert!(waited <= Duration::from_secs(120), "{waited:?}");
    assert_eq!(it.list(&old).await, 200);
    // The issuer no longer publishes the old key, and its tokens end.
    it.issuer.retire_old_keys();
    it.refresh().await.expect("a round");
    it.app.advance(Duration::from_secs(300));
    assert_eq!([it.list(&old).await, it.list(&new).await], [401, 200]);
}

#[tokio::test]
async fn while_the_issuer_is_down_for_an_hour_every_valid_token_works() {
    let it = Fixture::start().await;
    it.refresh().await.expect("a round");
    let token = it.token();
    it.issuer.answer_with(|_| Behaviour::Status(503));
    for _ in 0..60 {
        it.app.advance(Duration::from_secs(60));
        let failed = it.refresh().await.expect_err("the issuer is down");
        assert_eq!(failed.0, "the keys of 1 issuers could not be refreshed");
        assert_eq!(it.list(&token).await, 200);
    }
    // Also in a new execution environment, and for a token that it has not seen.
    let call = || Call::get("/invitations").bearer(&token);
    it.app.another(&[]).send(call()).await.expect(200);
    assert_eq!(it.list(&it.token()).await, 200);
    // For a day and an hour after the keys were last noted.
    it.app.advance(Duration::from_secs(24 * 3600));
    assert_eq!(it.list(&token).await, 503);
    it.issuer.answer_with(|_| Behaviour::Serve);
    it.refresh().await.expect("a round");
    it.app.advance(Duration::from_secs(30));
    it.app.another(&[]).send(call()).await.expect(200);
}

#[tokio::test]
async fn a_bad_document_changes_nothing() {
    let it = Fixture::start().await;
    it.refresh().await.expect("a round");
    let before = it.rows().await;
    it.issuer.rotate();
    let token = it.token();
    let url = it.issuer.url().to_owned();
    let discovery = |change: Value| {
        let mut document = it.issuer.discovery();
        document.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        Behaviour::Body(document.to_string().into_bytes())
    };
    let keys = |keys: Value| Behaviour::Body(json!({ "keys": keys }).to_string().into_bytes());
    let key = it.issuer.key().jwk();
    let large = format!("{{\"keys\":[],\"more\":\"{}\"}}", "x".repeat(MAX_SIZE));
    for (what, document, behaviour) in [
        ("status 404", Document::Discovery, Behaviour::Status(404)),
        ("status 204", Document::KeySet, Behaviour::Status(204)),
        ("a redirect", Document::Discovery, Behaviour::Redirect(format!("{url}/jwks.json"))),
        ("a redirect to the right place", Document::KeySet, Behaviour::Redirect(format!("{url}/jwks.json"))),
        ("no response", Document::Discovery, Behaviour::Hang),
        ("no end", Document::KeySet, Behaviour::Endless),
        ("no body", Document::KeySet, Behaviour::Stall),
        ("a broken connection", Document::KeySet, Behaviour::Drop),
        ("too large", Document::KeySet, Behaviour::Body(large.into_bytes())),
        ("no JSON", Document::KeySet, Behaviour::Body(b"<html>".to_vec())),
        ("keys that are no list", Document::KeySet, keys(json!({}))),
        ("two keys with one id", Document::KeySet, keys(json!([key, key]))),
        ("another issuer", Document::Discovery, discovery(json!({ "issuer": "https://evil.example" }))),
        ("the issuer with a slash", Document::Discovery, discovery(json!({ "issuer": format!("{url}/") }))),
        ("no address of keys", Document::Discovery, discovery(json!({ "jwks_uri": null }))),
        ("keys in a file", Document::Discovery, discovery(json!({ "jwks_uri": "file:///etc/passwd" }))),
        ("keys from the network's metadata", Document::Discovery, discovery(json!({ "jwks_uri": "http://169.254.169.254/latest" }))),
    ] {
        let mut behaviour = Some(behaviour);
        it.issuer.answer_with(move |asked| if asked == document { behaviour.take().unwrap_or(Behaviour::Serve) } else { Behaviour::Serve });
        it.app.advance(Duration::from_secs(60));
        let started = Instant::now();
        it.refresh().await.expect_err(what);
        assert!(started.elapsed() < TIME_LIMIT * 3, "{what} took {:?}", started.elapsed());
        assert_eq!(it.rows().await, before, "{what}");
        assert_eq!(it.list(&token).await, 401, "the new key is not known");
    }
    it.app.advance(Duration::from_secs(60));
    assert_eq!(it.refresh().await.expect("a round"), CHANGED);
    assert_eq!(it.list(&token).await, 200);
}

#[tokio::test]
async fn one_issuer_that_is_down_does_not_keep_the_others_from_being_refreshed() {
    let (up, down) = (Issuer::on_free_port().expect("there is a port"), Issuer::on_free_port().expect("there is a port"));
    down.answer_with(|_| Behaviour::Hang);
    let issuers = json!({ "down": entry(down.url()), "up": entry(up.url()) }).to_string();
    let app = TestApp::with(&[("ISSUERS", &issuers)]).await;
    let refresher = refresher(&app, &issuers);
    run_as("refresh-issuers", invoke(Ok(&refresher), "{}", &refresh_issuers::handle)).await.expect_err("one is down");
    let now = app.now();
    let token = |issuer: &Issuer| issuer.token(issuer.claims(now, json!({ "sub": "jane", "account": support::ACCOUNT, "role": "admin" })));
    app.send(Call::get("/invitations").bearer(&token(&up))).await.expect(200);
    app.send(Call::get("/invitations").bearer(&token(&down))).await.expect_error(503, "unavailable");
}

#[tokio::test]
async fn keys_that_were_fetched_earlier_do_not_replace_later_ones() {
    let it = Fixture::start().await;
    it.refresh().await.expect("a round");
    let issuers: Issuers = it.app.variable("ISSUERS").expect("issuers").parse().expect("issuers");
    let (store, issuer) = (&it.app.store(), issuers.iter().next().expect("an issuer"));
    let mut slow = store.issuer_keys(issuer).await.expect("the table works").expect("keys");
    it.app.advance(Duration::from_secs(60));
    it.issuer.rotate();
    it.refresh().await.expect("a round");
    let after = it.rows().await;
    store.put_issuer_keys(issuer, &slow).await.expect("it has no effect");
    assert_eq!(it.rows().await, after);
    slow.refreshed = it.app.now().plus(Duration::from_secs(1));
    store.put_issuer_keys(issuer, &slow).await.expect("the table works");
    assert_ne!(it.rows().await, after);
}

#[tokio::test]
async fn an_issuer_that_withdraws_its_keys_is_no_longer_trusted() {
    for keys in [json!([]), json!([{ "kty": "oct", "kid": "1", "k": "AAAA", "alg": "HS256" }])] {
        let it = Fixture::start().await;
        it.refresh().await.expect("a round");
        let token = it.token();
        assert_eq!(it.list(&token).await, 200);
        let withdrawn = json!({ "keys": keys }).to_string().into_bytes();
        it.issuer.answer_with(move |document| match document {
            Document::Discovery => Behaviour::Serve,
            Document::KeySet => Behaviour::Body(withdrawn.clone()),
        });
        it.app.advance(Duration::from_secs(60));
        // An operator has to know.
        it.refresh().await.expect_err("no tokens can be verified any more");
        it.app.advance(Duration::from_secs(240));
        assert_eq!(it.list(&token).await, 401);
        it.issuer.answer_with(|_| Behaviour::Serve);
        it.refresh().await.expect("a round");
        it.app.advance(Duration::from_secs(30));
        assert_eq!(it.list(&token).await, 200);
    }
}

#[tokio::test]
async fn stored_keys_that_cannot_be_read_are_replaced() {
    for (attribute, value) in [
        ("keys", Some(AttributeValue::S("{}".to_owned()))),
        ("keys", None),
        ("refreshed", Some(AttributeValue::S("today".to_owned()))),
        ("refreshed", None),
        ("issuer", None),
    ] {
        let it = Fixture::start().await;
        it.refresh().await.expect("a round");
        let mut row = it.app.rows().await.into_iter().find(|row| row["sk"].as_s().is_ok_and(|sk| sk == "keys")).expect("a row");
        match value {
            Some(value) => drop(row.insert(attribute.to_owned(), value)),
            None => drop(row.remove(attribute)),
        }
        it.app.client.put_item().table_name(&it.app.table).set_item(Some(row)).send().await.expect("the row is written");
        it.app.advance(Duration::from_secs(60));
        assert_eq!(it.refresh().await.expect("a round"), CHANGED, "{attribute}");
        assert_eq!(it.list(&it.token()).await, 200, "{attribute}");
    }
}
