//! The function of [`functions::manage_api_keys`].

use functions::manage_api_keys::{Keys, run};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    run(Keys::from_env()).await
}
