//! The function of [`functions::operator::revoke_invitations`].

use functions::operator::{
    invocation::run,
    revoke_invitations::{Revocations, handle},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    run(Revocations::from_env(), handle).await
}
