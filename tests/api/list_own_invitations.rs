//! `GET /invitations/mine`: the open invitations of a person who has signed in, in all accounts.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use support::{ACCOUNT, Call, OTHER_ACCOUNT, People, Response, TestApp};

use crate::helpers::{COOLDOWN, LIFETIME, NOT_FOUND, assert_error, assert_response, delete, error, resend, row, table, text, with};

const EMAIL: &str = "user.one@example.com";
const OTHERS: &str = "user.two@example.com";
const NO_ADDRESS: &str = "You tried to do something that you're not allowed to do. It requires a token with a verified email address.";
const NOT_A_CURSOR: &str = "cursor: this is not the 'next' of a list of your invitations; start again without a cursor";

/// Requests a page of the invitations of an address.
async fn mine_of(app: &TestApp, people: &People, email: &str, query: &str) -> Response {
    app.send(Call::get(&format!("/invitations/mine{query}")).bearer(&people.token(app, email))).await
}

async fn mine(app: &TestApp, people: &People, query: &str) -> Response {
    mine_of(app, people, EMAIL, query).await
}

/// The invitations that [`EMAIL`] sees.
async fn seen(app: &TestApp, people: &People) -> Vec<Value> {
    let page = mine(app, people, "?limit=100").await.expect(200).json();
    assert_eq!(page["next"], Value::Null);
    page["invitations"].as_array().expect("a list").clone()
}

fn ids(invitations: &[Value]) -> Vec<String> {
    invitations.iter().map(|it| text(it, "id")).collect()
}

/// Invites [`EMAIL`] to an account, and returns the id.
async fn invite(app: &TestApp, key: &str) -> String {
    app.send(Call::create(EMAIL, "full-access").key(key)).await.expect(201).str("id")
}

/// Invites [`EMAIL`] to as many other accounts, each a second later than the one before. Returns the ids with their accounts.
async fn invite_to_accounts(app: &TestApp, count: usize) -> Vec<(String, String)> {
    let mut invited = Vec::new();
    for number in 0..count {
        let account = format!("{number:012}");
        let key = app.new_key(&account, "full-access").await;
        invited.push((invite(app, &key).await, account));
        app.advance(Duration::from_secs(1));
    }
    invited
}

/// All pages of [`EMAIL`]. `between` runs after each page but the last.
async fn pages(app: &TestApp, people: &People, limit: usize, mut between: impl AsyncFnMut(&[String])) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = mine(app, people, &format!("?limit={limit}{cursor}")).await.expect(200).json();
        pages.push(ids(page["invitations"].as_array().expect("a list")));
        let Some(next) = page["next"].as_str() else { return pages };
        assert!(next.len() <= 512 && next.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{next}");
        cursor = format!("&cursor={next}");
        assert!(pages.len() < 50, "paging does not end");
        between(pages.last().expect("a page")).await;
    }
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
async fn pages_contain_every_invitation_once_also_those_that_expire_in_the_same_second() {
    let (app, people) = People::start().await;
    let expiry = app.now().floor_to_second().plus(Duration::from_secs(86_400)).to_string();
    let mut invited = BTreeSet::new();
    for number in 0..9 {
        let key = app.new_key(&format!("{number:012}"), "full-access").await;
        let body = json!({ "email": EMAIL, "roleID": "full-access", "expiry": expiry });
        invited.insert(app.send(Call::post("/invitations").json(&body).key(&key)).await.expect(201).str("id"));
    }
    for (limit, sizes) in [(1, vec![1; 9]), (3, vec![3; 3]), (4, vec![4, 4, 1]), (8, vec![8, 1]), (9, vec![9]), (0, vec![9])] {
        let pages = pages(&app, &people, limit, async |_| ()).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
        assert_eq!(pages.concat().into_iter().collect::<BTreeSet<_>>(), invited);
    }
}

#[tokio::test]
async fn a_page_has_25_invitations_by_default_and_100_at_most() {
    let (app, people) = People::start().await;
    let invited: Vec<String> = invite_to_accounts(&app, 103).await.into_iter().map(|(id, _)| id).collect();
    let sizes = async |limit| pages(&app, &people, limit, async |_| ()).await.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(sizes(0).await, [25, 25, 25, 25, 3]);
    let _ = app.faults.take_operations();
    let pages = pages(&app, &people, 1000, async |_| ()).await;
    // 200 rows take two requests, and 6 take one.
    assert_eq!(app.faults.take_operations(), ["Query", "BatchGetItem", "BatchGetItem", "Query", "BatchGetItem"]);
    assert_eq!((pages.iter().map(Vec::len).collect::<Vec<_>>(), pages.concat()), (vec![100, 3], invited));
}

