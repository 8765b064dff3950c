//! Concurrent histories under faults can be explained one call after the other.

use proof::{histories, report::Scale};

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_under_concurrency_and_faults_is_that_of_calls_one_after_the_other() {
    let started = std::time::Instant::now();
    let section = histories::run(&Scale::short()).await;
    eprintln!("{:#?} {:?}", section.figures, started.elapsed());
    assert_eq!(section.broken(), Vec::<String>::new());
}
