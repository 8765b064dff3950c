//! The function of [`functions::account::list_invitations`].

use functions::{account::list_invitations, app::App, http::edge};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::run(list_invitations::ROUTE, App::from_env(), list_invitations::handle).await
}
