//! The function of [`functions::delivery::deliver_invitations`].

use functions::delivery::{courier::Courier, deliver_invitations, worker};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::run(async { Courier::from_env() }, deliver_invitations::handle).await
}
