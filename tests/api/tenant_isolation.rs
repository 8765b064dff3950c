//! T5, T15: every request leads only to partitions of the caller's account, and to the function's own table.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::{ACCOUNT, Call, OTHER_ACCOUNT, People, TestApp, Workers};

use crate::{
    access::{every_partition, leading_keys},
    helpers::{COOLDOWN, resend, text},
    operations::{EXTERNAL_ID, ISSUER_KEYS, observed},
};

/// The partitions that requests lead to. Fails if a request contains the key of any other partition.
pub(crate) fn partitions_reached(requests: &[(String, Value)]) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    for (operation, input) in requests {
        let leading = leading_keys(operation, input);
        let held = every_partition(input);
        assert!(held.is_subset(&leading), "{operation} contains {held:?} and leads to {leading:?}");
        reached.extend(leading);
    }
    reached
}

/// The tables that a request names.
fn tables(input: &Value, found: &mut BTreeSet<String>) {
    match input {
        Value::Object(fields) => {
            found.extend(fields.get("TableName").map(|name| name.as_str().expect("a name").to_owned()));
            fields.values().for_each(|value| tables(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| tables(item, found)),
        _ => {}
    }
}

pub(crate) fn partitions(account: &str, kinds: &[&str]) -> BTreeSet<String> {
    kinds.iter().map(|kind| format!("{kind}#{account}")).collect()
}

#[tokio::test]
async fn every_function_leads_to_the_partitions_that_it_needs_of_one_account() {
    let mut named = BTreeSet::new();
    for (name, requests) in &observed().await.requests {
        requests.iter().for_each(|(_, input)| tables(input, &mut named));
        // A cold start reads a row that does not exist, and the reconciler queries the shards of the index.
        let reached = partitions_reached(requests)
            .into_iter()
            .filter(|partition| partition != "KEYS#" && partition.len() > 1)
            .collect::<BTreeSet<_>>();
        let kinds: &[&str] = match *name {
            "manage-api-keys" => &["KEYS"],
            "manage-account-settings" => &["SETTINGS", "KEYS", "A"],
            "accept-page" | "console-page" => &[],
            "erase-invitee" | "revoke-invitations" | "record-feedback" => &["A"],
            "deliver-invitations" | "reconcile-deliveries" | "lookup-invitation" | "list-own-invitations" => &["A", "SETTINGS"],
            "accept-invitation" | "decline-invitation" => &["A", "SETTINGS", "KEYS"],
            "refresh-issuers" => &[],
            "create-invitation" | "create-invitations" | "modify-invitation" => &["A", "SETTINGS", "KEYS"],
            "describe-caller" => &["SETTINGS", "KEYS"],
            _ => &["A", "KEYS"],
        };
        // Operators may name the account by its external id, and so may a token. Its keys belong to no account.
        let external = format!("EXTERNAL#{EXTERNAL_ID}");
        let others = match *name {
            "manage-api-keys" | "manage-account-settings" | "erase-invitee" | "revoke-invitations" => vec![external],
            "create-invitation"
            | "create-invitations"
            | "list-invitations"
            | "describe-invitation"
            | "modify-invitation"
            | "describe-caller" => {
                vec![external, ISSUER_KEYS.to_owned()]
            }
            "accept-invitation" | "decline-invitation" | "refresh-issuers" => vec![ISSUER_KEYS.to_owned()],
            // The index by invitee has addresses as partitions.
            "list-own-invitations" => vec![ISSUER_KEYS.to_owned(), "user.five@example.com".to_owned()],
            _ => Vec::new(),
        };
        assert_eq!(reached, &partitions(ACCOUNT, kinds) | &others.into_iter().collect(), "{name}");
    }
    assert_eq!(named.len(), 1, "all requests are to one table: {named:?}");
}

/// Values of the other account that an attacker could put into a request.
pub(crate) struct Foreign {
    pub(crate) id: String,
    cursor: String,
    token: String,
}

pub(crate) async fn foreign_of(app: &TestApp) -> Foreign {
    foreign(app, &mut Workers::of(app).await).await
}

async fn foreign(app: &TestApp, workers: &mut Workers) -> Foreign {
    let invite = |email: &str| app.send(Call::create(email, "full-access").key(&app.other));
    let id = invite("foreign.one@example.com").await.expect(201).str("id");
    invite("foreign.two@example.com").await.expect(201);
    workers.deliver().await;
    let cursor = app.send(Call::get("/invitations?limit=1").key(&app.other)).await.expect(200).str("next");
    Foreign { id, cursor, token: workers.last_token("foreign.one@example.com") }
}

/// A service, values of another account, and the token of a link of [`ACCOUNT`].
async fn links() -> (TestApp, Foreign, String) {
    let app = TestApp::start().await;
    let mut workers = Workers::of(&app).await;
    let foreign = foreign(&app, &mut workers).await;
    app.invite("user.one@example.com").await;
    workers.deliver().await;
    let own = workers.last_token("user.one@example.com");
    (app, foreign, own)
}

/// Texts that could be, continue or end a partition key.
pub(crate) fn hostile_texts(foreign: &Foreign) -> Vec<String> {
    let other = OTHER_ACCOUNT;
    let keys = ["A#", "KEYS#", "SETTINGS#", "#A#", "I#", "P#", "../A#", "A%23", "\u{0}A#", ""].map(|start| format!("{start}{other}"));
    let ids = [foreign.id.clone(), format!("A#{other}I#{}", foreign.id), format!("{other}.{}", foreign.id), foreign.cursor.clone()];
    keys.into_iter().chain(ids).chain([foreign.token.clone()]).collect()
}

/// Requests with hostile texts in all their places, and for an invitation of the caller.
fn hostile_calls(own: &str, foreign: &Foreign) -> Vec<Call> {
    let mut calls = vec![resend(own), Call::set_state(own, "revoked"), Call::get(&format!("/invitations/{own}"))];
    for hostile in hostile_texts(foreign) {
        let encoded: String = hostile.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for parameter in ["email", "emailPrefix", "roleID", "state", "order", "next", "limit", "account", "pk"] {
            calls.push(Call::get(&format!("/invitations?{parameter}={encoded}")));
            calls.push(Call::get(&format!("/invitations/caller?{parameter}={encoded}")));
            calls.push(Call::get(&format!("/invitations?state=invited&{parameter}={encoded}")));
        }
        for path in [&hostile, &encoded] {
            calls.extend([Call::get(&format!("/invitations/{path}")), resend(path), Call::set_state(path, "revoked")]);
        }
        for field in ["email", "roleID", "account", "pk", "id", "expiry", "locale"] {
            let mut body = json!({ "email": "user.two@example.com", "roleID": "full-access" });
            body[field] = hostile.clone().into();
            calls.push(Call::post("/invitations").json(&body).header("idempotency-key", &encoded));
        }
        let email = format!("{}@example.com", hostile.replace(|c: char| !c.is_ascii_graphic(), ""));
        calls.push(Call::create(&email, "full-access"));
        calls.push(resend(own).header("idempotency-key", &hostile.replace(|c: char| c.is_control(), "")));
    }
    calls
}

/// Sends hostile requests with a credential. Returns the partitions that they lead to, and the bodies of the responses.
pub(crate) async fn send_hostile(app: &TestApp, foreign: &Foreign, credential: impl Fn(Call) -> Call) -> (BTreeSet<String>, String) {
    let own = text(&app.invite("user.one@example.com").await, "id");
    app.advance(COOLDOWN);
    let _ = app.faults.take_requests();
    let (mut answered, mut requests, mut bodies) = (BTreeSet::new(), Vec::new(), String::new());
    for call in hostile_calls(&own, foreign) {
        let event = credential(call.clone()).event().to_string();
        let response = app.send_event(&call.route(), &event).await;
        answered.insert(response.status);
        bodies += &response.text;
        requests.extend(app.faults.take_requests());
    }
    // Enough of them reached the table.
    assert!(answered.is_superset(&[200, 201, 400, 404].into()), "{answered:?}");
    assert!(requests.len() > 50, "{}", requests.len());
    (partitions_reached(&requests), bodies)
}

#[tokio::test]
async fn no_input_leads_the_holder_of_a_key_to_another_account() {
    let app = TestApp::start().await;
    let foreign = foreign_of(&app).await;
    let (reached, _) = send_hostile(&app, &foreign, |call| call.key(&app.full)).await;
    assert_eq!(reached, partitions(ACCOUNT, &["A", "SETTINGS", "KEYS"]));
}

#[tokio::test]
async fn a_link_leads_to_its_own_account_and_a_key_sent_with_it_to_that_keys_account() {
    let (app, foreign, own) = links().await;
    let _ = app.faults.take_requests();
    for verb in ["lookup", "decline"] {
        app.send(Call::holder(verb, &foreign.token)).await.expect(200);
        assert_eq!(partitions_reached(&app.faults.take_requests()), partitions(OTHER_ACCOUNT, &["A", "SETTINGS"]), "{verb}");
    }
    // Secrets and ids of one account with the account id of the other.
    for swapped in [own.replace(ACCOUNT, OTHER_ACCOUNT), foreign.token.replace(OTHER_ACCOUNT, ACCOUNT)] {
        for verb in ["lookup", "accept", "decline"] {
            app.send(Call::holder(verb, &swapped)).await.expect(404);
            let named = if swapped.contains(OTHER_ACCOUNT) { OTHER_ACCOUNT } else { ACCOUNT };
            let reached = partitions_reached(&app.faults.take_requests());
            assert!(reached.is_subset(&partitions(named, &["A", "SETTINGS"])), "{verb}: {reached:?}");
        }
    }
    // The key of one account accepts no link of the other, and does not even read it.
    let behalf = json!({ "token": own, "principal": "user-1", "email": "user.one@example.com" });
    app.send(Call::post("/invitations/accept").json(&behalf).key(&app.other)).await.expect(404);
    assert_eq!(partitions_reached(&app.faults.take_requests()), partitions(OTHER_ACCOUNT, &["KEYS"]));
    app.advance(COOLDOWN);
    app.send(Call::post("/invitations/accept").json(&behalf).key(&app.full)).await.expect(200);
    assert_eq!(partitions_reached(&app.faults.take_requests()), partitions(ACCOUNT, &["A", "KEYS", "SETTINGS"]));
}

/// A cursor of an address's own list with a valid digest, which needs no secret, behind every invitation of an account.
fn forged_cursor(email: &str, account: &str) -> String {
    let versioned = [&[1], &1_i64.to_be_bytes()[..], account.as_bytes()].concat();
    let digest = Sha256::digest([b"own\0", email.as_bytes(), b"\0", &versioned[..]].concat());
    URL_SAFE_NO_PAD.encode([&versioned[..], &digest[..16]].concat())
}

#[tokio::test]
async fn t5_a_persons_list_leads_to_the_accounts_that_have_invited_them_and_shows_no_others() {
    let (app, people) = People::start().await;
    let (mine, theirs) = ("user.one@example.com", "user.two@example.com");
    for (key, email) in [(&app.full, mine), (&app.full, theirs), (&app.other, theirs)] {
        app.send(Call::create(email, "full-access").key(key)).await.expect(201);
    }
    let next = app.send(Call::get("/invitations/mine?limit=1").bearer(&people.token(&app, theirs))).await.expect(200).str("next");
    let foreign = foreign_of(&app).await;
    let mut queries = vec![String::new(), "limit=1".to_owned(), "limit=100".to_owned()];
    for cursor in [next, forged_cursor(theirs, OTHER_ACCOUNT), forged_cursor(mine, OTHER_ACCOUNT), forged_cursor(mine, ACCOUNT)] {
        queries.push(format!("cursor={cursor}"));
    }
    for hostile in hostile_texts(&foreign) {
        let encoded: String = hostile.bytes().map(|byte| format!("%{byte:02X}")).collect();
        queries.extend(["cursor", "limit", "email", "account", "pk", "invitee"].map(|parameter| format!("{parameter}={encoded}")));
    }
    let (mut answered, mut shown) = (BTreeSet::new(), BTreeSet::new());
    let _ = app.faults.take_requests();
    for query in queries {
        let call = Call::get(&format!("/invitations/mine?{query}")).bearer(&people.token(&app, mine));
        let response = app.send_event(&call.route(), &call.event().to_string()).await;
        answered.insert(response.status);
        let invitations = response.json()["invitations"].as_array().cloned().unwrap_or_default();
        shown.extend(invitations.iter().map(|it| (text(it, "account"), text(it, "email"))));
    }
    assert_eq!(answered, [200, 400].into());
    assert_eq!(shown, [(ACCOUNT.to_owned(), mine.to_owned())].into());
    let own = &partitions(ACCOUNT, &["A", "SETTINGS"]) | &[mine.to_owned()].into();
    assert_eq!(partitions_reached(&app.faults.take_requests()), own);
}

#[tokio::test]
async fn t5_an_id_leads_a_person_to_the_account_that_it_is_sent_with() {
    let (app, people) = People::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    let foreign = foreign_of(&app).await;
    let token = people.token(&app, "user.one@example.com");
    for verb in ["accept", "decline"] {
        let by_id = |id: &str, account: &str| {
            let call = Call::post(&format!("/invitations/{verb}")).json(&json!({ "id": id, "account": account })).bearer(&token);
            (call.route(), call.event().to_string())
        };
        let _ = app.faults.take_requests();
        // Ids of one account with the other account, and an id that is theirs.
        for (id, account, status) in [(&id, OTHER_ACCOUNT, 404), (&foreign.id, ACCOUNT, 404), (&foreign.id, OTHER_ACCOUNT, 403)] {
            let (route, event) = by_id(id, account);
            assert_eq!(app.send_event(&route, &event).await.status, status);
            let reached = partitions_reached(&app.faults.take_requests());
            assert!(reached.is_subset(&(&partitions(account, &["A", "SETTINGS"]) | &["ISSUER#acme".to_owned()].into())), "{reached:?}");
        }
        // The other account and the foreign id are well-formed, and tried above.
        for hostile in hostile_texts(&foreign).into_iter().filter(|text| ![OTHER_ACCOUNT, &foreign.id].contains(&text.as_str())) {
            for (route, event) in [by_id(&hostile, ACCOUNT), by_id(&id, &hostile)] {
                assert_eq!(app.send_event(&route, &event).await.status, 400, "{hostile}");
            }
        }
        assert_eq!(partitions_reached(&app.faults.take_requests()), BTreeSet::new());
    }
}

#[tokio::test]
async fn an_operator_function_leads_to_the_account_in_its_event() {
    let app = TestApp::start().await;
    app.invite("user.one@example.com").await;
    for (account, other) in [(ACCOUNT, OTHER_ACCOUNT), (OTHER_ACCOUNT, ACCOUNT)] {
        let _ = app.faults.take_requests();
        let key = app.manage_keys(&json!({ "action": "create", "account": account, "role": "full-access" })).await;
        app.manage_keys(&json!({ "action": "list", "account": account })).await;
        app.manage_keys(&json!({ "action": "disable", "account": other, "id": key["id"] })).await;
        let reached = partitions_reached(&app.faults.take_requests());
        assert_eq!(reached, &partitions(account, &["KEYS"]) | &partitions(other, &["KEYS"]), "the accounts of the events");
        app.manage_settings(&json!({ "action": "set", "account": account, "name": format!("A#{other}") })).await;
        app.manage_settings(&json!({ "action": "describe", "account": account })).await;
        assert_eq!(partitions_reached(&app.faults.take_requests()), partitions(account, &["SETTINGS"]));
        app.erase(&json!({ "account": account, "email": "user.one@example.com" })).await;
        assert_eq!(partitions_reached(&app.faults.take_requests()), partitions(account, &["A"]));
        app.send(Call::create("user.two@example.com", "read-only").key(&app.full)).await;
        app.send(Call::create("user.two@example.com", "read-only").key(&app.other)).await;
        let _ = app.faults.take_requests();
        for field in ["email", "roleID"] {
            app.revoke(&json!({ "account": account, field: if field == "email" { "user.two@example.com" } else { "read-only" } })).await;
            assert_eq!(partitions_reached(&app.faults.take_requests()), partitions(account, &["A"]), "{field}");
        }
    }
    for account in ["", "*", "01234567891", "012345678912#", "A#012345678912", "012345678912/../210987654321"] {
        for event in [json!({ "action": "list", "account": account }), json!({ "account": account, "email": "user.one@example.com" })] {
            app.manage_keys(&event).await;
            app.manage_settings(&json!({ "action": "describe", "account": account })).await;
            app.erase(&event).await;
            app.revoke(&event).await;
        }
    }
    assert_eq!(app.faults.take_requests(), [], "an invalid account leads nowhere");
}

#[tokio::test]
async fn background_work_leads_to_the_account_of_each_invitation() {
    let app = TestApp::start().await;
    let mut workers = Workers::of(&app).await;
    for (key, account) in [(&app.full, ACCOUNT), (&app.other, OTHER_ACCOUNT)] {
        let email = format!("user.{account}@example.com");
        app.send(Call::create(&email, "full-access").key(key)).await.expect(201);
        let _ = app.faults.take_requests();
        workers.deliver().await;
        assert_eq!(partitions_reached(&app.faults.take_requests()), partitions(account, &["A", "SETTINGS"]), "{account}");
        workers.report(&workers.last_email(&email)).await;
        assert_eq!(partitions_reached(&app.faults.take_requests()), partitions(account, &["A"]), "{account}");
        // The record of the report is processed before the next account.
        workers.deliver().await;
    }
}

#[tokio::test]
async fn a_single_account_stack_never_reads_another_accounts_rows() {
    let (app, foreign, own) = links().await;
    let only = app.another(&[("ONLY_ACCOUNT", ACCOUNT)]);
    let _ = app.faults.take_requests();
    only.send(Call::get("/invitations").key(&app.other)).await.expect(401);
    for verb in ["lookup", "accept", "decline"] {
        only.send(Call::holder(verb, &foreign.token)).await.expect_error(404, "not-found");
    }
    assert_eq!(app.faults.take_requests(), []);
    only.send(Call::get("/invitations").key(&app.full)).await.expect(200);
    only.send(Call::holder("accept", &own)).await.expect(200);
}
