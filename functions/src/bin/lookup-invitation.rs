//! The function of [`functions::lookup_invitation`].

use functions::{app::InviteeApp, edge, lookup_invitation};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::run(lookup_invitation::ROUTE, InviteeApp::from_env(), lookup_invitation::handle).await
}
