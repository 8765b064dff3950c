//! The function of [`functions::issuers::refresh_issuers`].

use functions::{
    delivery::worker,
    issuers::refresh_issuers::{Refresher, handle},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::run(async { Refresher::from_env() }, handle).await
}
