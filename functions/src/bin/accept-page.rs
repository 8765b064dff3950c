//! The function of [`functions::invitee::accept_page`].

use functions::{
    http::edge,
    invitee::accept_page::{self, Page},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::run(accept_page::ROUTE, async { Page::from_env() }, accept_page::handle).await
}
