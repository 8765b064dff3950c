//! How long a lookup takes does not tell what is there (T19).

use std::time::Duration;

use verification::{
    report::Scale,
    timing::{Looked, compared, run},
};

#[tokio::test]
async fn t19_a_lookup_takes_as_long_for_a_known_id_as_for_an_unknown_one() {
    let section = run(&Scale::short()).await;
    assert_eq!(section.broken(), Vec::<String>::new());
}

#[test]
fn a_lookup_that_tells_is_found_and_single_slow_ones_do_not_count() {
    let times = |known: u64| {
        let mut times = [500, known, 500, 100].map(|micros| vec![Duration::from_micros(micros); 200]);
        times[Looked::Unknown as usize][..90].fill(Duration::from_secs(1));
        times
    };
    assert_eq!(compared(&Scale::short(), &times(520)).broken(), Vec::<String>::new());
    let broken = compared(&Scale::short(), &times(1600)).broken();
    assert!(broken.len() == 1 && broken[0].contains("known and unknown ids, in µs is 1100"), "{broken:?}");
}
