//! The function of [`functions::invitee::accept_invitation`].

use functions::{app::InviteeApp, http::edge, invitee::accept_invitation};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::run(accept_invitation::ROUTE, InviteeApp::from_env(), accept_invitation::handle).await
}
