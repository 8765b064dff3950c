//! Callers with bearer tokens: what they may do, and for how long.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use support::{
    ACCOUNT, Call, OTHER_ACCOUNT, Response, TestApp,
    tokens::{ISSUERS, SigningKey, claims, publish, signing_key},
};

use crate::helpers::{assert_response, error, invitation_row, text};

/// The challenge after a token that is not accepted.
pub(crate) fn challenge(why: &str) -> String {
    format!("ApiKey realm=\"invitations\", Bearer realm=\"invitations\", error=\"invalid_token\", error_description=\"{why}\"")
}

/// Asserts the whole response to a token that is not accepted.
#[track_caller]
pub(crate) fn expect_unauthorized(response: &Response, why: &str) {
    let body = error("unauthorized", None, &format!("Unauthorized: {why}"));
    assert_response(response, 401, &body, &[("www-authenticate", &challenge(why))]);
}

/// Asserts a 403 with this reason.
#[track_caller]
fn expect_forbidden(response: &Response, why: &str) {
    let message = format!("You tried to do something that you're not allowed to do. {why}");
    assert_response(response, 403, &error("forbidden", None, &message), &[]);
}

/// An app with an issuer, and its key.
async fn app() -> (TestApp, SigningKey) {
    app_with(ISSUERS).await
}

async fn app_with(issuers: &str) -> (TestApp, SigningKey) {
    let app = TestApp::with(&[("ISSUERS", issuers)]).await;
    let key = signing_key("k1");
    publish(&app, issuers, &[&key]).await;
    (app, key)
}

#[tokio::test]
async fn a_person_invites_in_her_own_name() {
    let (app, key) = app().await;
    let token = key.token(&claims(app.now(), &json!({ "sub": "auth0|5f7c8ec7c33c6c004bbafe82" })));
    let created = app.send(Call::create("new@example.com", "read-only").bearer(&token)).await.expect(201).json();
    let urn = format!("urn:cloudone:identity:ca-1:{ACCOUNT}:user/acme:auth0%7C5f7c8ec7c33c6c004bbafe82");
    assert_eq!(text(&created, "invitedBy"), urn);
    assert_eq!(text(&created, "urn"), format!("urn:cloudone:identity:ca-1:{ACCOUNT}:invitation/{}", text(&created, "id")));
    assert_eq!(invitation_row(&app, &text(&created, "id")).await["sender"], "Jane Doe");
    // Everyone of the account sees it, also with a key.
    let seen = app.send(Call::get(&format!("/invitations/{}", text(&created, "id"))).key(&app.full)).await.expect(200).json();
    assert_eq!(seen["invitedBy"], *urn);
}

#[tokio::test]
async fn a_token_reaches_only_its_own_account() {
    let (app, key) = app().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    let elsewhere = key.token(&claims(app.now(), &json!({ "account": OTHER_ACCOUNT })));
    app.send(Call::get(&format!("/invitations/{id}")).bearer(&elsewhere)).await.expect_error(404, "not-found");
    app.send(Call::set_state(&id, "revoked").bearer(&elsewhere)).await.expect_error(404, "not-found");
    let listed = app.send(Call::get("/invitations").bearer(&elsewhere)).await.expect(200).json();
    assert_eq!(listed, json!({ "invitations": [] }));
}

#[tokio::test]
async fn the_role_of_a_token_is_the_first_of_the_map_that_it_has() {
    let (app, key) = app().await;
    let token = |roles: Value| key.token(&claims(app.now(), &json!({ "roles": roles })));
    let create = || Call::create("new@example.com", "read-only");
    let lacking = "It requires the permission invitations:create, which the role 'read-only' does not have.";
    let none = "It requires the permission invitations:create, and your token gives you no role here.";
    for (roles, why) in [
        (json!("viewer"), lacking),
        (json!(["viewer"]), lacking),
        (json!([]), none),
        (json!(["Admin", "admin ", "administrator"]), none),
        (json!("full-access"), none),
        (json!(7), none),
        (json!([7, null, ["admin"]]), none),
        (json!({ "admin": true }), none),
        (Value::Null, none),
    ] {
        expect_forbidden(&app.send(create().bearer(&token(roles))).await, why);
    }
    // In the order of the map, not of the token.
    app.send(create().bearer(&token(json!(["viewer", "admin"])))).await.expect(201);
    app.send(Call::get("/invitations").bearer(&token(json!("viewer")))).await.expect(200);
}

