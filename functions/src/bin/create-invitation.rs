//! The function of [`functions::create_invitation`].

use functions::{app::SendingApp, create_invitation, edge};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::run(create_invitation::ROUTE, SendingApp::from_env(), create_invitation::handle).await
}
