use std::env;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{BillingMode, StreamViewType};

use super::{TableError, create_table};
use crate::client;
use crate::engine::Engine;

const TEMPLATE: &str = include_str!("../../../template.yaml");

/// An engine, a client for it, and a table name of the test's own. `DYNAMODB_ENDPOINT` names an engine to use instead of the
/// embedded one, such as DynamoDB Local.
fn engine() -> (Option<Engine>, Client, String) {
    let external = env::var("DYNAMODB_ENDPOINT").ok();
    let engine = external.is_none().then(|| Engine::in_memory().expect("an engine in memory starts"));
    let endpoint = external.or(engine.as_ref().map(|e| e.endpoint().to_owned())).expect("there is an engine");
    let mut suffix = [0; 8];
    getrandom::fill(&mut suffix).expect("the machine has randomness");
    (engine, client::for_endpoint(&endpoint), format!("local-{}", u64::from_ne_bytes(suffix)))
}

#[tokio::test]
async fn the_table_is_the_one_of_the_template() {
    let (_engine, client, name) = engine();
    create_table(&client, &name, TEMPLATE).await.expect("the table is made");

    let table = client.describe_table().table_name(&name).send().await.expect("it is there").table.expect("described");
    let keys: Vec<_> = table.key_schema().iter().map(|k| (k.attribute_name(), k.key_type().as_str())).collect();
    assert_eq!(keys, [("pk", "HASH"), ("sk", "RANGE")]);
    let mut indexes: Vec<_> = table.local_secondary_indexes().iter().filter_map(|i| i.index_name()).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, ["by_email", "by_role", "by_state"]);
    for index in table.local_secondary_indexes() {
        let projection = index.projection().and_then(|p| p.projection_type()).map(|p| p.as_str());
        assert_eq!(projection, Some("ALL"));
        let keys: Vec<_> = index.key_schema().iter().map(|k| k.attribute_name()).collect();
        assert_eq!(keys, ["pk", index.index_name().expect("named")]);
    }
    let billing = table.billing_mode_summary().and_then(|b| b.billing_mode());
    assert_eq!(billing, Some(&BillingMode::PayPerRequest));
    let stream = table.stream_specification().and_then(|s| s.stream_view_type());
    assert_eq!(stream, Some(&StreamViewType::NewAndOldImages));
    let ttl = client.describe_time_to_live().table_name(&name).send().await.expect("described").time_to_live_description;
    assert_eq!(ttl.as_ref().and_then(|t| t.attribute_name()), Some("ttl"));
    assert_eq!(ttl.as_ref().and_then(|t| t.time_to_live_status()).map(|s| s.as_str()), Some("ENABLED"));
}

#[tokio::test]
async fn a_table_that_is_there_is_kept() {
    let (_engine, client, name) = engine();
    create_table(&client, &name, TEMPLATE).await.expect("the table is made");
    create_table(&client, &name, TEMPLATE).await.expect("making it again changes nothing");
}

#[tokio::test]
async fn a_table_with_other_indexes_is_refused() {
    let (_engine, client, name) = engine();
    let older = TEMPLATE.replace("IndexName: by_role", "IndexName: by_whim");
    create_table(&client, &name, &older).await.expect("the older table is made");
    let refused = create_table(&client, &name, TEMPLATE).await;
    assert!(matches!(&refused, Err(TableError::Differs(told)) if *told == name), "{refused:?}");
}

#[tokio::test]
async fn a_template_without_the_table_is_told_apart_from_an_engine_that_fails() {
    let (_engine, client, name) = engine();
    let refused = create_table(&client, &name, "Resources: {}").await;
    assert!(matches!(refused, Err(TableError::Template(_))), "{refused:?}");
    let nobody = client::for_endpoint("http://127.0.0.1:1");
    let refused = create_table(&nobody, &name, TEMPLATE).await;
    assert!(matches!(refused, Err(TableError::Engine(_))), "{refused:?}");
}
