//! The function of [`functions::accept_invitation`].

use functions::{app::InviteeApp, accept_invitation, edge};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::run(accept_invitation::ROUTE, InviteeApp::from_env(), accept_invitation::handle).await
}
