//! The function of [`functions::modify_invitation`].

use functions::{app::SendingApp, edge, modify_invitation};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::run(modify_invitation::ROUTE, SendingApp::from_env(), modify_invitation::handle).await
}
