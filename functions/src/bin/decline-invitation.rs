//! The function of [`functions::decline_invitation`].

use functions::{app::InviteeApp, decline_invitation, edge};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::run(decline_invitation::ROUTE, InviteeApp::from_env(), decline_invitation::handle).await
}
