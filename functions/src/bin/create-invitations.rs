//! The function of [`functions::account::create_invitations`].

use functions::{account::create_invitations, app::SendingApp, http::edge};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::run(create_invitations::ROUTE, SendingApp::from_env(), create_invitations::handle).await
}
