//! Histories detect a service that breaks one rule.

use verification::mutants::{Mutant, detected_after};

async fn is_detected(mutant: Mutant) {
    let after = detected_after(mutant, 1, 160).await;
    eprintln!("{mutant:?} {after:?}");
    assert!(after.is_some(), "{mutant:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_locks_nobody_out_is_detected() {
    is_detected(Mutant::NoLockCondition).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_does_not_recognise_itself_is_detected() {
    is_detected(Mutant::NoSelfRecognition).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accepting_an_invitation_that_has_lost_its_lock_is_detected() {
    is_detected(Mutant::NoFence).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_record_outside_the_transaction_is_detected() {
    is_detected(Mutant::RecordOutsideTransaction).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_based_on_an_outdated_revision_is_detected() {
    is_detected(Mutant::NoRevision).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_is_not_enforced_is_detected() {
    is_detected(Mutant::NoQuotaCondition).await;
}
