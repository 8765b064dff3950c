//! What the histories are worth: a service that breaks one rule is caught.

use verification::mutants::{Mutant, caught_after};

async fn is_caught(mutant: Mutant) {
    let after = caught_after(mutant, 1, 160).await;
    eprintln!("{mutant:?} {after:?}");
    assert!(after.is_some(), "{mutant:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_holds_nobody_off_is_caught() {
    is_caught(Mutant::NoLockCondition).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_does_not_recognise_itself_is_caught() {
    is_caught(Mutant::NoSelfRecognition).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_an_invitation_that_has_lost_its_lock_is_caught() {
    is_caught(Mutant::NoFence).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_record_outside_the_transaction_is_caught() {
    is_caught(Mutant::KeptOutside).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_what_was_not_read_is_caught() {
    is_caught(Mutant::NoRevision).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_refuses_nobody_is_caught() {
    is_caught(Mutant::NoQuotaCondition).await;
}
