//! The function of [`functions::operator::manage_account_settings`].

use functions::operator::{
    invocation::{Table, run},
    manage_account_settings::handle,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    run(Table::from_env(), handle).await
}
