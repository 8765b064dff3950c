//! Every error of the operator and worker functions, and every configuration problem. A changed word shows up in `snapshots`.

use std::{fs, path::Path};

use functions::{
    delivery::{deliver_invitations, worker::invoke},
    operator::{invocation, manage_api_keys},
    texts::{PageTexts, Texts},
};
use serde_json::{Value, json};
use shared::config::{Config, ConfigError, DeliveryConfig, read_default_settings, read_retention, read_send_policy};
use support::{ACCOUNT, OTHER_ACCOUNT, TestApp, Workers, run_as};

use crate::{helpers::with, snapshot::Snapshot};

#[tokio::test]
async fn errors_of_manage_api_keys() {
    let app = TestApp::start().await;
    let mut snapshot = Snapshot::new("manage_api_keys");
    let create = json!({ "action": "create", "account": ACCOUNT, "role": "full-access" });
    let list = json!({ "action": "list", "account": ACCOUNT });
    let disable = json!({ "action": "disable", "account": ACCOUNT, "id": "000000000000" });
    let rotate = with(&disable, json!({ "action": "rotate" }));
    let created = app.manage_keys(&create).await;
    let disabled = json!({ "id": created["id"] });
    app.manage_keys(&with(&disable, disabled.clone())).await;
    for event in [
        json!([]),
        json!({}),
        json!({ "action": "create" }),
        with(&create, json!({ "action": 1 })),
        with(&create, json!({ "action": "delete" })),
        with(&create, json!({ "account": "1" })),
        with(&create, json!({ "role": "Admin" })),
        with(&create, json!({ "role": "admin" })),
        with(&create, json!({ "name": "evil.example" })),
        with(&create, json!({ "expiry": "soon" })),
        with(&create, json!({ "expiry": "2001-01-01T00:00:00Z" })),
        with(&create, json!({ "roleID": "x" })),
        with(&list, json!({ "externalID": "a b" })),
        json!({ "action": "list", "externalID": "acme" }),
        with(&list, json!({ "cursor": "x" })),
        with(&list, json!({ "role": "x" })),
        with(&disable, json!({ "id": "#" })),
        with(&disable, json!({ "enabled": "true" })),
        disable,
        with(&rotate, json!({ "overlapSeconds": "60" })),
        with(&rotate, json!({ "overlapSeconds": 2_592_001 })),
        with(&rotate, json!({ "expiry": "x" })),
        rotate.clone(),
    ] {
        snapshot.block(&event, app.manage_keys(&event).await);
    }
    snapshot.block("rotate a disabled key", app.manage_keys(&with(&rotate, disabled)).await);
    let problem = ConfigError(vec!["TABLE_NAME must be set".to_owned()]);
    let body = invocation::respond(Err(&problem), &list.to_string(), "invocation-1", &manage_api_keys::handle).await;
    snapshot.block("without a configuration", body);
    snapshot.assert();
}

