//! `GET /invitations/mine`: the open invitations of a person who has signed in, in all accounts.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use support::{ACCOUNT, Call, OTHER_ACCOUNT, People, Response, TestApp};

use crate::helpers::{COOLDOWN, LIFETIME, NOT_FOUND, assert_error, assert_response, delete, error, resend, row, table, text, with};

pub(crate) const EMAIL: &str = "user.one@example.com";
pub(crate) const OTHERS: &str = "user.two@example.com";
const NO_ADDRESS: &str = "You tried to do something that you're not allowed to do. It requires a token with a verified email address.";

/// Requests a page of the invitations of an address.
pub(crate) async fn mine_of(app: &TestApp, people: &People, email: &str, query: &str) -> Response {
    app.send(Call::get(&format!("/invitations/mine{query}")).bearer(&people.token(app, email))).await
}

pub(crate) async fn mine(app: &TestApp, people: &People, query: &str) -> Response {
    mine_of(app, people, EMAIL, query).await
}

/// The invitations that [`EMAIL`] sees.
async fn seen(app: &TestApp, people: &People) -> Vec<Value> {
    let page = mine(app, people, "?limit=100").await.expect(200).json();
    assert_eq!(page["next"], Value::Null);
    page["invitations"].as_array().expect("a list").clone()
}

pub(crate) fn ids(invitations: &[Value]) -> Vec<String> {
    invitations.iter().map(|it| text(it, "id")).collect()
}

/// Invites [`EMAIL`] to an account, and returns the id.
async fn invite(app: &TestApp, key: &str) -> String {
    app.send(Call::create(EMAIL, "full-access").key(key)).await.expect(201).str("id")
}

/// Invites [`EMAIL`] to as many other accounts, each a second later than the one before. Returns the ids with their accounts.
pub(crate) async fn invite_to_accounts(app: &TestApp, count: usize) -> Vec<(String, String)> {
    let mut invited = Vec::new();
    for number in 0..count {
        let account = format!("{number:012}");
        let key = app.new_key(&account, "full-access").await;
        invited.push((invite(app, &key).await, account));
        app.advance(Duration::from_secs(1));
    }
    invited
}

