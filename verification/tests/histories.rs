//! Concurrent histories under faults can be explained one call after the other.

use verification::{histories, report::Scale};

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_under_concurrency_and_faults_is_that_of_calls_one_after_the_other() {
    let section = histories::run(&Scale::short()).await;
    let broken = section.broken();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