#[tokio::test]
async fn a_page_can_be_short_or_empty_while_next_is_present() {
    let (app, people) = People::start().await;
    let invited = invite_to_accounts(&app, 6).await;
    // Their entries remain, as they do for a moment after a decision.
    for (id, account) in &invited[..3] {
        delete(&app, &format!("A#{account}"), &format!("I#{id}")).await;
    }
    let pages = pages(&app, &people, 2, async |_| ()).await;
    let left: Vec<String> = invited[3..].iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(pages, [vec![], vec![left[0].clone()], left[1..].to_vec()]);
}

#[tokio::test]
async fn a_page_continues_after_an_invitation_that_has_expired_or_is_gone_meanwhile() {
    let (app, people) = People::start().await;
    let invited: Vec<String> = invite_to_accounts(&app, 8).await.into_iter().map(|(id, _)| id).collect();
    // The next invitation expires with each page, so the start of each further page lies in the past.
    let first_expires = app.now().floor_to_second().plus(LIFETIME - Duration::from_secs(8));
    app.advance(first_expires.since(app.now()) - Duration::from_millis(1));
    people.refresh(&app).await;
    let read = pages(&app, &people, 1, async |_| app.advance(Duration::from_secs(1))).await;
    assert_eq!(read.concat(), invited, "each one is read a millisecond before it expires");
    // Two expire with each page.
    let (app, people) = People::start().await;
    let invited = invite_to_accounts(&app, 8).await;
    let first_expires = app.now().floor_to_second().plus(LIFETIME - Duration::from_secs(8));
    app.advance(first_expires.since(app.now()) - Duration::from_millis(1));
    people.refresh(&app).await;
    let read = pages(&app, &people, 1, async |_| app.advance(Duration::from_secs(2))).await;
    let expected: Vec<String> = invited.iter().step_by(2).map(|(id, _)| id.clone()).collect();
    assert_eq!(read.concat(), expected);
    // The row that the cursor points to is deleted.
    let (app, people) = People::start().await;
    let invited = invite_to_accounts(&app, 5).await;
    let read = pages(&app, &people, 2, async |page: &[String]| {
        for (id, account) in invited.iter().filter(|(id, _)| page.contains(id)) {
            delete(&app, &format!("A#{account}"), &format!("P#{EMAIL}")).await;
            delete(&app, &format!("A#{account}"), &format!("I#{id}")).await;
        }
    })
    .await;
    assert_eq!(read.concat(), invited.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>());
}

#[tokio::test]
async fn t4_a_cursor_is_valid_only_for_the_address_that_it_was_issued_to() {
    let (app, people) = People::start().await;
    invite_to_accounts(&app, 3).await;
    let next = mine(&app, &people, "?limit=1").await.expect(200).str("next");
    mine(&app, &people, &format!("?limit=1&cursor={next}")).await.expect(200);
    assert_eq!(mine_of(&app, &people, "USER.ONE@example.com", &format!("?cursor={next}")).await.status, 200);
    let _ = app.faults.take_operations();
    let theirs = mine_of(&app, &people, OTHERS, &format!("?cursor={next}")).await;
    assert_error(&theirs, 400, "invalid-cursor", Some("cursor"), NOT_A_CURSOR);
    let of_account = {
        app.send(Call::create("a@example.com", "full-access").key(&app.full)).await.expect(201);
        app.send(Call::create("b@example.com", "full-access").key(&app.full)).await.expect(201);
        app.send(Call::get("/invitations?limit=1").key(&app.full)).await.expect(200).str("next")
    };
    let _ = app.faults.take_operations();
    for bad in [&next[1..], &next[..49], "x", "", &of_account, &"A".repeat(50), &"A".repeat(513)] {
        assert_error(&mine(&app, &people, &format!("?cursor={bad}")).await, 400, "invalid-cursor", Some("cursor"), NOT_A_CURSOR);
    }
    assert_eq!(app.faults.take_operations(), [""; 0], "a bad cursor costs nothing");
    app.send(Call::get(&format!("/invitations?cursor={next}")).key(&app.full)).await.expect_error(400, "invalid-cursor");
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
async fn an_unreadable_row_is_reported_and_not_left_out() {
    let (app, people) = People::start().await;
    let id = invite(&app, &app.full).await;
    app.set(&id, "email", AttributeValue::S("nobody".to_owned())).await;
    mine(&app, &people, "").await.expect_error(500, "internal-error");
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
