//! Concurrent histories under faults are linearizable.

use verification::{histories, report::Scale};

#[tokio::test(flavor = "multi_thread")]
async fn histories_under_concurrency_and_faults_are_linearizable() {
    let section = histories::run(&Scale::short()).await;
    let failures = section.failures();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
