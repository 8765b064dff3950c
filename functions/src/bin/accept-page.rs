//! The function of [`functions::accept_page`].

use functions::{
    accept_page::{self, Page},
    edge,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::run(accept_page::ROUTE, async { Page::from_env() }, accept_page::handle).await
}
