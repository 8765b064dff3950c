use std::{env, fs, net::TcpListener};

use super::{Engine, EngineError, Storage};
use crate::{client, table::create_table};

const TEMPLATE: &str = include_str!("../../../template.yaml");

fn free_port() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a port is free")
}

#[tokio::test]
async fn data_in_a_file_outlives_the_engine() {
    let file = env::temp_dir().join(format!("engine-{}.db", std::process::id()));
    let engine = Engine::start(free_port(), Storage::File(&file)).expect("an engine starts");
    create_table(&client::for_endpoint(engine.endpoint()), "invitations", TEMPLATE).await.expect("the table is made");
    drop(engine);

    let engine = Engine::start(free_port(), Storage::File(&file)).expect("another starts on the same file");
    let tables = client::for_endpoint(engine.endpoint()).list_tables().send().await.expect("the engine answers");
    assert_eq!(tables.table_names(), ["invitations"]);
    drop(engine);
    fs::remove_file(&file).expect("it has closed its file");
}

#[test]
fn a_stopped_engine_frees_its_port() {
    let engine = Engine::in_memory().expect("an engine starts");
    let address = engine.endpoint().trim_start_matches("http://").to_owned();
    TcpListener::bind(&address).expect_err("the engine uses the port");
    drop(engine);
    TcpListener::bind(&address).expect("the port is free");
}

#[test]
fn the_error_names_a_file_that_is_not_a_database() {
    let refused = Engine::start(free_port(), Storage::File(env!("CARGO_MANIFEST_DIR").as_ref()));
    let error = refused.expect_err("a folder is not a database");
    assert!(matches!(error, EngineError::Open { .. }));
    assert!(error.to_string().contains(env!("CARGO_MANIFEST_DIR")), "{error}");
}
