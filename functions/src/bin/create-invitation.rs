//! The function of [`functions::account::create_invitation`].

use functions::{account::create_invitation, app::SendingApp, http::edge};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::run(create_invitation::ROUTE, SendingApp::from_env(), create_invitation::handle).await
}