#[tokio::test]
async fn an_unusable_name_is_left_out() {
    let (app, key) = app().await;
    for (number, name) in
        [json!("visit evil.example now"), json!("Jane\u{202e}Doe"), json!(7), json!(""), Value::Null].into_iter().enumerate()
    {
        let token = key.token(&claims(app.now(), &json!({ "name": name })));
        let created = app.send(Call::create(&format!("user-{number}@example.com"), "read-only").bearer(&token)).await.expect(201).json();
        assert_eq!(invitation_row(&app, &text(&created, "id")).await.get("sender"), None, "{name}");
    }
}

#[tokio::test]
async fn a_deployment_for_one_account_refuses_tokens_for_others() {
    let app = TestApp::with(&[("ISSUERS", ISSUERS), ("ONLY_ACCOUNT", ACCOUNT)]).await;
    let key = SigningKey::generate();
    publish(&app, ISSUERS, &[&key]).await;
    app.send(Call::get("/invitations").bearer(&key.token(&claims(app.now(), &json!({}))))).await.expect(200);
    let elsewhere = key.token(&claims(app.now(), &json!({ "account": OTHER_ACCOUNT })));
    let _ = app.faults.take_operations();
    for call in [
        Call::get("/invitations"),
        Call::get("/invitations/0123456789ABCDEF0123456789ABCDEF"),
        Call::create("new@example.com", "read-only"),
        Call::set_state("0123456789ABCDEF0123456789ABCDEF", "revoked"),
    ] {
        let response = app.send(call.bearer(&elsewhere)).await;
        expect_forbidden(&response, "This deployment does not serve the account that your token names.");
    }
    assert!(app.faults.take_operations().is_empty(), "nothing is read");
}

#[tokio::test]
async fn the_token_of_an_invitee_reaches_no_account() {
    let (app, key) = app().await;
    let token = key.token(&claims(app.now(), &json!({ "account": null, "roles": null })));
    for call in [
        Call::get("/invitations"),
        Call::get("/invitations/0123456789ABCDEF0123456789ABCDEF"),
        Call::create("new@example.com", "read-only"),
        Call::set_state("0123456789ABCDEF0123456789ABCDEF", "revoked"),
    ] {
        expect_forbidden(&app.send(call.bearer(&token)).await, "It requires a token that names an account.");
    }
}

/// An issuer that names accounts by external ids.
const EXTERNAL: &str = r#"{"acme": { "issuer": "https://login.example.com", "audience": { "claim": "/client_id", "values": ["c1", "c2"] },
    "account": { "claim": "/https:~1~1example.com~1tenant", "kind": "externalID" },
    "role": { "claim": "/realm_access/roles", "map": { "admin": "full-access" } } }}"#;

#[tokio::test]
async fn an_issuer_may_name_accounts_by_external_ids() {
    let (app, key) = app_with(EXTERNAL).await;
    let tenant = |tenant: &str| {
        let more = json!({ "aud": null, "client_id": "c2", "https://example.com/tenant": tenant, "realm_access": { "roles": ["admin"] } });
        key.token(&claims(app.now(), &more))
    };
    let unknown = app.send(Call::get("/invitations").bearer(&tenant("org_42"))).await;
    expect_forbidden(&unknown, "No account has the external id 'org_42' that your token names.");
    app.manage_settings(&json!({ "action": "set", "account": ACCOUNT, "externalID": "org_42" })).await;
    // That no account has it was remembered for five seconds.
    app.advance(Duration::from_secs(5));
    app.invite("user.one@example.com").await;
    let listed = app.send(Call::get("/invitations").bearer(&tenant("org_42"))).await.expect(200).json();
    assert_eq!(listed["invitations"].as_array().map(Vec::len), Some(1));
    // From now on it takes no read of its own.
    let _ = app.faults.take_operations();
    app.send(Call::get("/invitations").bearer(&tenant("org_42"))).await.expect(200);
    assert_eq!(app.faults.take_operations(), ["Query"]);
    // Ids of twelve digits are not external ids.
    expect_unauthorized(
        &app.send(Call::get("/invitations").bearer(&tenant(ACCOUNT))).await,
        "the token names an account in another form than configured, or one that its issuer may not name",
    );
}

