//! `POST /invitations/bulk`

use std::time::Duration;

use serde_json::{Value, json};
use support::{ACCOUNT, Call, Response, TestApp};

use crate::helpers::{COOLDOWN, LIFETIME, assert_response, charged, describe, error, invitation_row, table, text};

/// A row of a request.
pub(crate) fn row(email: &str) -> Value {
    json!({ "email": email, "roleID": "full-access" })
}

pub(crate) fn rows(count: usize) -> Vec<Value> {
    (0..count).map(|number| row(&format!("user-{number}@example.com"))).collect()
}

pub(crate) async fn send(app: &TestApp, rows: &[Value]) -> Response {
    app.send(Call::bulk(rows).key(&app.full)).await.expect(200)
}

/// The results of a response.
pub(crate) fn results(response: &Response) -> Vec<Value> {
    response.json()["results"].as_array().expect("results").clone()
}

/// The result of a row that was not created; its error is that of a single create, without the id of a request.
fn refused(status: u16, mut error: Value) -> Value {
    error.as_object_mut().expect("an object").remove("requestId");
    json!({ "status": status, "error": error })
}

pub(crate) fn already_invited(id: &str) -> Value {
    let message = format!("email: this address already has an open invitation, {id}; resend or revoke that one");
    refused(400, error("already-invited", Some("email"), &message))
}

fn used_up(quota: u32, seconds: u64) -> Value {
    let message = format!("the account has reached its limit of {quota} sends per 3600 s; the next window starts in {seconds} s");
    let mut result = refused(429, error("send-quota", None, &message));
    result["error"]["retryAfter"] = seconds.into();
    result
}

#[tokio::test]
async fn each_row_gets_the_invitation_that_its_own_create_would_return_in_the_order_of_the_request() {
    let app = TestApp::start().await;
    let mut rows = rows(60);
    rows[7]["expiry"] = app.now().plus(Duration::from_secs(7200)).to_string().into();
    rows[8]["locale"] = "de".into();
    rows[9]["email"] = "User.Nine@BÜCHER.example".into();
    let response = send(&app, &rows).await;
    assert_response(&response, 200, &response.json(), &[]);
    let results = results(&response);
    assert_eq!(results.len(), rows.len());
    for (result, row) in results.iter().zip(&rows) {
        assert_eq!(result["status"], 201);
        let id = text(&result["invitation"], "id");
        assert_eq!(result, &json!({ "status": 201, "invitation": describe(&app, &id).await }));
        assert_eq!(result["invitation"]["email"], row["email"]);
    }
    assert_eq!(invitation_row(&app, &text(&results[8]["invitation"], "id")).await["loc"], "de");
    // Lists show them in this order, too.
    let listed = app.send(Call::get("/invitations?order=asc&limit=100").key(&app.full)).await.expect(200).json();
    let created: Vec<&Value> = results.iter().map(|result| &result["invitation"]).collect();
    assert_eq!(listed["invitations"].as_array().expect("a list").iter().collect::<Vec<_>>(), created);
    assert_eq!(charged(&app).await, 60);
}

#[tokio::test]
async fn a_row_is_stored_like_that_of_a_single_create() {
    let app = TestApp::start().await;
    let single = text(&app.invite("single@example.com").await, "id");
    let row_of = async |id: &str, email: &str| {
        let row = invitation_row(&app, id).await.to_string();
        let lock = table(&app).await.remove(&(format!("A#{ACCOUNT}"), format!("P#{email}"))).expect("a lock").to_string();
        [row, lock].map(|text| serde_json::from_str(&text.replace(id, "ID").replace(email, "EMAIL")).expect("JSON"))
    };
    let bulk = text(&results(&send(&app, &[row("bulk@example.com")]).await)[0]["invitation"], "id");
    let [mut expected, lock] = row_of(&single, "single@example.com").await;
    let [found, bulk_lock]: [Value; 2] = row_of(&bulk, "bulk@example.com").await;
    assert_eq!(bulk_lock, lock);
    for random in ["nonce", "th", "ops", "shard"] {
        assert_ne!(found[random], Value::Null, "{random}");
        expected[random] = found[random].clone();
    }
    assert_eq!(found, expected);
}

