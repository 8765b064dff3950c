//! `functions::account::describe_invitation` with a client and a runtime as in the SDK's getting-started guide.

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::Client;
use functions::{account::describe_invitation, app::App, http::edge};
use shared::{
    config::Config,
    store::{Store, system_clock},
};

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    let config = Config::read(&|name| std::env::var(name).ok())?;
    let aws = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let store = Store::new(Client::new(&aws), config.table.clone(), system_clock());
    let app = std::future::ready(Ok(App::new(store, config)));
    edge::run(describe_invitation::ROUTE, app, describe_invitation::handle).await
}
