//! `GET /invitations/caller`

use crate::{
    app::CallerApp,
    http::{
        error::ApiError,
        event::Request,
        input,
        output::{self, Reply},
        route::Route,
    },
};

/// The route of this endpoint.
pub const ROUTE: Route = Route::new(&["GET"], "/invitations/caller");

/// Shows who the caller is and what it may do, for user interfaces. It requires no permission, and grants nothing: every request is
/// authorized on its own.
///
/// # Errors
/// The errors of the contract.
pub async fn handle(app: &CallerApp, request: &Request) -> Result<Reply, ApiError> {
    let CallerApp { app, defaults, limits } = app;
    let who = app.auth.authenticate(request).await?;
    input::validate_common(request)?.finish(&[])?;
    let settings = app.store.settings(who.account()).await?.or(defaults);
    Ok(Reply::ok(output::caller(&who, app.auth.grantable_by(&who), &settings, limits)))
}
