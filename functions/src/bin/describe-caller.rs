//! The function of [`functions::account::describe_caller`].

use functions::{account::describe_caller, app::CallerApp, http::edge};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::run(describe_caller::ROUTE, CallerApp::from_env(), describe_caller::handle).await
}
