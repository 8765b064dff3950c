//! Every revision of every invitation, read from the stream without loss.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use local::stream::{Start, Stream};
use serde_json::Value;
use shared::{
    domain::{Invitation, InvitationId},
    store::item,
};
use support::TestApp;

/// The revisions of each invitation in order.
pub(super) type History = BTreeMap<InvitationId, Vec<Invitation>>;

pub(super) async fn read(app: &TestApp) -> History {
    let mut stream = Stream::open(&app.endpoint, &app.table, Start::TrimHorizon).await.expect("the table has a stream");
    let mut history = History::new();
    loop {
        let records = stream.next_batch(1000).await.expect("the stream can be read");
        if records.is_empty() {
            return history;
        }
        for record in records {
            let image = &record["dynamodb"]["NewImage"];
            if image["sk"]["S"].as_str().is_some_and(|key| key.starts_with("I#")) {
                let invitation = item::from_row(row(image)).expect("a row of the service can be parsed");
                history.entry(invitation.resource.id).or_default().push(invitation);
            }
        }
    }
}

/// Whether the second of two revisions claims an email.
pub(super) fn is_claim(before: &Invitation, after: &Invitation) -> bool {
    after.send_attempts.claim.is_some() && after.send_attempts.claim != before.send_attempts.claim
}

fn row(image: &Value) -> HashMap<String, AttributeValue> {
    image.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

/// An attribute of a type that the rows of invitations have.
fn attribute(value: &Value) -> AttributeValue {
    let (kind, value) = value.as_object().and_then(|value| value.iter().next()).expect("a value has a type");
    let text = || value.as_str().expect("it is a string").to_owned();
    match kind.as_str() {
        "S" => AttributeValue::S(text()),
        "N" => AttributeValue::N(text()),
        "BOOL" => AttributeValue::Bool(value.as_bool().expect("it is a boolean")),
        "SS" => AttributeValue::Ss(value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()),
        other => panic!("no attribute of an invitation has the type {other}"),
    }
}