#[tokio::test]
async fn equal_subjects_of_two_issuers_are_two_people() {
    let other = ISSUERS.replace("acme", "globex").replace("login.example.com", "login.example.org");
    let both = format!("{},{}", &ISSUERS[..ISSUERS.len() - 1], &other[1..]);
    let app = TestApp::with(&[("ISSUERS", &both)]).await;
    let (acme, globex) = (signing_key("k1"), signing_key("k1"));
    publish(&app, ISSUERS, &[&acme]).await;
    publish(&app, &other, &[&globex]).await;
    let tokens =
        [acme.token(&claims(app.now(), &json!({}))), globex.token(&claims(app.now(), &json!({ "iss": "https://login.example.org" })))];
    let mut created = Vec::new();
    for (token, email) in tokens.iter().zip(["one@example.com", "two@example.com"]) {
        // The same key and subject, but not the same stored response.
        let call = Call::create(email, "read-only").bearer(token).header("idempotency-key", "k");
        created.push(app.send(call).await.expect(201).json());
    }
    let urns: Vec<_> = created.iter().map(|it| text(it, "invitedBy").rsplit(':').nth(1).expect("an issuer").to_owned()).collect();
    assert_eq!(urns, ["user/acme", "user/globex"]);
    // Another token of the same person has the same stored response.
    let later = acme.token(&claims(app.now(), &json!({ "exp": app.now().as_secs() + 60 })));
    let replay = app.send(Call::create("one@example.com", "read-only").bearer(&later).header("idempotency-key", "k")).await.expect(201);
    assert_eq!((replay.header("idempotent-replayed"), replay.json()), (Some("true"), created[0].clone()));
}

#[tokio::test]
async fn a_token_is_accepted_until_a_minute_after_its_expiry_also_when_remembered() {
    let (app, key) = app().await;
    let now = app.now().floor_to_second();
    app.set_back(app.now().since(now));
    let token = key.token(&claims(now, &json!({ "exp": now.as_secs() + 100 })));
    let early = key.token(&claims(now, &json!({ "nbf": now.as_secs() + 60 })));
    for token in [&token, &early] {
        app.send(Call::get("/invitations").bearer(token)).await.expect(200);
    }
    app.advance(Duration::from_millis(159_999));
    app.send(Call::get("/invitations").bearer(&token)).await.expect(200);
    app.advance(Duration::from_millis(1));
    let response = app.send(Call::get("/invitations").bearer(&token)).await;
    expect_unauthorized(&response, "the token has expired");
    // In a new execution environment, too.
    expect_unauthorized(&app.another(&[]).send(Call::get("/invitations").bearer(&token)).await, "the token has expired");
}

#[tokio::test]
async fn a_token_seen_before_takes_no_further_request() {
    let (app, key) = app().await;
    let token = key.token(&claims(app.now(), &json!({})));
    let id = text(&app.invite("user.one@example.com").await, "id");
    let _ = app.faults.take_operations();
    // The keys, then the invitation.
    for expected in [&["GetItem", "GetItem"][..], &["GetItem"], &["GetItem"]] {
        app.send(Call::get(&format!("/invitations/{id}")).bearer(&token)).await.expect(200);
        assert_eq!(app.faults.take_operations(), expected);
    }
    // Another token needs no keys either.
    app.send(Call::get(&format!("/invitations/{id}")).bearer(&key.token(&claims(app.now(), &json!({ "sub": "john" }))))).await.expect(200);
    assert_eq!(app.faults.take_operations(), ["GetItem"]);
}

#[tokio::test]
async fn new_keys_are_known_within_thirty_seconds_and_removed_ones_forgotten_within_five_minutes() {
    let (app, old) = app().await;
    let new = signing_key("k2");
    let (with_old, with_new) = (old.token(&claims(app.now(), &json!({}))), new.token(&claims(app.now(), &json!({}))));
    let list = |token: &str| app.send(Call::get("/invitations").bearer(token));
    list(&with_old).await.expect(200);
    // The issuer starts to sign with a new key, and both are published.
    publish(&app, ISSUERS, &[&old, &new]).await;
    let unknown = "the token is signed with a key that its issuer has not published";
    expect_unauthorized(&list(&with_new).await, unknown);
    app.advance(Duration::from_secs(30));
    list(&with_new).await.expect(200);
    list(&with_old).await.expect(200);
    // The old key is no longer published.
    app.advance(Duration::from_millis(1));
    publish(&app, ISSUERS, &[&new]).await;
    app.advance(Duration::from_millis(299_998));
    list(&with_old).await.expect(200);
    app.advance(Duration::from_millis(1));
    expect_unauthorized(&list(&with_old).await, unknown);
    list(&with_new).await.expect(200);
}

