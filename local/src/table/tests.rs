use std::env;

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, BillingMode, ProjectionType, StreamViewType},
};

use shared::store::item::PROJECTED;

use super::{TableError, create_table};
use crate::{client, engine::Engine};

const TEMPLATE: &str = include_str!("../../../template.yaml");

/// An engine, its endpoint, and a table name for this test. `DYNAMODB_ENDPOINT` names another engine, such as DynamoDB Local.
pub(crate) fn engine() -> (Option<Engine>, String, String) {
    let external = env::var("DYNAMODB_ENDPOINT").ok();
    let engine = external.is_none().then(|| Engine::in_memory().expect("an engine in memory starts"));
    let endpoint = external.or(engine.as_ref().map(|e| e.endpoint().to_owned())).expect("there is an engine");
    let mut suffix = [0; 8];
    getrandom::fill(&mut suffix).expect("the machine has randomness");
    (engine, endpoint, format!("local-{}", u64::from_ne_bytes(suffix)))
}

/// The same with a client.
fn client_of_engine() -> (Option<Engine>, Client, String) {
    let (engine, endpoint, name) = engine();
    (engine, client::for_endpoint(&endpoint), name)
}

#[tokio::test]
async fn the_table_matches_the_template() {
    let (_engine, client, name) = client_of_engine();
    create_table(&client, &name, TEMPLATE).await.expect("the table is created");

    let table = client.describe_table().table_name(&name).send().await.expect("it is there").table.expect("described");
    let keys: Vec<_> = table.key_schema().iter().map(|k| (k.attribute_name(), k.key_type().as_str())).collect();
    assert_eq!(keys, [("pk", "HASH"), ("sk", "RANGE")]);
    let mut indexes: Vec<_> = table.local_secondary_indexes().iter().filter_map(|i| i.index_name()).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, ["by_email", "by_role", "by_state"]);
    for index in table.local_secondary_indexes() {
        let projection = index.projection().expect("projected");
        assert_eq!(projection.projection_type(), Some(&ProjectionType::Include));
        assert_eq!(projection.non_key_attributes(), PROJECTED, "shared/src/store/item.rs has the same list");
        let keys: Vec<_> = index.key_schema().iter().map(|k| k.attribute_name()).collect();
        assert_eq!(keys, ["pk", index.index_name().expect("named")]);
    }
    let indexes = [
        "late: shard HASH, late_at RANGE: KEYS_ONLY",
        "due: shard HASH, due_at RANGE: KEYS_ONLY",
        "by_invitee: invitee HASH, exp RANGE: INCLUDE",
    ];
    assert_eq!(global_indexes(&client, &name).await, indexes);
    let billing = table.billing_mode_summary().and_then(|b| b.billing_mode());
    assert_eq!(billing, Some(&BillingMode::PayPerRequest));
    let stream = table.stream_specification().and_then(|s| s.stream_view_type());
    assert_eq!(stream, Some(&StreamViewType::NewAndOldImages));
    let ttl = client.describe_time_to_live().table_name(&name).send().await.expect("described").time_to_live_description;
    assert_eq!(ttl.as_ref().and_then(|t| t.attribute_name()), Some("ttl"));
    assert_eq!(ttl.as_ref().and_then(|t| t.time_to_live_status()).map(|s| s.as_str()), Some("ENABLED"));
}

#[tokio::test]
async fn an_existing_table_is_kept() {
    let (_engine, client, name) = client_of_engine();
    create_table(&client, &name, TEMPLATE).await.expect("the table is created");
    create_table(&client, &name, TEMPLATE).await.expect("creating it again changes nothing");
}

#[tokio::test]
async fn a_table_with_other_indexes_is_rejected() {
    let (_engine, client, name) = client_of_engine();
    let older = TEMPLATE.replace("IndexName: by_role", "IndexName: by_whim");
    create_table(&client, &name, &older).await.expect("the older table is created");
    let refused = create_table(&client, &name, TEMPLATE).await;
    assert!(matches!(&refused, Err(TableError::Differs(table)) if *table == name), "{refused:?}");
}

/// A template of a table without local indexes, with `global_indexes` or with none.
fn small(global_indexes: &str) -> String {
    let indexed = if global_indexes.is_empty() { "" } else { INDEXED };
    format!("{SMALL}{indexed}{global_indexes}")
}

