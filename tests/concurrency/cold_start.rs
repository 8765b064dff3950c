//! A cold start opens the connection; a failure to do so has no consequences.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use support::{
    Call, TestApp,
    faults::{
        Fault::{self, ConnectionRefused, Error, NoReply, ReplyLost, TruncatedReply},
        Faults,
    },
    run_as,
};

#[tokio::test]
async fn a_cold_start_reads_one_row_that_does_not_exist() {
    let app = TestApp::start().await;
    let _ = app.faults.take_requests();
    run_as("describe-invitation", app.state().store.open()).await;
    let key = json!({ "pk": { "S": "KEYS#" }, "sk": { "S": "nothing" } });
    assert_eq!(app.faults.take_requests(), [("GetItem".to_owned(), json!({ "TableName": app.table, "Key": key }))]);
}

#[tokio::test]
async fn a_cold_start_waits_at_most_a_second_and_survives_every_fault() {
    let app = TestApp::start().await;
    let id = app.invite("ann@example.com").await["id"].as_str().expect("an id").to_owned();
    let faults: [Fault; 6] =
        [NoReply, ConnectionRefused, ReplyLost, TruncatedReply, Error(400, "ResourceNotFoundException"), Error(500, "InternalServerError")];
    join_all(faults.map(async |fault| {
        let faults = Faults::default();
        let process = app.another_in_real_time(&faults);
        faults.always(fault.clone());
        let started = Instant::now();
        run_as("describe-invitation", process.state().store.open()).await;
        assert!(started.elapsed() < Duration::from_millis(1500), "{fault:?}: {:?}", started.elapsed());
        faults.clear();
        process.send(Call::get(&format!("/invitations/{id}")).key(&app.full)).await.expect(200);
    }))
    .await;
}
