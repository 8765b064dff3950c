//! The function of [`functions::operator::erase_invitee`].

use functions::operator::{
    erase_invitee::handle,
    invocation::{Table, run},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    run(Table::from_env(), handle).await
}
