//! Runs every function, for the tests of its permissions.

use std::collections::{BTreeMap, BTreeSet};

use functions::{
    delivery::worker::invoke,
    issuers::{
        refresh_issuers::{self, Refresher},
        web::Web,
    },
};
use local::{iam::Request, issuer::Issuer};
use serde_json::{Value, json};
use shared::store::TrustStore;
use support::{ACCOUNT, Call, OTHER_ACCOUNT, TestApp, Workers, run_as};
use tokio::sync::OnceCell;

use crate::helpers::{COOLDOWN, resend, text};

/// The external id of [`ACCOUNT`].
pub(crate) const EXTERNAL_ID: &str = "acme";
/// The partition of the keys of the issuer.
pub(crate) const ISSUER_KEYS: &str = "ISSUER#login";

/// An issuer, and the service that accepts its tokens. They name accounts by external ids.
async fn app() -> (TestApp, Issuer) {
    let issuer = Issuer::on_free_port().expect("there is a port");
    let issuers = json!({ "login": {
        "issuer": issuer.url(),
        "audience": { "values": ["invitations"] },
        "account": { "claim": "/org", "kind": "externalID" },
        "role": { "claim": "/role", "map": { "admin": "full-access" } },
        "email": "/email",
    }});
    (TestApp::with(&[("ISSUERS", &issuers.to_string())]).await, issuer)
}

/// What every function does.
pub(crate) struct Observed {
    /// Its requests to DynamoDB, with their JSON.
    pub(crate) requests: BTreeMap<&'static str, Vec<(String, Value)>>,
    /// The same as requests to IAM, with those of other services. The table is called `invitations`.
    pub(crate) authorized: BTreeMap<String, BTreeSet<Request>>,
}

/// Runs every function with all its outcomes, once.
pub(crate) async fn observed() -> &'static Observed {
    static OBSERVED: OnceCell<Observed> = OnceCell::const_new();
    OBSERVED.get_or_init(observe).await
}

async fn observe() -> Observed {
    let (app, issuer) = &app().await;
    let mut done = BTreeMap::new();
    done.insert("refresh-issuers", refresh_requests(app).await);
    let claims = json!({ "sub": "jane", "org": EXTERNAL_ID, "role": "admin", "email": "user.five@example.com", "email_verified": true });
    let bearer = |call: Call| call.bearer(&issuer.token(issuer.claims(app.now(), claims.clone())));
    let id = text(&app.invite("user.one@example.com").await, "id");
    app.advance(COOLDOWN);
    let kept = |call: Call| call.header("idempotency-key", "k");
    let filters = [
        "",
        "?order=asc",
        "?state=invited",
        "?email=user.one@example.com",
        "?emailPrefix=user",
        "?roleID=full-access",
        "?state=invited&roleID=full-access",
    ];
    let calls = [
        ("list-invitations", filters.map(|query| Call::get(&format!("/invitations{query}"))).to_vec()),
        ("describe-caller", vec![Call::get("/invitations/caller")]),
        ("describe-invitation", vec![Call::get(&format!("/invitations/{id}"))]),
        (
            "create-invitation",
            vec![
                Call::create("user.two@example.com", "full-access"),
                Call::create("user.two@example.com", "full-access"),
                kept(Call::create("user.three@example.com", "full-access")),
                kept(Call::create("user.three@example.com", "full-access")),
                kept(Call::create("user.four@example.com", "full-access")),
                // Refused, and the stored response is looked up.
                Call::create("user.two@example.com", "full-access").header("idempotency-key", "c"),
            ],
        ),
        (
            "create-invitations",
            vec![
                bulk(&["user.two@example.com", "user.nine@example.com"]),
                bulk(&["user.ten@example.com"]).query("dryRun=true"),
                kept(bulk(&["user.ten@example.com"])),
                kept(bulk(&["user.ten@example.com"])),
                kept(bulk(&["user.two@example.com"])),
            ],
        ),
        (
            "modify-invitation",
            vec![
                Call::set_state(&id, "invited"),
                kept(Call::set_state(&id, "invited")),
                resend(&id),
                resend(&id),
                Call::set_state(&id, "revoked"),
                Call::set_state(&id, "revoked").header("idempotency-key", "r"),
            ],
        ),
    ];
    let _ = app.faults.take_requests();
    for (function, calls) in calls {
        // Long enough for the credential to be read again.
        app.advance(COOLDOWN);
        run_as(function, app.state().store.open()).await;
        // Long enough for the keys of the issuer to be read again.
        app.advance(COOLDOWN * 5);
        app.send(bearer(calls[0].clone())).await.expect(403);
        for call in calls {
            app.send(call.key(&app.full)).await;
        }
        done.insert(function, app.faults.take_requests());
    }
    let created_account = background_requests(app, &bearer, &mut done).await;
    done.insert("accept-page", Vec::new());
    done.insert("console-page", Vec::new());
    let created = app.manage_keys(&json!({ "action": "create", "account": ACCOUNT, "role": "full-access" })).await;
    app.manage_keys(&json!({ "action": "list", "externalID": EXTERNAL_ID })).await;
    app.manage_keys(&json!({ "action": "disable", "account": ACCOUNT, "id": created["id"] })).await;
    done.insert("manage-api-keys", app.faults.take_requests());
    let mut authorized = app.decisions.allowed();
    for name in done.keys() {
        // A function without calls.
        authorized.entry((*name).to_owned()).or_default();
    }
    for (name, requests) in &mut authorized {
        let account = if name == "manage-account-settings" { created_account.as_str() } else { ACCOUNT };
        *requests = std::mem::take(requests)
            .iter()
            .map(|request| request.renamed(&app.table, "invitations").renamed(account, ACCOUNT).renamed(OTHER_ACCOUNT, ACCOUNT))
            .collect();
    }
    Observed { requests: done, authorized }
}

