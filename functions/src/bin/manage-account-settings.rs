//! The function of [`functions::manage_account_settings`].

use functions::{
    direct::{Table, run},
    manage_account_settings::handle,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    run(Table::from_env(), handle).await
}
