//! `POST /invitations/lookup`

use shared::domain::Rejected;

use crate::{
    app::InviteeApp,
    http::{
        error::ApiError,
        event::Request,
        input,
        output::{self, Reply},
        route::Route,
    },
    invitee::record_holder,
};

/// The route of this endpoint.
pub const ROUTE: Route = Route::new(&["POST"], "/invitations/lookup");

/// Shows an invitation to the holder of its link. Grants nothing: accepting checks everything again.
///
/// # Errors
/// The same 404 for every invalid token.
pub async fn handle(app: &InviteeApp, request: &Request) -> Result<Reply, ApiError> {
    input::validate_common(request)?.finish(&[])?;
    let token = input::token(request)?.ok_or(Rejected::NotFound)?;
    let invitation = app.app.store.find_by_token(&token).await?.ok_or(Rejected::NotFound)?;
    record_holder(app, request, &invitation);
    let settings = app.settings(token.account()).await?;
    Ok(Reply::ok(output::invitee(&invitation, &settings, app.app.store.now())))
}