#[tokio::test]
async fn errors_of_manage_account_settings_and_erase_invitee() {
    let app = TestApp::start().await;
    let mut snapshot = Snapshot::new("manage_account_settings");
    let set = |field: &str, value: Value| with(&json!({ "action": "set", "account": ACCOUNT }), json!({ field: value }));
    for event in [
        json!({}),
        json!({ "action": "get", "account": ACCOUNT }),
        json!({ "action": "describe", "account": "1" }),
        json!({ "action": "describe", "account": ACCOUNT, "name": "x" }),
        set("color", json!("#ffffff")),
        set("name", json!(1)),
        set("name", json!("www.example")),
        set("colour", json!("red")),
        set("logo", json!("x")),
        set("locale", json!("en_US")),
        set("redirect", json!("http://example.com")),
        set("binding", json!("phone")),
        set("remindBefore", json!(59)),
        set("remindBefore", json!("86400")),
        set("externalID", json!("")),
        set("externalID", json!("a b")),
        set("externalID", json!("012345678912")),
        json!({ "action": "describe", "externalID": "acme" }),
        json!({ "action": "create", "account": ACCOUNT }),
        json!({ "action": "create", "id": "x" }),
    ] {
        snapshot.block(&event, app.manage_settings(&event).await);
    }
    app.manage_settings(&set("externalID", json!("acme"))).await;
    for event in [
        set("externalID", json!("other")),
        json!({ "action": "set", "account": OTHER_ACCOUNT, "externalID": "acme" }),
        json!({ "action": "describe", "account": OTHER_ACCOUNT, "externalID": "acme" }),
    ] {
        snapshot.block(&event, app.manage_settings(&event).await);
    }
    for event in [
        json!({}),
        json!({ "externalID": "other", "email": "user.one@example.com" }),
        json!({ "account": ACCOUNT }),
        json!({ "account": "1", "email": "x" }),
        json!({ "account": ACCOUNT, "email": "x" }),
    ] {
        snapshot.block(format!("erase-invitee {event}"), app.erase(&event).await);
    }
    snapshot.assert();
}

#[tokio::test]
async fn errors_of_revoke_invitations() {
    let app = TestApp::start().await;
    let mut snapshot = Snapshot::new("revoke_invitations");
    let by_role = json!({ "account": ACCOUNT, "roleID": "full-access" });
    for event in [
        json!({}),
        json!({ "account": ACCOUNT }),
        json!({ "account": ACCOUNT, "cursor": "x" }),
        json!({ "roleID": "full-access" }),
        json!({ "account": "1", "email": "x", "roleID": "Admin", "invitedBy": "me", "role": "x" }),
        with(&by_role, json!({ "email": 1, "cursor": 1 })),
        with(&by_role, json!({ "invitedBy": "" })),
        with(&by_role, json!({ "invitedBy": format!("urn:cloudone:identity:ca-1:{OTHER_ACCOUNT}:apikey/AbCdEfGhIjKl"), "cursor": "x" })),
        with(&by_role, json!({ "cursor": "x" })),
        json!({ "externalID": "acme", "roleID": "full-access" }),
    ] {
        snapshot.block(&event, app.revoke(&event).await);
    }
    snapshot.assert();
}

#[tokio::test]
async fn errors_of_the_worker_functions() {
    let app = TestApp::start().await;
    let workers = Workers::of(&app).await;
    let mut snapshot = Snapshot::new("workers");
    for event in ["", "{}", "{\n\"detail\": 1}"] {
        snapshot.line(format!("record-feedback {event:?}"), workers.fail_to_report(event).await);
        let failed =
            run_as("deliver-invitations", invoke(Ok(&workers.courier), event, &deliver_invitations::handle)).await.expect_err("no batch");
        snapshot.line(format!("deliver-invitations {event:?}"), failed);
    }
    snapshot.assert();
}

/// Records the problems of a configuration under a title.
fn note<T: std::fmt::Debug>(
    snapshot: &mut Snapshot,
    title: &str,
    variables: &[(&str, &str)],
    read: impl FnOnce(&dyn Fn(&str) -> Option<String>) -> Result<T, ConfigError>,
) {
    let lookup = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let ConfigError(problems) = read(&lookup).expect_err("something is wrong");
    snapshot.block(title, problems.join("\n"));
}

