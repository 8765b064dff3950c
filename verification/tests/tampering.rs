//! Tampered cursors and tokens are refused (T3, T4, T5, T19).

use verification::{
    report::Scale,
    tampering::{Attempt, Destination, Fixture, present, run},
};

#[tokio::test]
async fn t4_tampered_cursors_and_tokens_are_rejected() {
    let section = run(&Scale::short()).await;
    assert_eq!(section.failures(), Vec::<String>::new());
    assert!(section.value("tampered cursors") > 500 && section.value("tampered tokens") > 500, "{section:?}");
}

#[tokio::test]
async fn an_accepted_attempt_is_counted() {
    let (scale, fixture) = (Scale::short(), Fixture::start(&Scale::short()).await);
    // Unchanged, so that they are accepted.
    let issued = &fixture.cursors[0];
    let cursor = Attempt { change: "nothing", to: Destination::List(issued.account, issued.query.clone()), text: issued.token.clone() };
    let token = Attempt { change: "nothing", to: Destination::Holder("decline"), text: fixture.tokens[0].clone() };
    let section = present(&fixture, &scale, &[cursor, token]).await;
    let value = |name| section.value(name);
    assert_eq!((value("tampered cursors accepted"), value("tampered tokens accepted")), (1, 1));
    assert_eq!((value("requests to the table for tampered cursors"), value("links that no longer open")), (1, 1));
    assert!(value("rows changed") > 0);
    assert!(section.failures().len() >= 5, "{:?}", section.failures());
}