#[tokio::test]
async fn every_error_of_a_row_is_that_of_its_own_create_and_the_others_are_created() {
    let app = TestApp::start().await;
    app.advance_to_window();
    let open = text(&app.invite("taken@example.com").await, "id");
    let now = app.now().floor_to_second();
    let early = now.plus(Duration::from_secs(3599)).to_string();
    let rows = [
        row("a@example.com"),
        json!({ "email": "user.one", "roleID": "full-access" }),
        json!({ "email": "b@example.com", "roleID": "Full" }),
        json!({ "roleID": "full-access" }),
        json!({ "email": "b@example.com", "roleID": 1 }),
        json!({ "email": "b@example.com", "roleID": "full-access", "expiry": early }),
        json!({ "email": "b@example.com", "roleID": "full-access", "expiry": "tomorrow" }),
        json!({ "email": "b@example.com", "roleID": "full-access", "locale": "en_US" }),
        json!({ "email": "b@example.com", "roleID": "full-access", "role": "x" }),
        row("Taken@Example.com"),
        json!({}),
        row("c@example.com"),
    ];
    let found = results(&send(&app, &rows).await);
    for (index, (row, result)) in rows.iter().zip(&found).enumerate() {
        if [0, 11].contains(&index) {
            assert_eq!((&result["status"], &result["invitation"]["email"]), (&201.into(), &row["email"]));
            continue;
        }
        // The address is taken in the meantime only if this row was created.
        let alone = app.send(Call::post("/invitations").json(row).key(&app.full)).await;
        assert_eq!(result, &refused(alone.status, alone.json()), "{row}");
        assert_eq!(alone.status, 400);
    }
    assert_eq!(found[9], already_invited(&open));
    assert_eq!(charged(&app).await, 3);
}

#[tokio::test]
async fn a_row_that_is_no_object_is_an_error_of_that_row() {
    let app = TestApp::start().await;
    let message = "each element of invitations must be a JSON object with email and roleID";
    let wrong = [json!(null), json!(1), json!("a@example.com"), json!(["a@example.com"]), json!(true)];
    let found = results(&send(&app, &[&wrong[..], &[row("a@example.com")]].concat()).await);
    assert_eq!(found[..5], vec![refused(400, error("invalid-field", None, message)); 5]);
    assert_eq!(found[5]["status"], 201);
}

#[tokio::test]
async fn of_several_rows_with_one_address_the_first_well_formed_one_counts() {
    let app = TestApp::start().await;
    let rows = [
        json!({ "email": "one@example.com", "roleID": "?" }),
        row("One@Example.com"),
        row("two@example.com"),
        row(" one@EXAMPLE.com "),
        row("one@example.com"),
        row("user@bücher.example"),
        row("user@xn--bcher-kva.example"),
    ];
    let found = results(&send(&app, &rows).await);
    let statuses: Vec<&Value> = found.iter().map(|result| &result["status"]).collect();
    assert_eq!(statuses, [400, 201, 201, 400, 400, 201, 400]);
    let duplicate = |first| {
        let message = format!("email: invitations[{first}] has the same address; only that one counts");
        refused(400, error("duplicate-email", Some("email"), &message))
    };
    assert_eq!([&found[3], &found[4], &found[6]], [&duplicate(1), &duplicate(1), &duplicate(5)]);
    assert_eq!(charged(&app).await, 3);
}

#[tokio::test]
async fn each_row_needs_the_right_to_grant_its_role() {
    let roles = r#"{"full-access":{"can":["invitations:create"],"mayGrant":["guest"]},"read-only":{"can":[],"mayGrant":[]}}"#;
    let app = TestApp::with(&[("ROLES", roles)]).await;
    let rows = [
        json!({ "email": "a@example.com", "roleID": "guest" }),
        json!({ "email": "b@example.com", "roleID": "admin" }),
        json!({ "email": "c@example.com", "roleID": "guest" }),
    ];
    for call in [Call::bulk(&rows).query("dryRun=true"), Call::bulk(&rows)] {
        let found = results(&app.send(call.key(&app.full)).await.expect(200));
        let message = "the role 'full-access' may not grant the role 'admin'";
        assert_eq!(found[1], refused(403, error("role-not-grantable", Some("roleID"), message)));
        assert_eq!([&found[0]["status"], &found[2]["status"]], [201, 201]);
    }
}

