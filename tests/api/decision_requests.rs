//! The requests of accepting and declining: credentials, bodies, links and ids.

use std::collections::BTreeSet;

use serde_json::json;
use support::{ACCOUNT, Call, OTHER_ACCOUNT};

use crate::{
    accept_signed_in::{EMAIL, Invited, OTHERS, VERBS, by_id},
    helpers::{COOLDOWN, NOT_FOUND, assert_error, invitation_row, resend, table},
};

#[tokio::test]
async fn an_unknown_id_or_account_is_a_404_and_a_malformed_one_a_400() {
    let it = Invited::start().await;
    let unknown = [(it.id.as_str(), OTHER_ACCOUNT), (&"0".repeat(32), ACCOUNT), (&"F".repeat(32), "999999999999")];
    let before = table(&it.app).await;
    for verb in VERBS {
        for (id, account) in unknown {
            assert_error(&it.send(by_id(verb, id, account), EMAIL).await, 404, "not-found", None, NOT_FOUND);
        }
        for id in ["", "1", &it.id[1..], &format!("{}#", it.id), &format!("I#{}", it.id), "../A#210987654321"] {
            it.send(by_id(verb, id, ACCOUNT), EMAIL).await.expect_error(400, "invalid-id");
        }
        for account in ["", "1", "01234567891", "0123456789123", "01234567891a", " 012345678912", "A#012345678912", "*"] {
            it.send(by_id(verb, &it.id, account), EMAIL).await.expect_error(400, "invalid-account");
        }
    }
    assert_eq!(table(&it.app).await, before);
    // In either case, as in a path.
    it.send(by_id("accept", &it.id.to_lowercase(), ACCOUNT), EMAIL).await.expect(200);
}

#[tokio::test]
async fn a_body_names_the_link_or_the_id_and_the_account_and_nothing_else() {
    let it = Invited::start().await;
    let (id, account, link) = (json!(it.id), json!(ACCOUNT), json!(it.link));
    let before = table(&it.app).await;
    for (body, code, fields) in [
        (json!({}), "missing-field", vec!["account", "id"]),
        (json!({ "id": id }), "missing-field", vec!["account"]),
        (json!({ "account": account }), "missing-field", vec!["id"]),
        (json!({ "id": 1, "account": 12 }), "invalid-field", vec!["account", "id"]),
        (json!({ "id": "1", "account": "12" }), "invalid-id", vec!["account", "id"]),
        (json!({ "token": null }), "invalid-field", vec!["token"]),
        (json!({ "token": link, "id": id, "account": account }), "unknown-field", vec!["account", "id"]),
        // A person cannot give a host's word, also not about themselves.
        (json!({ "token": link, "principal": "user-1", "email": EMAIL }), "unknown-field", vec!["email", "principal"]),
        (json!({ "id": id, "account": account, "email": EMAIL }), "unknown-field", vec!["email"]),
        (json!({ "id": id, "account": account, "role": "full-access" }), "unknown-field", vec!["role"]),
        (json!({ "id": id, "account": account, "state": "accepted" }), "unknown-field", vec!["state"]),
    ] {
        for verb in VERBS {
            let response = it.send(Call::post(&format!("/invitations/{verb}")).json(&body), EMAIL).await.expect_error(400, code);
            let named: Vec<String> = response.json()["fields"].as_object().expect("fields").keys().cloned().collect();
            assert_eq!(named.into_iter().collect::<BTreeSet<_>>(), fields.iter().map(|name| (*name).to_owned()).collect(), "{body}");
        }
    }
    // The id is only for people who have signed in.
    for verb in VERBS {
        for call in [it.call(verb, "id"), it.call(verb, "id").key(&it.app.full)] {
            it.app.send(call).await.expect_error(400, "missing-field");
        }
    }
    assert_eq!(table(&it.app).await, before);
}

