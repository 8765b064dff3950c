//! The policies of `template.yaml` decide on every call in these tests, and a refusal fails them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use support::{Call, TestApp, run_as};

#[tokio::test]
async fn a_call_is_decided_on_by_the_policies_of_the_function_that_makes_it() {
    let app = TestApp::start().await;
    app.send(Call::get("/invitations").key(&app.full)).await.expect(200);
    assert_eq!(app.decisions.take_refused(), []);
    // A cold start reads a row of the table.
    let store = &app.state().store;
    run_as("list-invitations", store.open()).await;
    assert_eq!(app.decisions.take_refused(), []);
    run_as("accept-page", store.open()).await;
    let refused: Vec<_> = app.decisions.take_refused().iter().map(|refusal| (refusal.code, refusal.to_string())).collect();
    let table = &app.table;
    let sentence = format!("accept-page is not authorized to perform dynamodb:GetItem on table/{table}, partition KEYS#");
    assert_eq!(refused, [("AccessDeniedException", sentence)]);
}

#[tokio::test]
async fn a_call_of_no_function_is_refused() {
    let app = TestApp::start().await;
    app.state().store.open().await;
    let refused: Vec<_> = app.decisions.take_refused().iter().map(|refusal| refusal.code).collect();
    assert_eq!(refused, ["UnrecognizedClientException"]);
}

#[tokio::test]
async fn a_test_in_which_a_call_is_refused_fails() {
    let app = TestApp::start().await;
    run_as("accept-page", app.state().store.open()).await;
    let failure = catch_unwind(AssertUnwindSafe(|| drop(app))).expect_err("the test fails");
    let message = failure.downcast_ref::<String>().expect("a message");
    assert!(message.contains("accept-page is not authorized to perform dynamodb:GetItem"), "{message}");
}
