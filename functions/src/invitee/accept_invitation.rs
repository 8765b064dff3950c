//! `POST /invitations/accept`

use shared::domain::lifecycle::InviteeDecision;

use crate::{
    app::InviteeApp,
    http::{error::ApiError, event::Request, output::Reply, route::Route},
    invitee::decision::decide,
};

/// The route of this endpoint.
pub const ROUTE: Route = Route::new(&["POST"], "/invitations/accept");

/// Accepts an invitation: for the holder of its link, for a person whom the host application has signed in, or for a person who has signed
/// in with a token.
///
/// # Errors
/// Those of every decision, and a 403 if the account requires signing in.
pub async fn handle(app: &InviteeApp, request: &Request) -> Result<Reply, ApiError> {
    decide(app, request, InviteeDecision::Accept).await
}
