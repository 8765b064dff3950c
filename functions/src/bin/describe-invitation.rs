//! The function of [`functions::describe_invitation`].

use functions::{app::App, describe_invitation, edge};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::run(describe_invitation::ROUTE, App::from_env(), describe_invitation::handle).await
}
