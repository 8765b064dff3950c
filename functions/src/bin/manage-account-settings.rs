//! The function of [`functions::manage_account_settings`].

use functions::direct::run;
use functions::manage_account_settings::{Settings, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    run(Settings::from_env(), handle).await
}
