//! Logs show what happened, but no people and no secrets (T2, T21).

use serde_json::{Value, json};
use support::{
    ACCOUNT, Call, TestApp,
    faults::Fault,
    logged::Lines,
    tokens::{ISSUERS, claims, publish, signing_key},
};

use crate::helpers::{COOLDOWN, resend, text, with};

#[tokio::test]
async fn every_json_line_has_a_timestamp_and_the_request_id_of_the_response() {
    let app = TestApp::start().await;
    let (lines, _guard) = Lines::as_deployed();
    app.send(Call::get("/invitations").key(&app.full)).await.expect(200);
    app.send(Call::get("/invitations")).await.expect(401);
    app.send_event("GET /invitations", "no event").await.expect(400);
    let key = app.manage_keys(&json!({ "action": "create", "account": ACCOUNT, "role": "full-access" })).await;
    app.manage_keys(&json!({ "action": "disable", "account": ACCOUNT, "id": key["id"] })).await;
    app.faults.always(Fault::Error(400, "AccessDeniedException"));
    app.send(Call::get("/invitations").key(&app.other)).await;
    app.manage_keys(&json!({ "action": "list", "account": ACCOUNT })).await;

    let logged = lines.take();
    let lines: Vec<Value> = logged.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    let values = |field: &str| lines.iter().map(|line| line[field].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>();
    assert_eq!(values("level"), ["INFO", "INFO", "INFO", "INFO", "INFO", "ERROR", "ERROR"]);
    assert_eq!(values("message"), ["finished", "finished", "finished", "key created", "key disabled", "failed", "failed"]);
    assert_eq!(values("invocation"), ["invocation-1"; 7]);
    assert_eq!(values("request_id"), ["request-1", "request-1", "invocation-1", "", "", "request-1", ""]);
    assert!(values("timestamp").iter().all(|time| time.ends_with('Z') && time.len() > 20), "{logged}");
    assert!(values("cause")[5..].iter().all(|cause| cause.contains("AccessDenied")), "{logged}");
}

#[tokio::test]
async fn no_address_key_token_or_idempotency_key_reaches_the_log() {
    let app = TestApp::start().await;
    let (lines, _guard) = Lines::as_text();
    let key = app.new_key(ACCOUNT, "full-access").await;
    let email = "canary-person@example.com";
    let kept = |call: Call| call.key(&key).header("idempotency-key", "canary-idempotency");
    let id = text(&app.send(kept(Call::create(email, "full-access"))).await.expect(201).json(), "id");
    app.send(kept(Call::create(email, "full-access"))).await.expect(201);
    app.send(Call::create(email, "full-access").key(&key)).await.expect(400);
    app.send(Call::create("canary person", "full-access").key(&key)).await.expect(400);
    app.send(Call::get(&format!("/invitations?email={email}&canary=1")).key(&key)).await.expect(400);
    let page = app.send(Call::get(&format!("/invitations?email={email}&limit=1")).key(&key)).await.expect(200);
    assert!(page.text.contains(email));
    app.send(Call::get(&format!("/invitations/{id}")).key(&key)).await.expect(200);
    app.advance(COOLDOWN);
    app.send(resend(&id).key(&key)).await.expect(200);
    app.send(Call::get("/invitations").key(&key.replace("ik_live", "ik_dead"))).await.expect(401);
    app.send_event("POST /invitations", "canary").await.expect(400);
    app.manage_keys(&json!({ "action": "create", "account": ACCOUNT, "role": "canary", "name": "canary" })).await;
    for fault in [Fault::TruncatedReply, Fault::Error(400, "ValidationException"), Fault::Error(500, "InternalServerError")] {
        app.faults.always(fault);
        app.send(Call::get(&format!("/invitations?email={email}")).key(&key)).await;
        app.send(Call::get(&format!("/invitations?emailPrefix={email}")).key(&key)).await;
        app.send(Call::create(email, "full-access").key(&key)).await;
        app.send(Call::set_state(&id, "revoked").key(&key)).await;
        app.faults.clear();
    }
    let logged = lines.take();
    let secret = key.split('_').nth(4).expect("a key has five parts");
    let row = &app.rows_of(ACCOUNT, "I#").await[0];
    for canary in ["canary", email, secret, row["nonce"].as_s().unwrap(), row["th"].as_s().unwrap()] {
        assert!(!logged.contains(canary), "{canary} in: {}", logged.lines().find(|line| line.contains(canary)).unwrap_or_default());
    }
    // It does show one line for each request, and the cause of a 5xx.
    assert!(
        logged.contains("status=201") && logged.contains("request_id=\"request-1\"") && logged.contains(&format!("account=\"{ACCOUNT}\"")),
        "{logged}"
    );
    assert!(logged.contains("code=\"already-invited\"") && logged.contains("ValidationException"), "{logged}");
}

#[tokio::test]
async fn a_change_is_logged_with_its_invitation_and_its_kind() {
    let app = TestApp::start().await;
    let key = app.new_key(ACCOUNT, "full-access").await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    let (lines, _guard) = Lines::as_deployed();
    app.send(Call::get(&format!("/invitations/{id}")).key(&key)).await.expect(200);
    let change = |body: Value| Call::post(&format!("/invitations/{id}")).json(&body).key(&key);
    app.send(change(json!({ "roleID": "read-only" }))).await.expect(200);
    app.send(change(json!({ "roleID": "No" }))).await.expect(400);
    app.send(resend(&id).key(&key)).await.expect(429);
    app.send(resend(&id)).await.expect(401);
    app.send(change(json!({ "state": "revoked" }))).await.expect(200);
    let logged = lines.take();
    let changes: Vec<[Option<String>; 3]> = logged
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"))
        .map(|line| ["invitation", "action", "code"].map(|field| line[field].as_str().map(str::to_owned)))
        .collect();
    let change = |action: &str, code: Option<&str>| [Some(id.clone()), Some(action.to_owned()), code.map(str::to_owned)];
    let none = |code: Option<&str>| [None, None, code.map(str::to_owned)];
    let expected = [
        none(None),
        change("update", None),
        none(Some("invalid-role-id")),
        change("resend", Some("resend-cooldown")),
        none(Some("unauthorized")),
        change("revoke", None),
    ];
    assert_eq!(changes, expected, "{logged}");
}

#[tokio::test]
async fn a_token_is_logged_as_its_person_and_nothing_else_of_it() {
    let app = TestApp::with(&[("ISSUERS", ISSUERS)]).await;
    let key = signing_key("canary-kid");
    publish(&app, ISSUERS, &[&key]).await;
    let (lines, _guard) = Lines::as_deployed();
    let canaries = json!({ "name": "Canary Person", "email": "canary@example.com", "nonce": "canary-nonce" });
    let mut tokens = Vec::new();
    for more in [json!({}), json!({ "roles": "nobody" }), json!({ "account": null }), json!({ "aud": "canary-audience" })] {
        tokens.push(key.token(&with(&claims(app.now(), &canaries), more)));
    }
    let mut statuses = Vec::new();
    for token in &tokens {
        statuses.push(app.send(Call::get("/invitations").bearer(token)).await.status);
    }
    assert_eq!(statuses, [200, 403, 403, 401]);
    let logged = lines.take();
    let lines: Vec<Value> = logged.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    let values = |field: &str| lines.iter().map(|line| line[field].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>();
    let urn = |account: &str| format!("urn:cloudone:identity:ca-1:{account}:user/acme:jane");
    assert_eq!(values("caller"), [urn(ACCOUNT), urn(ACCOUNT), urn(""), String::new()]);
    assert_eq!(values("account"), [ACCOUNT, ACCOUNT, "", ""]);
    for token in &tokens {
        assert!(token.split('.').all(|part| !logged.contains(part)), "{logged}");
    }
    assert!(!logged.to_lowercase().contains("canary"), "{logged}");
}
