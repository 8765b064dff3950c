//! T5, T15: bearer tokens lead to the account that they name, and to no other.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::domain::ExternalId;
use support::{
    ACCOUNT, Call, OTHER_ACCOUNT, TestApp,
    tokens::{SigningKey, claims, publish, signing_key},
};

use crate::{
    helpers::{table, text},
    tenant_isolation::{foreign_of, hostile_texts, partitions, partitions_reached, send_hostile},
};

/// An issuer that names accounts by ids.
const BY_ID: &str = r#"{"acme": { "issuer": "https://login.example.com", "audience": { "values": ["invitations"] },
    "account": { "claim": "/account", "kind": "id" }, "role": { "claim": "/roles", "map": { "admin": "full-access" } } }}"#;
/// An issuer that names them by external ids.
const BY_EXTERNAL_ID: &str = r#"{"globex": { "issuer": "https://login.example.org", "audience": { "values": ["invitations"] },
    "account": { "claim": "/account", "kind": "externalID" }, "role": { "claim": "/roles", "map": { "admin": "full-access" } } }}"#;
/// The external ids of both accounts.
const OWN: &str = "tenant-one";
const FOREIGN: &str = "tenant-two";

/// The service with both issuers, and their key.
async fn app() -> (TestApp, SigningKey) {
    let both = format!("{},{}", &BY_ID[..BY_ID.len() - 1], &BY_EXTERNAL_ID[1..]);
    let app = TestApp::with(&[("ISSUERS", &both)]).await;
    let key = signing_key("k1");
    for issuer in [BY_ID, BY_EXTERNAL_ID] {
        publish(&app, issuer, &[&key]).await;
    }
    for (account, id) in [(ACCOUNT, OWN), (OTHER_ACCOUNT, FOREIGN)] {
        app.manage_settings(&json!({ "action": "set", "account": account, "externalID": id })).await;
    }
    (app, key)
}

/// A token of the issuer that names accounts by ids.
fn by_id(app: &TestApp, key: &SigningKey, account: &Value) -> String {
    key.token(&claims(app.now(), &json!({ "account": account })))
}

/// A token of the issuer that names accounts by external ids.
fn by_external_id(app: &TestApp, key: &SigningKey, id: &Value) -> String {
    key.token(&claims(app.now(), &json!({ "account": id, "iss": "https://login.example.org" })))
}

#[tokio::test]
async fn no_input_leads_the_holder_of_a_token_to_another_account() {
    for external in [false, true] {
        let (app, key) = app().await;
        let foreign = foreign_of(&app).await;
        let (token, others) = if external {
            (by_external_id(&app, &key, &OWN.into()), vec!["ISSUER#globex".to_owned(), format!("EXTERNAL#{OWN}")])
        } else {
            (by_id(&app, &key, &ACCOUNT.into()), vec!["ISSUER#acme".to_owned()])
        };
        let (reached, bodies) = send_hostile(&app, &foreign, |call| call.bearer(&token)).await;
        assert_eq!(reached, &partitions(ACCOUNT, &["A", "SETTINGS"]) | &others.into_iter().collect());
        assert!(!bodies.contains("foreign.one@example.com") && !bodies.contains("foreign.two@example.com"), "{bodies}");
    }
}

#[tokio::test]
async fn a_token_of_another_account_sees_and_changes_nothing_of_this_one() {
    let (app, key) = app().await;
    let own = text(&app.invite("user.one@example.com").await, "id");
    let before = table(&app).await;
    for token in [by_id(&app, &key, &OTHER_ACCOUNT.into()), by_external_id(&app, &key, &FOREIGN.into())] {
        let path = format!("/invitations/{own}");
        for call in [Call::get(&path), Call::post(&path), Call::set_state(&own, "invited"), Call::set_state(&own, "revoked")] {
            app.send(call.bearer(&token).header("idempotency-key", "k")).await.expect_error(404, "not-found");
        }
        for query in ["", "?state=invited", "?email=user.one@example.com", "?emailPrefix=user", "?roleID=full-access"] {
            let listed = app.send(Call::get(&format!("/invitations{query}")).bearer(&token)).await.expect(200).json();
            assert_eq!(listed, json!({ "invitations": [] }), "{query}");
        }
    }
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn a_hostile_account_claim_leads_to_no_account() {
    let (app, key) = app().await;
    let foreign = foreign_of(&app).await;
    let mut claimed: Vec<Value> = hostile_texts(&foreign).into_iter().filter(|text| text != OTHER_ACCOUNT).map(Value::from).collect();
    claimed.extend([
        json!([ACCOUNT, OTHER_ACCOUNT]),
        json!({ "id": OTHER_ACCOUNT }),
        json!(210_987_654_321_u64),
        json!(format!("{OTHER_ACCOUNT} ")),
        json!("\u{662}10987654321"),
        json!(format!("{FOREIGN} ")),
        json!(FOREIGN.to_uppercase()),
        json!(format!("{FOREIGN}\u{200b}")),
        json!(format!("{OWN}#{FOREIGN}")),
    ]);
    let before = table(&app).await;
    // The keys are read once.
    for token in [by_id(&app, &key, &ACCOUNT.into()), by_external_id(&app, &key, &OWN.into())] {
        app.send(Call::get("/invitations").bearer(&token)).await.expect(200);
    }
    for value in &claimed {
        let well_formed = value.as_str().filter(|text| text.parse::<ExternalId>().is_ok());
        for (token, external) in [(by_id(&app, &key, value), None), (by_external_id(&app, &key, value), well_formed)] {
            let _ = app.faults.take_requests();
            for call in [Call::get("/invitations"), Call::create("new@example.com", "read-only"), Call::set_state(&foreign.id, "revoked")] {
                let status = app.send(call.bearer(&token)).await.status;
                // An external id may be one that no account has.
                assert_eq!(status, if external.is_some() { 403 } else { 401 }, "{value}");
            }
            let reached = partitions_reached(&app.faults.take_requests());
            let expected: BTreeSet<String> = external.map(|id| format!("EXTERNAL#{id}")).into_iter().collect();
            assert_eq!(reached, expected, "{value}");
        }
    }
    assert_eq!(table(&app).await, before);
}
