//! Delivery under faults in a short run, and evidence that its checks can fail.

use verification::{
    delivery::{Defect, run, run_with_defects},
    report::{Scale, Section},
};

#[tokio::test]
async fn no_email_is_lost_and_every_duplicate_is_explained() {
    let section = run(&Scale::short()).await;
    for figure in &section.figures {
        println!("{:>8} {}", figure.value, figure.what);
    }
    assert!(section.failures().is_empty(), "{:#?}", section.failures());
}

/// Runs a simulation with these defects together.
async fn with_defects(defects: &'static [Defect]) -> Section {
    run_with_defects(&Scale::short(), defects).await
}

fn count(section: &Section, text: &str) -> usize {
    section.violations.iter().filter(|violation| violation.contains(text)).count()
}

#[tokio::test]
async fn a_table_that_drops_writes_causes_unexplained_duplicates() {
    let section = with_defects(&[Defect::TableDropsWrites]).await;
    assert!(section.value("unexplained duplicates") > 0, "{section:#?}");
    assert!(count(&section, "than claims") > 0, "{section:#?}");
}

#[tokio::test]
async fn lost_emails_and_events_are_detected() {
    let section = with_defects(&[Defect::EmailsLost, Defect::EventsLost]).await;
    assert!(section.value("lost emails") > 0 && section.value("events lost") > 0, "{section:#?}");
}

#[tokio::test]
async fn wrong_links_names_claims_and_events_are_detected() {
    let section =
        with_defects(&[Defect::LinksSwapped, Defect::WrongAccountNamed, Defect::ClaimAfterRevoke, Defect::EventCopiesDiffer]).await;
    assert_eq!(count(&section, "the link of another invitation"), 2, "{section:#?}");
    assert!(count(&section, " names ") > 0, "{section:#?}");
    assert_eq!(section.value("claims of an email that must not be sent"), 1, "{section:#?}");
    assert!(count(&section, "2001-01-01") > 0, "{section:#?}");
}
