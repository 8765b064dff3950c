//! The store's protocol, model-checked: its invariants hold, and every seeded defect violates one.

use verification::{
    model_check::{Defect, counterexample, run},
    report::Scale,
};

#[test]
fn the_invariants_hold_and_every_seeded_defect_is_found() {
    assert_eq!(run(&Scale::short()).failures(), Vec::<String>::new());
}

#[test]
fn a_defect_violates_the_invariant_that_the_missing_part_protects() {
    for (defect, invariant) in [
        (Defect::NoLockRequired, "An invitation is accepted in time"),
        (Defect::RecordOutsideTransaction, "An idempotency key has at most one effect"),
        (Defect::ClockReadAgain, "No caller is refused because of its own effect"),
        (Defect::LockNotRenewed, "An open invitation holds the lock"),
        (Defect::QuotaCountedEarly, "Every send is counted exactly once"),
    ] {
        let counterexample_text = counterexample(defect).expect("a counterexample exists");
        assert!(counterexample_text.starts_with(invariant), "{defect:?}: {counterexample_text}");
    }
}
