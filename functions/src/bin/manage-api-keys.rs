//! The function of [`functions::operator::manage_api_keys`].

use functions::operator::{
    invocation::run,
    manage_api_keys::{Keys, handle},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    run(Keys::from_env(), handle).await
}
