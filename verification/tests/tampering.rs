//! Nothing that was changed is taken for what was issued (T3, T4, T5, T19).

use verification::{
    report::Scale,
    tampering::{Attempt, Fixture, To, present, run},
};

#[tokio::test]
async fn t4_no_cursor_and_no_token_is_accepted_with_anything_changed() {
    let section = run(&Scale::short()).await;
    assert_eq!(section.broken(), Vec::<String>::new());
    assert!(section.value("tampered cursors") > 500 && section.value("tampered tokens") > 500, "{section:?}");
}

#[tokio::test]
async fn what_would_be_accepted_is_counted() {
    let (scale, world) = (Scale::short(), Fixture::start(&Scale::short()).await);
    // As they were issued, and so not tampered with at all.
    let issued = &world.cursors[0];
    let cursor = Attempt { what: "nothing", to: To::List(issued.account, issued.query.clone()), text: issued.token.clone() };
    let token = Attempt { what: "nothing", to: To::Holder("decline"), text: world.tokens[0].clone() };
    let section = present(&world, &scale, &[cursor, token]).await;
    let value = |what| section.value(what);
    assert_eq!((value("tampered cursors accepted"), value("tampered tokens accepted")), (1, 1));
    assert_eq!((value("requests to the table for tampered cursors"), value("links that no longer open")), (1, 1));
    assert!(value("rows changed") > 0);
    assert!(section.broken().len() >= 5, "{:?}", section.broken());
}
