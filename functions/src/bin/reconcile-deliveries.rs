//! The function of [`functions::reconcile_deliveries`].

use functions::{background, courier::Courier, reconcile_deliveries};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    background::run(async { Courier::from_env() }, reconcile_deliveries::handle).await
}
