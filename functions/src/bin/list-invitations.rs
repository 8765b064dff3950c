//! The function of [`functions::list_invitations`].

use functions::{app::App, edge, list_invitations};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::run(list_invitations::ROUTE, App::from_env(), list_invitations::handle).await
}
