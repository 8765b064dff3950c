//! The function of [`functions::record_feedback`].

use functions::{
    background,
    record_feedback::{Feedback, handle},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    background::run(async { Feedback::from_env() }, handle).await
}
