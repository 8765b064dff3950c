//! The function of [`functions::deliver_invitations`].

use functions::{background, courier::Courier, deliver_invitations};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    background::run(async { Courier::from_env() }, deliver_invitations::handle).await
}
