//! The function of [`functions::invitee::list_own_invitations`].

use functions::{app::InviteeApp, http::edge, invitee::list_own_invitations};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::run(list_own_invitations::ROUTE, InviteeApp::from_env(), list_own_invitations::handle).await
}
