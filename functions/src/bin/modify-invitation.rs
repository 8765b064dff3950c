//! The function of [`functions::account::modify_invitation`].

use functions::{account::modify_invitation, app::SendingApp, http::edge};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::run(modify_invitation::ROUTE, SendingApp::from_env(), modify_invitation::handle).await
}