#[test]
fn problems_of_a_configuration() {
    let mut snapshot = Snapshot::new("configuration");
    snapshot.block("all together", ConfigError(vec!["TABLE_NAME must be set".to_owned(), "ROLES: x".to_owned()]));
    note(&mut snapshot, "nothing set", &[], Config::read);
    let wrong = [
        ("AWS_ENDPOINT_URL", "nonsense"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "ftp://x"),
        ("AWS_USE_FIPS_ENDPOINT", "perhaps"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "perhaps"),
        ("TRUST_STORE", "/missing.pem"),
        ("URN_NAMESPACE", "a:b"),
        ("URN_REGION", "A"),
        ("ROLES", "{"),
        ("ONLY_ACCOUNT", "1"),
        ("MAINTENANCE_RETRY_AFTER_SECONDS", "soon"),
    ];
    note(&mut snapshot, "every function, all wrong", &wrong, Config::read);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-certificate.pem");
    fs::write(&path, "nothing").expect("a file can be written");
    let path = path.to_str().expect("the path is UTF-8");
    snapshot.redact(path, "path");
    note(&mut snapshot, "a file without a certificate", &[("TABLE_NAME", "t"), ("TRUST_STORE", path)], Config::read);
    let names = [
        "INVITATION_LIFETIME_SECONDS",
        "INVITATION_MAX_LIFETIME_SECONDS",
        "RESEND_COOLDOWN_SECONDS",
        "MAX_SENDS",
        "SEND_QUOTA",
        "SEND_QUOTA_WINDOW_SECONDS",
        "RETENTION_DAYS",
    ];
    let keys = "k".repeat(32);
    let wrong = [&names.map(|name| (name, "x"))[..], &[("LINK_KEYS", &keys)]].concat();
    note(&mut snapshot, "sending, all wrong", &wrong, read_send_policy);
    note(&mut snapshot, "sending, nothing set", &[], read_send_policy);
    note(&mut snapshot, "retention", &[("RETENTION_DAYS", "-1")], read_retention);
    let names = [
        "FROM_ADDRESS",
        "LINK_BASE_URL",
        "LINK_KEYS",
        "RETENTION_DAYS",
        "REMIND_BEFORE_SECONDS",
        "AWS_ENDPOINT_URL_SESV2",
        "AWS_ENDPOINT_URL_EVENTBRIDGE",
    ];
    note(&mut snapshot, "delivery, all wrong", &names.map(|name| (name, "x")), DeliveryConfig::read);
    note(&mut snapshot, "delivery, nothing set", &[], DeliveryConfig::read);
    let names = ["DEFAULT_DISPLAY_NAME", "DEFAULT_COLOUR", "DEFAULT_LOCALE", "DEFAULT_REDIRECT"];
    note(&mut snapshot, "defaults of accounts, all wrong", &names.map(|name| (name, "www.x")), read_default_settings);
    snapshot.assert();
}

#[test]
fn problems_of_a_folder_of_texts() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wrong_texts");
    fs::create_dir_all(&folder).expect("a folder can be made");
    let files = [
        ("de.json", r#"{ "email": { "from": "{account}", "greeting": "Hallo" }, "page": { "none": "x" } }"#),
        ("de-at.json", "{}"),
        ("DE-AT.json", "{}"),
        ("english.language.json", "{}"),
        ("es.json", r#"{ "mial": {} }"#),
        ("it.json", "{"),
        ("nl.json", r#"{ "email": { "months": "januari, februari" } }"#),
        ("no.json", r#"{ "roles": { "owner": " ", "guest": "a\nb", "read-only": "{role}" } }"#),
        ("pl.json", r#"{ "roles": { "Read only": "x" } }"#),
        ("email.html", "{{ address }}"),
        ("email.txt", "{{ intro }}"),
        ("reminder.html", "{{ link"),
        ("reminder.txt", "{{ subject }}"),
        ("logo.gif", "GIF89a"),
        ("logo.png", "GIF89a"),
    ];
    for (name, text) in files {
        fs::write(folder.join(name), text).expect("a file can be written");
    }
    let mut snapshot = Snapshot::new("texts");
    snapshot.redact(folder.display(), "folder");
    snapshot.block("emails", Texts::load(Some(&folder)).expect_err("something is wrong").join("\n"));
    snapshot.block("the page", PageTexts::load(Some(&folder)).expect_err("something is wrong").join("\n"));
    snapshot.block("no folder", Texts::load(Some(&folder.join("missing"))).expect_err("there is none").join("\n"));
    snapshot.assert();
}
