//! External ids of accounts under concurrent callers and lost replies.

use std::collections::BTreeSet;

use functions::operator::invocation::Table;
use futures_util::future::join_all;
use serde_json::{Value, json};
use support::{
    ACCOUNT, TestApp,
    faults::Fault::{self, ConflictAfterwards, Error, ReplyLost},
};

use crate::{common::text, lost_replies::losses};

fn set(account: &str, id: &str) -> Value {
    json!({ "action": "set", "account": account, "externalID": id })
}

fn create(id: &str) -> Value {
    json!({ "action": "create", "externalID": id })
}

/// Sends all events at once, each from a process of its own.
async fn race(app: &TestApp, events: impl IntoIterator<Item = Value>) -> Vec<Value> {
    let send = |event: Value| {
        let table = Table(app.another_patient().state().store.clone());
        tokio::spawn(async move { TestApp::manage_settings_over(&table, &event).await })
    };
    let running: Vec<_> = events.into_iter().map(send).collect();
    join_all(running).await.into_iter().map(|answer| answer.expect("no call panics")).collect()
}

/// The accounts that external ids lead to, and the accounts that settings say have them, each with its external id.
async fn pairs(app: &TestApp) -> [BTreeSet<(String, String)>; 2] {
    let rows = app.rows().await;
    let of = |prefix: &'static str| rows.iter().filter_map(move |row| Some((text(row, "pk").strip_prefix(prefix)?.to_owned(), row)));
    let owners = of("EXTERNAL#").map(|(id, row)| (id, text(row, "account").to_owned()));
    let settings = of("SETTINGS#").filter(|(_, row)| row.contains_key("external_id"));
    [owners.collect(), settings.map(|(account, row)| (text(row, "external_id").to_owned(), account)).collect()]
}

fn pair(id: &str, account: &str) -> [BTreeSet<(String, String)>; 2] {
    [(); 2].map(|()| [(id.to_owned(), account.to_owned())].into())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_20_accounts_that_race_for_one_external_id_one_gets_it() {
    let app = TestApp::start().await;
    let accounts: Vec<String> = (0..20).map(|number| format!("{number:012}")).collect();
    let answers = race(&app, accounts.iter().map(|account| set(account, "acme"))).await;
    let winner = accounts.iter().zip(&answers).find(|(_, answer)| answer["code"].is_null()).expect("one wins").0;
    for (account, answer) in accounts.iter().zip(&answers) {
        if account == winner {
            assert_eq!(*answer, json!({ "account": account, "externalID": "acme", "binding": "bearer" }));
        } else {
            assert_eq!(answer["code"], "external-id-taken", "{answer}");
            assert_eq!(answer["message"], format!("externalID: it is the external id of account {winner}"));
        }
    }
    assert_eq!(pairs(&app).await, pair("acme", winner));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_20_external_ids_that_race_for_one_account_it_gets_one() {
    let app = TestApp::start().await;
    let ids: Vec<String> = (0..20).map(|number| format!("acme-{number}")).collect();
    let answers = race(&app, ids.iter().map(|id| set(ACCOUNT, id))).await;
    let winner = ids.iter().zip(&answers).find(|(_, answer)| answer["code"].is_null()).expect("one wins").0;
    for (id, answer) in ids.iter().zip(&answers) {
        if id == winner {
            assert_eq!(answer["externalID"], **id);
        } else {
            assert_eq!(answer["code"], "external-id-immutable", "{answer}");
            assert!(answer["message"].as_str().expect("a message").contains(&format!("'{winner}'")), "{answer}");
        }
    }
    assert_eq!(pairs(&app).await, pair(winner, ACCOUNT));
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_creations_with_one_external_id_create_one_account() {
    let app = TestApp::start().await;
    let answers = race(&app, (0..40).map(|_| create("acme"))).await;
    let account = answers[0]["account"].as_str().expect("an account");
    for answer in &answers {
        assert_eq!(*answer, json!({ "account": account, "externalID": "acme", "binding": "bearer", "created": answer["created"] }));
    }
    assert_eq!(answers.iter().filter(|answer| answer["created"] == true).count(), 1);
    assert_eq!(pairs(&app).await, pair("acme", account));
    let settings = app.rows().await.iter().filter(|row| text(row, "pk").starts_with("SETTINGS#")).count();
    assert_eq!(settings, 1, "no creation leaves another account behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_and_a_setting_of_one_external_id_lead_to_one_account() {
    for _ in 0..5 {
        let app = TestApp::start().await;
        let answers = race(&app, [set(ACCOUNT, "acme"), create("acme")]).await;
        let account = answers[1]["account"].as_str().expect("the creation succeeds either way");
        assert_eq!(answers[1]["created"], account != ACCOUNT);
        assert_eq!(answers[0]["code"].is_null(), account == ACCOUNT, "{answers:?}");
        assert_eq!(pairs(&app).await, pair("acme", account));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_external_id_whose_reply_is_lost_is_set() {
    let all = losses().into_iter().map(|(faults, _)| faults).chain([vec![ConflictAfterwards]]);
    join_all(all.map(async |faults| {
        let app = TestApp::start().await;
        app.faults.transactions(faults.clone());
        let answer = app.manage_settings(&set(ACCOUNT, "acme")).await;
        assert_eq!(answer, json!({ "account": ACCOUNT, "externalID": "acme", "binding": "bearer" }), "{faults:?}");
        assert_eq!((app.faults.left(), pairs(&app).await), (0, pair("acme", ACCOUNT)), "{faults:?}");
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_whose_reply_is_lost_creates_one_account() {
    let all = losses().into_iter().map(|(faults, _)| faults).chain([vec![ConflictAfterwards]]);
    join_all(all.map(async |faults| {
        let app = TestApp::start().await;
        app.faults.transactions(faults.clone());
        let answer = app.manage_settings(&create("acme")).await;
        let account = answer["account"].as_str().expect("an account");
        assert_eq!(answer, json!({ "account": account, "externalID": "acme", "binding": "bearer", "created": true }), "{faults:?}");
        assert_eq!((app.faults.left(), pairs(&app).await), (0, pair("acme", account)), "{faults:?}");
    }))
    .await;
}

#[tokio::test]
async fn when_the_read_back_fails_too_it_is_unavailable_and_repeating_it_succeeds() {
    for event in [set(ACCOUNT, "acme"), create("acme")] {
        let app = TestApp::start().await;
        // The reads before the transaction succeed.
        let before = if event["action"] == "create" { 3 } else { 0 };
        app.faults.transactions(vec![ReplyLost; 3]);
        app.faults.next(vec![Fault::None; before].into_iter().chain(vec![Error(500, "InternalServerError"); 3]));
        assert_eq!(app.manage_settings(&event).await["code"], "unavailable", "{event}");
        assert_eq!(app.faults.left(), 0);
        let stored = pairs(&app).await;
        let answer = app.manage_settings(&event).await;
        assert_eq!(pair("acme", answer["account"].as_str().expect("an account")), stored, "{event}");
        assert_eq!(pairs(&app).await, stored);
    }
}

#[tokio::test]
async fn a_failure_before_anything_is_written_leaves_nothing_behind() {
    for event in [set(ACCOUNT, "acme"), create("acme")] {
        let app = TestApp::start().await;
        app.faults.transactions(vec![Error(400, "AccessDeniedException")]);
        assert_eq!(app.manage_settings(&event).await["code"], "internal-error", "{event}");
        assert_eq!(pairs(&app).await, [BTreeSet::new(), BTreeSet::new()]);
    }
}
