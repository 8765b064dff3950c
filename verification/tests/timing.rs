//! The duration of a lookup does not reveal whether an id exists (T19).

use std::time::Duration;

use verification::{
    report::Scale,
    timing::{TokenKind, compared, run},
};

#[tokio::test]
async fn t19_a_lookup_takes_as_long_for_a_known_id_as_for_an_unknown_one() {
    let section = run(&Scale::short()).await;
    assert_eq!(section.failures(), Vec::<String>::new());
}

#[test]
fn a_revealing_difference_is_detected_and_outliers_are_ignored() {
    let times = |known: u64| {
        let mut times = [500, known, 500, 100].map(|micros| vec![Duration::from_micros(micros); 200]);
        times[TokenKind::Unknown as usize][..90].fill(Duration::from_secs(1));
        times
    };
    assert_eq!(compared(&Scale::short(), &times(520)).failures(), Vec::<String>::new());
    let failures = compared(&Scale::short(), &times(1600)).failures();
    assert!(failures.len() == 1 && failures[0].contains("known and unknown ids, in µs is 1100"), "{failures:?}");
}
