//! The function of [`functions::account::describe_invitation`].

use functions::{account::describe_invitation, app::App, http::edge};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::run(describe_invitation::ROUTE, App::from_env(), describe_invitation::handle).await
}
