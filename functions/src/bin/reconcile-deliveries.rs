//! The function of [`functions::delivery::reconcile_deliveries`].

use functions::delivery::{courier::Courier, reconcile_deliveries, worker};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::run(async { Courier::from_env() }, reconcile_deliveries::handle).await
}
