//! Histories and fuzzed tokens detect a service that breaks one rule.

use verification::{
    fuzz::inputs_until_omissions_show,
    seeded_defects::{Defect, detected_after},
};

async fn is_detected(defect: Defect) {
    let after = detected_after(defect, 1, 160).await;
    eprintln!("{defect:?} {after:?}");
    assert!(after.is_some(), "{defect:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_excludes_no_one_is_detected() {
    is_detected(Defect::NoLockCondition).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_does_not_detect_its_own_commit_is_detected() {
    is_detected(Defect::NoOwnCommitDetection).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accepting_an_invitation_that_has_lost_its_lock_is_detected() {
    is_detected(Defect::NoLockRequired).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_record_outside_the_transaction_is_detected() {
    is_detected(Defect::RecordOutsideTransaction).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_that_does_not_find_the_record_of_its_key_is_detected() {
    is_detected(Defect::NoBulkRecord).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_response_that_forgets_its_link_is_detected() {
    is_detected(Defect::LinkForgotten).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_based_on_an_outdated_revision_is_detected() {
    is_detected(Defect::NoRevision).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_is_not_enforced_is_detected() {
    is_detected(Defect::NoQuotaCondition).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accepting_keys_that_an_issuer_no_longer_publishes_is_detected() {
    is_detected(Defect::RemovedKeysAccepted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verifying_tokens_with_the_keys_of_another_issuer_is_detected() {
    is_detected(Defect::KeysOfAnotherIssuer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_reaches_another_account_is_detected() {
    is_detected(Defect::AnotherAccount).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_own_invitations_that_misses_those_of_an_account_is_detected() {
    is_detected(Defect::ListWithoutAccount).await;
}

#[test]
fn a_verifier_of_tokens_that_omits_a_rule_is_detected() {
    for (rule, shown) in inputs_until_omissions_show(1, 4000) {
        eprintln!("{rule:?} {shown:?}");
        assert!(shown.is_some(), "{rule:?}");
    }
}