/// A request for invitations of these addresses.
fn bulk(addresses: &[&str]) -> Call {
    Call::bulk(&addresses.iter().map(|address| json!({ "email": address, "roleID": "full-access" })).collect::<Vec<_>>())
}

/// The requests of the function that refreshes the issuer's keys: the first time, without changes, and after an hour.
async fn refresh_requests(app: &TestApp) -> Vec<(String, Value)> {
    let issuers = app.variable("ISSUERS").expect("issuers").parse().expect("issuers");
    let refresher = Refresher::new(app.state().store.clone(), issuers, Web::new(&TrustStore::default(), COOLDOWN));
    let _ = app.faults.take_requests();
    for _ in 0..2 {
        run_as("refresh-issuers", invoke(Ok(&refresher), "{}", &refresh_issuers::handle)).await.expect("the issuer answers");
    }
    app.faults.take_requests()
}

/// Everything after the response: emails, reports about them, answers of invitees.
/// Returns the account that was created.
async fn background_requests(
    app: &TestApp,
    bearer: &impl Fn(Call) -> Call,
    done: &mut BTreeMap<&'static str, Vec<(String, Value)>>,
) -> String {
    app.invite("user.five@example.com").await;
    let mut workers = Workers::of(app).await;
    let _ = app.faults.take_requests();
    let mut note = |name: &'static str| {
        let requests = app.faults.take_requests();
        done.insert(name, requests);
    };
    workers.deliver().await;
    note("deliver-invitations");
    workers.report(&workers.last_email("user.two@example.com")).await;
    note("record-feedback");
    app.invite("user.six@example.com").await;
    workers.drop_stream_records().await;
    let _ = app.faults.take_requests();
    app.advance(COOLDOWN * 10);
    workers.reconcile().await;
    assert_eq!(workers.last_email("user.six@example.com").tags["sending"], "1");
    note("reconcile-deliveries");
    run_as("list-own-invitations", app.state().store.open()).await;
    app.send(bearer(Call::get("/invitations/mine"))).await.expect(200);
    note("list-own-invitations");
    for (verb, name, email) in [
        ("lookup", "lookup-invitation", "user.two@example.com"),
        ("accept", "accept-invitation", "user.two@example.com"),
        ("decline", "decline-invitation", "user.three@example.com"),
    ] {
        run_as(name, app.state().store.open()).await;
        app.send(Call::holder(verb, &workers.last_token(email))).await.expect(200);
        if verb != "lookup" {
            app.advance(COOLDOWN * 5);
            app.send(bearer(Call::holder(verb, &workers.last_token(email)))).await;
            let call = Call::post(&format!("/invitations/{verb}"));
            let five = "user.five@example.com";
            let body = json!({ "token": workers.last_token(five), "principal": "user-5", "email": five });
            app.send(call.json(&body).key(&app.full)).await;
        }
        note(name);
    }
    app.manage_settings(&json!({ "action": "set", "account": ACCOUNT, "name": "Example" })).await;
    app.manage_settings(&json!({ "action": "set", "account": ACCOUNT, "externalID": EXTERNAL_ID })).await;
    app.manage_settings(&json!({ "action": "describe", "externalID": EXTERNAL_ID })).await;
    let created = text(&app.manage_settings(&json!({ "action": "create" })).await, "account");
    note("manage-account-settings");
    // As if the new account were this one.
    let requests = done.get_mut("manage-account-settings").expect("it was noted");
    requests.iter_mut().for_each(|(_, input)| *input = renamed(input, &created));
    app.invite("user.seven@example.com").await;
    app.send(Call::create("user.eight@example.com", "full-access").key(&app.full).header("idempotency-key", "e")).await.expect(201);
    let _ = app.faults.take_requests();
    app.erase(&json!({ "externalID": EXTERNAL_ID, "email": "user.eight@example.com" })).await;
    done.insert("erase-invitee", app.faults.take_requests());
    app.revoke(&json!({ "account": ACCOUNT, "email": "user.seven@example.com" })).await;
    app.revoke(&json!({ "externalID": EXTERNAL_ID, "roleID": "full-access" })).await;
    done.insert("revoke-invitations", app.faults.take_requests());
    created
}

/// A request about an account, as one about [`ACCOUNT`].
fn renamed(input: &Value, account: &str) -> Value {
    serde_json::from_str(&input.to_string().replace(account, ACCOUNT)).expect("it is still JSON")
}
