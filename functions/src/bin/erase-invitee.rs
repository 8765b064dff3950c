//! The function of [`functions::erase_invitee`].

use functions::{
    direct::{Table, run},
    erase_invitee::handle,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    run(Table::from_env(), handle).await
}
