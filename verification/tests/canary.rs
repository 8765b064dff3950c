//! Secrets and addresses stay where they belong.

use verification::{canary, report::Scale};

#[tokio::test]
async fn t2_t21_the_token_is_found_nowhere_and_the_address_only_where_the_account_or_the_invitee_sees_it() {
    let section = canary::run(&Scale::short()).await;
    assert_eq!(section.broken(), Vec::<String>::new());
    assert_eq!(section.value("canary tokens, all found in the mails"), 8);
}
