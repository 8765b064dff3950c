//! The function of [`functions::accept_invitation`].

use functions::{accept_invitation, app::InviteeApp, edge};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::run(accept_invitation::ROUTE, InviteeApp::from_env(), accept_invitation::handle).await
}
