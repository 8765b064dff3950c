//! The store's protocol in a small scope: no way that it can take breaks a promise, and what is left out of it is missed.

use verification::{
    model_check::{Defect, counterexample, run},
    report::Scale,
};

#[test]
fn no_way_that_two_callers_can_take_breaks_a_promise_and_every_defect_would_be_found() {
    assert_eq!(run(&Scale::short()).broken(), Vec::<String>::new());
}

#[test]
fn a_defect_breaks_the_promise_that_the_missing_part_is_there_for() {
    for (defect, promise) in [
        (Defect::NoFence, "An invitation is accepted in time"),
        (Defect::KeptOutside, "An idempotency key has one effect at most"),
        (Defect::ClockMovesOn, "Nobody is refused for what he has done himself"),
        (Defect::LockNotRenewed, "An open invitation holds the lock"),
        (Defect::QuotaCountedBefore, "Every sending is counted, once"),
    ] {
        let found = counterexample(defect).expect("it is found");
        assert!(found.starts_with(promise), "{defect:?}: {found}");
    }
}
