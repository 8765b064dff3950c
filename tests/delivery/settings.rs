//! Settings are read before the answer of an invitee is written.

use aws_sdk_dynamodb::types::AttributeValue;
use support::ACCOUNT;

use crate::helpers::{describe, invited, start, use_link};

#[tokio::test]
async fn an_answer_that_cannot_be_shown_because_of_corrupt_settings_changes_nothing() {
    for answer in ["accept", "decline"] {
        let (app, mut workers) = start().await;
        let (id, token) = invited(&app, &mut workers).await;
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let put = app.client.put_item().table_name(&app.table).item("pk", text(&format!("SETTINGS#{ACCOUNT}")));
        put.item("sk", text("settings")).item("colour", text("invalid")).send().await.expect("the row can be written");
        use_link(&app, answer, &token).await.expect(500);
        assert_eq!(describe(&app, &id).await["state"], "invited", "{answer}");
    }
}