#[tokio::test]
async fn while_an_issuer_is_down_its_keys_stay_valid_for_a_day() {
    let (app, key) = app().await;
    let token = key.token(&claims(app.now(), &json!({ "exp": app.now().as_secs() + 7 * 86_400 })));
    app.send(Call::get("/invitations").bearer(&token)).await.expect(200);
    app.advance(Duration::from_secs(25 * 3600 - 1));
    app.send(Call::get("/invitations").bearer(&token)).await.expect(200);
    app.advance(Duration::from_secs(1));
    for app in [&app.another(&[])] {
        app.send(Call::get("/invitations").bearer(&token)).await.expect_error(503, "unavailable");
    }
    app.send(Call::get("/invitations").bearer(&token)).await.expect_error(503, "unavailable");
    // It is back.
    publish(&app, ISSUERS, &[&key]).await;
    app.advance(Duration::from_secs(300));
    app.send(Call::get("/invitations").bearer(&token)).await.expect(200);
}

#[tokio::test]
async fn before_the_first_keys_are_there_a_token_must_wait() {
    let app = TestApp::with(&[("ISSUERS", ISSUERS)]).await;
    let key = signing_key("k1");
    let token = key.token(&claims(app.now(), &json!({})));
    app.send(Call::get("/invitations").bearer(&token)).await.expect_error(503, "unavailable");
    publish(&app, ISSUERS, &[&key]).await;
    app.advance(Duration::from_secs(30));
    app.send(Call::get("/invitations").bearer(&token)).await.expect(200);
}

#[tokio::test]
async fn keys_of_another_issuer_with_the_same_name_are_not_used() {
    let (app, key) = app().await;
    let moved = ISSUERS.replace("login.example.com", "login.example.org");
    let token = key.token(&claims(app.now(), &json!({ "iss": "https://login.example.org" })));
    app.another(&[("ISSUERS", &moved)]).send(Call::get("/invitations").bearer(&token)).await.expect_error(503, "unavailable");
}

#[tokio::test]
async fn tokens_and_keys_work_side_by_side() {
    let (app, key) = app().await;
    let token = key.token(&claims(app.now(), &json!({})));
    app.invite("user.one@example.com").await;
    let lists = [
        app.send(Call::get("/invitations").bearer(&token)).await.expect(200).json(),
        app.send(Call::get("/invitations").key(&app.full)).await.expect(200).json(),
        app.send(Call::get("/invitations").header("authorization", &format!("bearer  {token}"))).await.expect(200).json(),
    ];
    assert!(lists.iter().all(|list| *list == lists[0]));
}

#[tokio::test]
async fn a_removed_key_is_forgotten_although_the_clock_was_set_back() {
    let (app, old) = app().await;
    let new = signing_key("k2");
    let token = old.token(&claims(app.now(), &json!({ "exp": app.now().as_secs() + 86_400 })));
    let list = || app.send(Call::get("/invitations").bearer(&token));
    list().await.expect(200);
    app.advance(Duration::from_secs(301));
    list().await.expect(200);
    app.advance(Duration::from_secs(1));
    publish(&app, ISSUERS, &[&new]).await;
    app.set_back(Duration::from_secs(2));
    let unknown = "the token is signed with a key that its issuer has not published";
    // The keys are read again at once, because those that were read are from the future.
    expect_unauthorized(&list().await, unknown);
    app.advance(Duration::from_secs(12 * 3600));
    expect_unauthorized(&list().await, unknown);
}

#[tokio::test]
async fn keys_that_cannot_be_read_are_read_once_in_thirty_seconds() {
    let (app, key) = app().await;
    let row = app.rows().await.into_iter().find(|row| row["sk"].as_s().is_ok_and(|sk| sk == "keys")).expect("a row");
    let put = app.client.put_item().table_name(&app.table).set_item(Some(row));
    put.item("keys", AttributeValue::S("{}".to_owned())).send().await.expect("the row is written");
    let token = |number: u32| key.sign(format!(r#"{{"alg":"ES256","kid":"forged-{number}"}}"#), claims(app.now(), &json!({})).to_string());
    let _ = app.faults.take_operations();
    let mut statuses = BTreeMap::<u16, u32>::new();
    for number in 0..20 {
        let response = app.send(Call::get("/invitations").bearer(&token(number))).await;
        *statuses.entry(response.status).or_default() += 1;
    }
    assert_eq!(statuses, [(500, 1), (503, 19)].into(), "the first one says that the row is corrupt");
    assert_eq!(app.faults.take_operations(), ["GetItem"]);
}
