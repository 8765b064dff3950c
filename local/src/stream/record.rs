//! A stream record in the format of Lambda's events.

use std::collections::HashMap;

use aws_sdk_dynamodbstreams::{
    primitives::Blob,
    types::{AttributeValue, Record, StreamRecord},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

pub(super) fn json(record: &Record, stream_arn: &str) -> Value {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(name.into(), value);
        }
    };
    let text = |text: &Option<String>| text.as_deref().map(Value::from);
    put("eventID", text(&record.event_id));
    put("eventName", record.event_name.as_ref().map(|name| name.as_str().into()));
    put("eventVersion", text(&record.event_version));
    put("eventSource", text(&record.event_source));
    put("awsRegion", text(&record.aws_region));
    put("dynamodb", record.dynamodb.as_ref().map(change));
    // Present when DynamoDB itself deleted the row after its TTL.
    let identity = record.user_identity.as_ref();
    put("userIdentity", identity.map(|identity| json!({ "type": identity.r#type, "principalId": identity.principal_id })));
    put("eventSourceARN", Some(stream_arn.into()));
    Value::Object(fields)
}

fn change(change: &StreamRecord) -> Value {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(name.into(), value);
        }
    };
    put("ApproximateCreationDateTime", change.approximate_creation_date_time.map(|time| time.secs().into()));
    put("Keys", change.keys.as_ref().map(row));
    put("NewImage", change.new_image.as_ref().map(row));
    put("OldImage", change.old_image.as_ref().map(row));
    put("SequenceNumber", change.sequence_number.as_deref().map(Value::from));
    put("SizeBytes", change.size_bytes.map(Value::from));
    put("StreamViewType", change.stream_view_type.as_ref().map(|view| view.as_str().into()));
    Value::Object(fields)
}

fn row(row: &HashMap<String, AttributeValue>) -> Value {
    row.iter().map(|(name, value)| (name.clone(), attribute(value))).collect::<Map<_, _>>().into()
}

/// DynamoDB's JSON.
fn attribute(value: &AttributeValue) -> Value {
    let bytes = |bytes: &Blob| STANDARD.encode(bytes);
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::B(blob) => json!({ "B": bytes(blob) }),
        AttributeValue::Bool(is) => json!({ "BOOL": is }),
        AttributeValue::Null(is) => json!({ "NULL": is }),
        AttributeValue::Ss(texts) => json!({ "SS": texts }),
        AttributeValue::Ns(numbers) => json!({ "NS": numbers }),
        AttributeValue::Bs(blobs) => json!({ "BS": blobs.iter().map(bytes).collect::<Vec<_>>() }),
        AttributeValue::L(values) => json!({ "L": values.iter().map(attribute).collect::<Vec<_>>() }),
        AttributeValue::M(values) => json!({ "M": row(values) }),
        // The SDK's enum is open; DynamoDB has no other type.
        _ => Value::Null,
    }
}
