//! The function of [`functions::invitee::decline_invitation`].

use functions::{app::InviteeApp, http::edge, invitee::decline_invitation};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::run(decline_invitation::ROUTE, InviteeApp::from_env(), decline_invitation::handle).await
}