const SMALL: &str = "
Resources:
  InvitationsTable:
    Properties:
      BillingMode: PAY_PER_REQUEST
      KeySchema: [{ AttributeName: pk, KeyType: HASH }, { AttributeName: sk, KeyType: RANGE }]
      StreamSpecification: { StreamViewType: NEW_AND_OLD_IMAGES }
      TimeToLiveSpecification: { AttributeName: ttl, Enabled: true }
      AttributeDefinitions:
        - { AttributeName: pk, AttributeType: S }
        - { AttributeName: sk, AttributeType: S }
";
const INDEXED: &str = "
        - { AttributeName: shard, AttributeType: S }
        - { AttributeName: due_at, AttributeType: N }
";
const DUE: &str = "
      GlobalSecondaryIndexes:
        - IndexName: due
          KeySchema: [{ AttributeName: shard, KeyType: HASH }, { AttributeName: due_at, KeyType: RANGE }]
          Projection: { ProjectionType: KEYS_ONLY }
";

/// Names, keys and projections of the global indexes of the table `name`.
async fn global_indexes(client: &Client, name: &str) -> Vec<String> {
    let table = client.describe_table().table_name(name).send().await.expect("it is there").table.expect("described");
    let line = |index: &aws_sdk_dynamodb::types::GlobalSecondaryIndexDescription| {
        let keys: Vec<_> = index.key_schema().iter().map(|k| format!("{} {}", k.attribute_name(), k.key_type())).collect();
        let projection = index.projection().and_then(|p| p.projection_type()).expect("projected");
        format!("{}: {}: {projection}", index.index_name().expect("named"), keys.join(", "))
    };
    table.global_secondary_indexes().iter().map(line).collect()
}

#[tokio::test]
async fn global_indexes_are_created_with_the_table() {
    let (_engine, client, name) = client_of_engine();
    create_table(&client, &name, &small(DUE)).await.expect("the table is created");
    assert_eq!(global_indexes(&client, &name).await, ["due: shard HASH, due_at RANGE: KEYS_ONLY"]);
    create_table(&client, &name, &small(DUE)).await.expect("creating it again changes nothing");
}

#[tokio::test]
async fn a_missing_global_index_is_added_and_covers_existing_rows() {
    let (_engine, client, name) = client_of_engine();
    create_table(&client, &name, &small("")).await.expect("the older table is created");
    let text = |text: &str| AttributeValue::S(text.into());
    let row = client.put_item().table_name(&name).item("pk", text("a")).item("sk", text("b"));
    let row = row.item("shard", text("0")).item("due_at", AttributeValue::N("7".into()));
    row.send().await.expect("a row from before");

    create_table(&client, &name, &small(DUE)).await.expect("the index is added");
    assert_eq!(global_indexes(&client, &name).await, ["due: shard HASH, due_at RANGE: KEYS_ONLY"]);
    let due = client.query().table_name(&name).index_name("due").key_condition_expression("#s = :s AND due_at < :t");
    let due = due
        .expression_attribute_names("#s", "shard")
        .expression_attribute_values(":s", text("0"))
        .expression_attribute_values(":t", AttributeValue::N("8".into()));
    let found = due.send().await.expect("the index answers");
    assert_eq!(found.items().iter().map(|row| row["pk"].clone()).collect::<Vec<_>>(), [text("a")]);
}

#[tokio::test]
async fn a_global_index_with_other_keys_or_another_projection_is_rejected() {
    let swapped = ("shard, KeyType: HASH }, { AttributeName: due_at", "due_at, KeyType: HASH }, { AttributeName: shard");
    for (is, other) in [swapped, ("KEYS_ONLY", "ALL")] {
        let (_engine, client, name) = client_of_engine();
        create_table(&client, &name, &small(&DUE.replace(is, other))).await.expect("the older table is created");
        let refused = create_table(&client, &name, &small(DUE)).await;
        assert!(matches!(&refused, Err(TableError::Differs(table)) if *table == name), "{refused:?}");
    }
}

#[tokio::test]
async fn a_template_without_the_table_is_another_error_than_a_failing_engine() {
    let (_engine, client, name) = client_of_engine();
    let refused = create_table(&client, &name, "Resources: {}").await;
    assert!(matches!(refused, Err(TableError::Template(_))), "{refused:?}");
    let unreachable = client::for_endpoint("http://127.0.0.1:1");
    let refused = create_table(&unreachable, &name, TEMPLATE).await;
    assert!(matches!(refused, Err(TableError::Engine(_))), "{refused:?}");
}
