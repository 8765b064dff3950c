//! The function of [`functions::account::console_page`].

use functions::{
    account::console_page::{self, Console},
    http::edge,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::run(console_page::ROUTE, async { Console::from_env() }, console_page::handle).await
}
