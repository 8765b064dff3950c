//! Settings are read before the decision of an invitee is written, and for nobody whose token opens nothing.

use aws_sdk_dynamodb::types::AttributeValue;
use support::{ACCOUNT, TestApp};

use crate::helpers::{describe, invited, start, use_link};

async fn corrupt_settings(app: &TestApp) {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let put = app.client.put_item().table_name(&app.table).item("pk", text(&format!("SETTINGS#{ACCOUNT}")));
    put.item("sk", text("settings")).item("colour", text("invalid")).send().await.expect("the row can be written");
}

#[tokio::test]
async fn a_decision_that_cannot_be_shown_because_of_corrupt_settings_changes_nothing() {
    for decision in ["accept", "decline"] {
        let (app, mut workers) = start().await;
        let (id, token) = invited(&app, &mut workers).await;
        corrupt_settings(&app).await;
        use_link(&app, decision, &token).await.expect(500);
        assert_eq!(describe(&app, &id).await["state"], "invited", "{decision}");
    }
}

#[tokio::test]
async fn t19_an_invalid_token_is_a_404_after_one_read_whatever_the_settings_of_the_account_that_it_names() {
    let (app, mut workers) = start().await;
    let (_, token) = invited(&app, &mut workers).await;
    corrupt_settings(&app).await;
    let (rest, secret) = token.rsplit_once('.').expect("a token has parts");
    let of_another_id = format!("{}.{}.{secret}", rest.rsplit_once('.').expect("an id").0, "0123456789ABCDEF0123456789ABCDEF");
    for verb in ["lookup", "accept", "decline"] {
        let _ = app.faults.take_operations();
        use_link(&app, verb, &of_another_id).await.expect_error(404, "not-found");
        assert_eq!(app.faults.take_operations(), ["GetItem"], "{verb}");
    }
}
