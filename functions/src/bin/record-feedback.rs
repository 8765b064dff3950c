//! The function of [`functions::delivery::record_feedback`].

use functions::delivery::{
    record_feedback::{Feedback, handle},
    worker,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::run(async { Feedback::from_env() }, handle).await
}
