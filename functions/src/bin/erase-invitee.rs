//! The function of [`functions::erase_invitee`].

use functions::direct::run;
use functions::erase_invitee::{Eraser, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    run(Eraser::from_env(), handle).await
}
