//! Secrets and addresses do not leak.

use verification::{canary, report::Scale};

#[tokio::test]
async fn t2_t21_tokens_and_addresses_do_not_leak() {
    let section = canary::run(&Scale::short()).await;
    assert_eq!(section.failures(), Vec::<String>::new());
    assert_eq!(section.value("canary tokens found where they are allowed"), 20);
}