#[tokio::test]
async fn a_person_sees_their_open_invitations_of_all_accounts_soonest_expiry_first() {
    let (app, people) = People::with(&[("DEFAULT_DISPLAY_NAME", "Default Ltd"), ("DEFAULT_COLOUR", "#0b5fff")]).await;
    let set = json!({ "action": "set", "account": ACCOUNT, "name": "Example Ltd", "locale": "de", "binding": "email" });
    app.manage_settings(&set).await;
    let later = app.now().floor_to_second().plus(Duration::from_secs(5 * 86_400));
    let body = json!({ "email": "User.One@EXAMPLE.com", "roleID": "read-only", "expiry": later.to_string(), "locale": "fr-CA" });
    let second = app.send(Call::post("/invitations").json(&body).key(&app.full)).await.expect(201).str("id");
    let sooner = app.now().floor_to_second().plus(Duration::from_secs(86_400));
    let named = app.manage_keys(&json!({ "action": "create", "account": OTHER_ACCOUNT, "role": "full-access", "name": "Jane Doe" })).await;
    let body = json!({ "email": EMAIL, "roleID": "full-access", "expiry": sooner.to_string() });
    let first = app.send(Call::post("/invitations").json(&body).key(&text(&named, "key"))).await.expect(201).str("id");
    app.send(Call::create(OTHERS, "full-access").key(&app.full)).await.expect(201);

    let before = table(&app).await;
    let expected = json!({ "invitations": [
        {
            "id": first, "account": OTHER_ACCOUNT, "email": EMAIL, "roleID": "full-access", "state": "invited",
            "expiry": sooner.to_string(), "invitedBy": "Jane Doe", "binding": "bearer",
            "display": { "name": "Default Ltd", "colour": "#0b5fff", "locales": [] },
        },
        {
            "id": second, "account": ACCOUNT, "email": "User.One@EXAMPLE.com", "roleID": "read-only", "state": "invited",
            "expiry": later.to_string(), "binding": "email",
            "display": { "name": "Example Ltd", "colour": "#0b5fff", "locales": ["fr-CA", "de"] },
        },
    ]});
    // The issuer may spell the address in another way.
    for email in [EMAIL, "USER.one@Example.COM"] {
        assert_response(&mine_of(&app, &people, email, "").await, 200, &expected, &[]);
    }
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn each_entry_shows_what_a_lookup_of_its_link_shows_and_its_id() {
    let (app, people) = People::start().await;
    app.manage_settings(&json!({ "action": "set", "account": ACCOUNT, "name": "Example Ltd", "redirect": "https://app.example.com/" }))
        .await;
    let mut workers = support::Workers::of(&app).await;
    let id = invite(&app, &app.full).await;
    workers.deliver().await;
    let looked_up = app.send(Call::holder("lookup", &workers.last_token(EMAIL))).await.expect(200).json();
    assert_eq!(seen(&app, &people).await, [with(&looked_up, json!({ "id": id }))]);
}

#[tokio::test]
async fn only_open_invitations_are_listed() {
    let (app, people) = People::start().await;
    let listed = async || ids(&seen(&app, &people).await);
    let first = invite(&app, &app.full).await;
    assert_eq!(listed().await, std::slice::from_ref(&first));
    app.send(Call::set_state(&first, "revoked").key(&app.full)).await.expect(200);
    assert_eq!(listed().await, [""; 0]);
    for verb in ["accept", "decline"] {
        let id = invite(&app, &app.full).await;
        assert_eq!(listed().await, std::slice::from_ref(&id));
        let own = Call::post(&format!("/invitations/{verb}")).json(&json!({ "id": id, "account": ACCOUNT }));
        app.send(own.bearer(&people.token(&app, EMAIL))).await.expect(200);
        assert_eq!(listed().await, [""; 0], "{verb}");
    }
    let expiring = invite(&app, &app.full).await;
    let expiry = app.now().floor_to_second().plus(LIFETIME);
    app.advance(expiry.since(app.now()) - Duration::from_millis(1));
    people.refresh(&app).await;
    assert_eq!(listed().await, std::slice::from_ref(&expiring));
    app.advance(Duration::from_millis(1));
    assert!(row(&app, &format!("P#{EMAIL}")).await.is_some(), "the lock stays until TTL deletes it");
    assert_eq!(listed().await, [""; 0]);
    // A resend makes it open again.
    app.send(resend(&expiring).key(&app.full)).await.expect(200);
    assert_eq!(listed().await, [expiring]);
}

#[tokio::test]
async fn an_entry_that_its_invitation_does_not_confirm_is_not_listed() {
    let (app, people) = People::start().await;
    let confirmed = invite(&app, &app.full).await;
    let erased = invite(&app, &app.other).await;
    delete(&app, &format!("A#{OTHER_ACCOUNT}"), &format!("I#{erased}")).await;
    // An entry for one address whose invitation is for another one.
    let foreign = app.send(Call::create(OTHERS, "full-access").key(&app.full)).await.expect(201).str("id");
    let update = app.client.update_item().table_name(&app.table).key("pk", AttributeValue::S(format!("A#{ACCOUNT}")));
    let update = update.key("sk", AttributeValue::S(format!("P#{OTHERS}"))).update_expression("SET invitee = :invitee");
    update.expression_attribute_values(":invitee", AttributeValue::S(EMAIL.to_owned())).send().await.expect("a lock can be changed");
    assert_eq!(ids(&seen(&app, &people).await), std::slice::from_ref(&confirmed));
    // The same, after the address was invited a second time: the lock names the second one.
    app.close_as_invitee(&confirmed, "declined").await;
    let again = invite(&app, &app.full).await;
    assert_eq!(ids(&seen(&app, &people).await), [again]);
    assert_ne!(foreign, confirmed);
}

#[tokio::test]
async fn nobody_sees_the_invitations_of_another_address() {
    let (app, people) = People::start().await;
    invite(&app, &app.full).await;
    for email in [OTHERS, "user.one@example.co", "user.one@example.com.example", "ser.one@example.com", "user.one+x@example.com"] {
        assert_response(&mine_of(&app, &people, email, "").await, 200, &json!({ "invitations": [] }), &[]);
    }
}

#[tokio::test]
async fn a_token_without_a_verified_address_is_a_403_and_reads_nothing_about_invitations() {
    let (app, people) = People::start().await;
    invite(&app, &app.full).await;
    mine(&app, &people, "").await.expect(200);
    for claims in [
        json!({ "email_verified": false }),
        json!({ "email_verified": null }),
        json!({ "email_verified": "true" }),
        json!({ "email_verified": 1 }),
        json!({ "email": null }),
        json!({ "email": "nobody" }),
        json!({ "email": [EMAIL] }),
    ] {
        let _ = app.faults.take_operations();
        let response = app.send(Call::get("/invitations/mine").bearer(&people.token_with(&app, EMAIL, &claims))).await;
        assert_error(&response, 403, "forbidden", None, NO_ADDRESS);
        assert_eq!(app.faults.take_operations(), [""; 0], "{claims}");
    }
}

#[tokio::test]
async fn only_the_token_of_a_person_is_accepted() {
    let (app, people) = People::start().await;
    let challenge = [("www-authenticate", "ApiKey realm=\"invitations\", Bearer realm=\"invitations\"")];
    let with_key = app.send(Call::get("/invitations/mine").key(&app.full)).await;
    let why = "Unauthorized: this route takes the token of a person: send the header 'Authorization: Bearer <token>'";
    assert_response(&with_key, 401, &error("unauthorized", None, why), &challenge);
    app.send(Call::get("/invitations/mine")).await.expect_error(401, "unauthorized");
    let token = people.token(&app, EMAIL);
    let other_key = People::start().await.1.token(&app, EMAIL);
    for bad in [String::new(), "x".to_owned(), format!("{token}x"), other_key] {
        app.send(Call::get("/invitations/mine").bearer(&bad)).await.expect_error(401, "unauthorized");
    }
    // Without issuers, there are no such tokens.
    let keys_only = TestApp::start().await;
    for call in [Call::get("/invitations/mine").key(&keys_only.full), Call::get("/invitations/mine").bearer(&token)] {
        let response = keys_only.send(call).await.expect_error(401, "unauthorized");
        assert_eq!(response.header("www-authenticate"), Some("ApiKey realm=\"invitations\""));
    }
}

#[tokio::test]
async fn an_invitation_cannot_be_named_mine() {
    let (app, people) = People::start().await;
    let call = Call::get("/invitations/mine");
    assert_eq!((call.route().as_str(), call.id()), ("GET /invitations/mine", None), "the fixed path takes precedence");
    // If the route of an invitation answered, this would be another 400.
    mine(&app, &people, "?state=invited").await.expect_error(400, "unknown-parameter");
}

#[tokio::test]
async fn the_parameters_are_checked_and_named() {
    let (app, people) = People::start().await;
    for limit in ["-1", "x", "1.5", ""] {
        let message = "limit: must be an integer from 0 to 100; 0 means 25, and more than 100 is served as 100";
        assert_error(&mine(&app, &people, &format!("?limit={limit}")).await, 400, "invalid-limit", Some("limit"), message);
    }
    for parameter in ["state=invited", "email=user.two@example.com", "account=012345678912", "next=x", "order=desc"] {
        let name = parameter.split('=').next();
        let message = format!("{}: unknown query parameter; accepted: limit, cursor", name.unwrap_or_default());
        assert_error(&mine(&app, &people, &format!("?{parameter}")).await, 400, "unknown-parameter", name, &message);
    }
    mine(&app, &people, "?limit=1&limit=2").await.expect_error(400, "invalid-query");
    mine(&app, &people, "?limit=x&cursor=x&a=b").await.expect_error(400, "invalid-limit");
}

#[tokio::test]
async fn locks_name_the_invitee_only_in_a_service_with_issuers_for_all_accounts() {
    let lock = format!("P#{EMAIL}");
    let app = TestApp::start().await;
    invite(&app, &app.full).await;
    let without = row(&app, &lock).await.expect("a lock");
    assert_eq!(without.get("invitee"), None);

    let (app, people) = People::with(&[("ONLY_ACCOUNT", ACCOUNT)]).await;
    invite(&app, &app.full).await;
    assert_eq!(row(&app, &lock).await.expect("a lock").get("invitee"), None);
    let response = mine(&app, &people, "").await;
    assert_error(&response, 404, "not-found", None, NOT_FOUND);
    app.send(Call::get("/invitations/mine").key(&app.full)).await.expect_error(401, "unauthorized");

    let (app, _) = People::start().await;
    app.send(Call::create("User.One@EXAMPLE.com", "full-access").key(&app.full)).await.expect(201);
    let with_invitee = row(&app, &lock).await.expect("a lock");
    assert_eq!(with_invitee["invitee"], EMAIL);
    assert_eq!(with_invitee.as_object().expect("a row").len(), without.as_object().expect("a row").len() + 1);
}

#[tokio::test]
async fn an_invitation_from_before_the_first_issuer_is_listed_after_a_resend() {
    let (app, people) = People::start().await;
    let before = app.another(&[("ISSUERS", "{}")]);
    let id = before.send(Call::create(EMAIL, "full-access").key(&app.full)).await.expect(201).str("id");
    assert_eq!(seen(&app, &people).await, [json!(null); 0]);
    app.advance(COOLDOWN);
    app.send(resend(&id).key(&app.full)).await.expect(200);
    assert_eq!(ids(&seen(&app, &people).await), [id]);
}

#[tokio::test]
async fn erasing_a_person_erases_their_entry() {
    let (app, people) = People::start().await;
    invite(&app, &app.full).await;
    invite(&app, &app.other).await;
    app.erase(&json!({ "account": ACCOUNT, "email": EMAIL })).await;
    let left = seen(&app, &people).await;
    assert_eq!(left.iter().map(|it| text(it, "account")).collect::<Vec<_>>(), [OTHER_ACCOUNT]);
    let named = table(&app).await.into_values().filter(|row| row["invitee"] == EMAIL).count();
    assert_eq!(named, 1);
}

#[tokio::test]
async fn a_list_makes_as_few_requests_as_possible_and_reads_consistently_what_it_shows() {
    let (app, people) = People::start().await;
    let _ = app.faults.take_operations();
    // The first one also reads the keys of the issuer. Without entries, nothing is confirmed.
    assert_eq!(seen(&app, &people).await, [json!(null); 0]);
    assert_eq!(app.faults.take_operations(), ["GetItem", "Query"]);
    invite_to_accounts(&app, 3).await;
    let _ = app.faults.take_requests();
    seen(&app, &people).await;
    let requests = app.faults.take_requests();
    assert_eq!(requests.iter().map(|(operation, _)| operation.as_str()).collect::<Vec<_>>(), ["Query", "BatchGetItem"]);
    let batch = &requests[1].1["RequestItems"][&app.table];
    assert_eq!((batch["ConsistentRead"].as_bool(), batch["Keys"].as_array().map(Vec::len)), (Some(true), Some(6)));
}

#[tokio::test]
async fn an_unreadable_row_of_one_account_does_not_hide_the_invitations_of_others() {
    let (app, people) = People::start().await;
    let (own, foreign) = (invite(&app, &app.full).await, invite(&app, &app.other).await);
    let (lines, _guard) = support::logged::Lines::as_deployed();
    for (pk, sk, attribute, listed) in [
        // With unreadable settings the account looks as if it had none.
        (format!("SETTINGS#{OTHER_ACCOUNT}"), "settings".to_owned(), "colour", vec![own.clone(), foreign.clone()]),
        (format!("A#{OTHER_ACCOUNT}"), format!("I#{foreign}"), "nonce", vec![own.clone()]),
    ] {
        let update = app.client.update_item().table_name(&app.table).update_expression("SET #a = :bad");
        let key = update.key("pk", AttributeValue::S(pk)).key("sk", AttributeValue::S(sk));
        let bad = key.expression_attribute_names("#a", attribute).expression_attribute_values(":bad", AttributeValue::S("?".to_owned()));
        bad.send().await.expect("the row can be changed");
        let page = mine(&app, &people, "").await.expect(200).json();
        let set = |ids: Vec<String>| ids.into_iter().collect::<std::collections::BTreeSet<_>>();
        assert_eq!(set(ids(page["invitations"].as_array().expect("a list"))), set(listed), "{attribute}");
    }
    let logged = lines.take();
    assert_eq!(logged.matches("left out of a list").count(), 1 + 2, "{logged}");
}

#[tokio::test]
async fn the_log_names_the_person_and_no_address() {
    let (app, people) = People::start().await;
    invite(&app, &app.full).await;
    let token = people.token_with(&app, EMAIL, &json!({ "sub": "subject-1" }));
    let (lines, _guard) = support::logged::Lines::as_deployed();
    app.send(Call::get("/invitations/mine").bearer(&token)).await.expect(200);
    app.send(Call::get("/invitations/mine?cursor=x").bearer(&token)).await.expect(400);
    let logged = lines.take();
    let lines: Vec<Value> = logged.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    assert_eq!(lines.len(), 2, "{logged}");
    for line in &lines {
        assert_eq!(line["caller"], "urn:cloudone:identity:ca-1::user/acme:subject-1");
        assert_eq!(line.get("account"), None, "it is about all accounts");
    }
    assert!(!logged.contains("user.one") && !logged.contains(&token), "{logged}");
}

#[tokio::test]
async fn an_address_with_something_around_it_proves_no_other() {
    let (app, people) = People::start().await;
    invite(&app, &app.full).await;
    for around in ["\u{200b}", "\u{feff}", "\u{2060}", "\u{ad}", "\u{3164}", "\u{e0001}", "\u{3000}", "\u{a0}", " ", "\t"] {
        for email in [format!("{around}{EMAIL}"), format!("{EMAIL}{around}")] {
            let token = people.token_with(&app, &email, &json!({ "sub": "s" }));
            app.send(Call::get("/invitations/mine").bearer(&token)).await.expect_error(403, "forbidden");
        }
    }
    // Its case does not matter, as in invitations.
    let token = people.token_with(&app, &EMAIL.to_uppercase(), &json!({ "sub": "s" }));
    let page = app.send(Call::get("/invitations/mine").bearer(&token)).await.expect(200).json();
    assert_eq!(page["invitations"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn issuers_that_prove_no_address_cost_nothing_and_index_no_address() {
    let issuers = support::tokens::ISSUERS.replace(",\n    \"email\": \"/email\"", "");
    assert!(!issuers.contains("/email"), "{issuers}");
    let (app, people) = People::with(&[("ISSUERS", &issuers)]).await;
    invite(&app, &app.full).await;
    mine(&app, &people, "").await.expect_error(403, "forbidden");
    let lock = row(&app, &format!("P#{EMAIL}")).await.expect("a lock");
    assert_eq!(lock.get("invitee"), None, "{lock}");
}
