//! Delivery under everything that AWS may do, in short, and evidence that the checks can fail.

use verification::{
    delivery::{Mutation, run, run_broken},
    report::{Scale, Section},
};

#[tokio::test]
async fn nothing_is_lost_and_nothing_is_sent_twice_without_need() {
    let section = run(&Scale::short()).await;
    for figure in &section.figures {
        println!("{:>8} {}", figure.value, figure.what);
    }
    assert!(section.broken().is_empty(), "{:#?}", section.broken());
}

/// Some ways to break it, all at once.
async fn found(mutations: &'static [Mutation]) -> Section {
    run_broken(&Scale::short(), mutations).await
}

fn count(section: &Section, words: &str) -> usize {
    section.violations.iter().filter(|violation| violation.contains(words)).count()
}

#[tokio::test]
async fn a_table_that_forgets_writes_makes_second_copies_and_they_are_found() {
    let section = found(&[Mutation::TableForgets]).await;
    assert!(section.value("second copies outside these windows") > 0, "{section:#?}");
    assert!(count(&section, "than claims") > 0, "{section:#?}");
}

#[tokio::test]
async fn mails_and_events_that_vanish_are_missed() {
    let section = found(&[Mutation::MailsVanish, Mutation::EventsVanish]).await;
    assert!(section.value("lost mails") > 0 && section.value("events lost") > 0, "{section:#?}");
}

#[tokio::test]
async fn wrong_links_names_claims_and_events_are_seen() {
    let section = found(&[Mutation::LinksSwapped, Mutation::NamesMixed, Mutation::ClaimsLate, Mutation::EventsDiffer]).await;
    assert_eq!(count(&section, "the link of another invitation"), 2, "{section:#?}");
    assert!(count(&section, " names ") > 0, "{section:#?}");
    assert_eq!(section.value("claims after it was revoked, answered, sent again, or sent"), 1, "{section:#?}");
    assert!(count(&section, "2001-01-01") > 0, "{section:#?}");
}
