//! The function of [`functions::invitee::lookup_invitation`].

use functions::{app::InviteeApp, http::edge, invitee::lookup_invitation};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::run(lookup_invitation::ROUTE, InviteeApp::from_env(), lookup_invitation::handle).await
}