#[tokio::test]
async fn as_many_rows_as_the_quota_allows_are_created_and_each_other_one_says_how_long_to_wait() {
    for (quota, earlier) in [(30, 0), (30, 7), (30, 30), (1, 0), (25, 24), (24, 0)] {
        let app = TestApp::with(&[("SEND_QUOTA", &quota.to_string())]).await;
        app.advance_to_window();
        for number in 0..earlier {
            app.invite(&format!("earlier-{number}@example.com")).await;
        }
        app.advance(Duration::from_millis(1));
        let mut rows = rows(40);
        rows[2]["email"] = "nobody".into();
        let fit = usize::try_from(quota - earlier).expect("a number");
        let dry = results(&app.send(Call::bulk(&rows).query("dryRun=true").key(&app.full)).await.expect(200));
        let found = results(&send(&app, &rows).await);
        let mut valid = found.clone();
        valid.remove(2);
        assert!(valid[..fit].iter().all(|result| result["status"] == 201), "{quota}, {earlier}: {valid:?}");
        assert_eq!(valid[fit..], vec![used_up(quota, 3600); 39 - fit]);
        assert_eq!(charged(&app).await, i64::from(quota));
        assert_eq!(dry, without_invitations(&found));
        // Waiting that long is sufficient.
        app.advance(Duration::from_secs(3600));
        let rest: Vec<Value> = rows.iter().zip(&found).filter(|(_, result)| result["status"] == 429).map(|(row, _)| row.clone()).collect();
        if !rest.is_empty() {
            assert_eq!(results(&send(&app, &rest).await)[0]["status"], 201);
        }
    }
}

pub(crate) fn without_invitations(results: &[Value]) -> Vec<Value> {
    let mut results = results.to_vec();
    results.iter_mut().for_each(|result| drop(result.as_object_mut().expect("an object").remove("invitation")));
    results
}

#[tokio::test]
async fn a_rejected_row_leaves_its_share_of_the_quota_to_the_next_one() {
    let app = TestApp::with(&[("SEND_QUOTA", "5")]).await;
    app.advance_to_window();
    app.invite("user-1@example.com").await;
    app.invite("user-3@example.com").await;
    let statuses: Vec<Value> = results(&send(&app, &rows(7)).await).iter().map(|result| result["status"].clone()).collect();
    assert_eq!(statuses, [201, 400, 201, 400, 201, 429, 429]);
}

#[tokio::test]
async fn another_account_can_invite_the_same_addresses() {
    let app = TestApp::start().await;
    send(&app, &rows(3)).await;
    let theirs = results(&app.send(Call::bulk(&rows(3)).key(&app.other)).await.expect(200));
    assert!(theirs.iter().all(|result| result["status"] == 201), "{theirs:?}");
}

#[tokio::test]
async fn the_invitations_can_be_resent_and_revoked_and_their_addresses_invited_again() {
    let app = TestApp::start().await;
    let ids: Vec<String> = results(&send(&app, &rows(2)).await).iter().map(|result| text(&result["invitation"], "id")).collect();
    app.advance(COOLDOWN);
    app.send(Call::post(&format!("/invitations/{}", ids[0])).key(&app.full)).await.expect(200);
    app.send(Call::set_state(&ids[1], "revoked").key(&app.full)).await.expect(200);
    let again = results(&send(&app, &rows(2)).await);
    assert_eq!((&again[0], &again[1]["status"]), (&already_invited(&ids[0]), &201.into()));
    app.advance(LIFETIME);
    assert!(results(&send(&app, &rows(2)).await).iter().all(|result| result["status"] == 201));
}
