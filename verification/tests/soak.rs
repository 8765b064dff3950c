//! Days of operation in a short run, and evidence that its checks can fail.

use verification::{
    report::Scale,
    soak::{self, Defect},
};

#[tokio::test]
async fn nothing_is_left_behind_and_nothing_grows_without_end() {
    let section = soak::run(&Scale::short()).await;
    for figure in &section.figures {
        println!("{:>8} {}", figure.value, figure.what);
    }
    assert_eq!(section.failures(), Vec::<String>::new());
}

#[tokio::test]
async fn rows_that_nothing_purges_are_noticed() {
    let section = soak::run_with_defect(Defect::NothingPurged).await;
    let growing = section.failures().into_iter().filter(|failure| failure.contains("rows A#/I, second half")).count();
    assert_eq!(growing, 1, "{section:#?}");
}

#[tokio::test]
async fn due_invitations_that_nothing_processes_are_noticed() {
    let section = soak::run_with_defect(Defect::NothingReconciled).await;
    assert!(section.value("due invitations left behind") > 0, "{section:#?}");
    assert!(section.failures().iter().any(|failure| failure.contains("due invitations left behind")), "{section:#?}");
}