#[tokio::test]
async fn t8_t19_every_invalid_link_is_the_same_404_with_a_bearer_token() {
    let it = Invited::start().await;
    let secret = it.link.rsplit_once('.').expect("a secret").1;
    let wrong: String = secret.chars().rev().collect::<String>().replace(|c: char| "048AEIMQUYcgkosw".contains(c), "A");
    let mut answers = BTreeSet::new();
    for link in [
        String::new(),
        "x".to_owned(),
        it.link.to_lowercase(),
        format!("i1.{ACCOUNT}.{}.{}A", it.id, &wrong[..42]),
        format!("i1.{ACCOUNT}.{}.{secret}", "0".repeat(32)),
        format!("i1.{OTHER_ACCOUNT}.{}.{secret}", it.id),
    ] {
        for verb in VERBS {
            for email in [EMAIL, OTHERS] {
                let answer = it.send(Call::holder(verb, &link), email).await.expect_error(404, "not-found");
                answers.insert((answer.text, format!("{:?}", answer.headers)));
            }
        }
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test]
async fn after_a_resend_the_earlier_link_is_dead_and_the_id_still_works() {
    let it = Invited::start().await;
    it.app.advance(COOLDOWN);
    it.app.send(resend(&it.id).key(&it.app.full)).await.expect(200);
    it.send(it.call("accept", "link"), EMAIL).await.expect_error(404, "not-found");
    it.send(it.call("accept", "id"), EMAIL).await.expect(200);
}

#[tokio::test]
async fn an_invalid_credential_is_a_401_even_where_the_link_alone_would_do() {
    let it = Invited::start().await;
    let token = it.people.token(&it.app, EMAIL);
    let before = table(&it.app).await;
    for verb in VERBS {
        for header in ["Bearer x", &format!("Bearer {token}x"), "ApiKey x", "Basic dXNlcjpwYXNz", "", &token] {
            it.app.send(it.call(verb, "link").header("authorization", header)).await.expect_error(401, "unauthorized");
        }
    }
    it.app.advance(COOLDOWN * 62);
    it.app.send(it.call("accept", "id").bearer(&token)).await.expect_error(401, "unauthorized");
    assert_eq!(table(&it.app).await, before);
}

#[tokio::test]
async fn the_host_application_declines_for_the_person_it_has_signed_in() {
    let roles = r#"{ "full-access": { "can": ["invitations:read", "invitations:create", "invitations:modify"], "mayGrant": ["*"] },
        "read-only": { "can": ["invitations:read"], "mayGrant": [] }, "helper": { "can": ["invitations:modify"], "mayGrant": [] } }"#;
    let it = Invited::with(&[("ROLES", roles)]).await;
    let decline =
        |email: &str| Call::post("/invitations/decline").json(&json!({ "token": it.link, "principal": "user-1", "email": email }));
    let before = table(&it.app).await;
    let helper = it.app.new_key(ACCOUNT, "helper").await;
    it.app.send(decline(EMAIL).key(&it.app.other)).await.expect_error(404, "not-found");
    it.app.send(decline(EMAIL).key(&it.app.read_only)).await.expect_error(403, "forbidden");
    it.app.send(decline(OTHERS).key(&helper)).await.expect_error(403, "wrong-invitee");
    it.app.send(Call::holder("decline", &it.link).key(&helper)).await.expect_error(400, "missing-field");
    it.app.send(decline(EMAIL)).await.expect_error(400, "unknown-field");
    let unchanged = table(&it.app).await;
    assert!(before.iter().all(|(key, row)| unchanged.get(key) == Some(row)));
    // Declining grants nothing, so the key need not be able to grant the role.
    it.app.send(decline(EMAIL).key(&helper)).await.expect(200);
    let row = invitation_row(&it.app, &it.id).await;
    assert_eq!((row["st"].as_str(), row.get("accepted_by")), (Some("declined"), None));
}

#[tokio::test]
async fn a_single_account_service_finds_invitations_of_its_account_only_and_reads_no_other() {
    let it = Invited::start().await;
    let theirs = it.app.send(Call::create(EMAIL, "full-access").key(&it.app.other)).await.expect(201).str("id");
    let only = it.app.another(&[("ONLY_ACCOUNT", ACCOUNT)]);
    let token = it.people.token(&it.app, EMAIL);
    only.send(by_id("accept", &"0".repeat(32), ACCOUNT).bearer(&token)).await.expect(404);
    let _ = it.app.faults.take_requests();
    only.send(by_id("accept", &theirs, OTHER_ACCOUNT).bearer(&token)).await.expect_error(404, "not-found");
    assert_eq!(it.app.faults.take_requests(), []);
    only.send(it.call("accept", "id").bearer(&token)).await.expect(200);
}

#[tokio::test]
async fn a_decision_takes_no_more_requests_than_with_the_link() {
    let mut operations = BTreeSet::new();
    for by in ["id", "link"] {
        for verb in VERBS {
            let it = Invited::start().await;
            // The keys of the issuer are cached.
            it.send(by_id(verb, &"0".repeat(32), ACCOUNT), EMAIL).await.expect(404);
            let _ = it.app.faults.take_operations();
            it.send(it.call(verb, by), EMAIL).await.expect(200);
            operations.insert(it.app.faults.take_operations());
        }
    }
    assert_eq!(operations.into_iter().collect::<Vec<_>>(), [["GetItem", "GetItem", "TransactWriteItems"]]);
}
