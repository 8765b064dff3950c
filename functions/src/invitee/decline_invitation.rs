//! `POST /invitations/decline`

use shared::domain::lifecycle::InviteeDecision;

use crate::{
    app::InviteeApp,
    http::{error::ApiError, event::Request, output::Reply, route::Route},
    invitee::decision::decide,
};

/// The route of this endpoint.
pub const ROUTE: Route = Route::new(&["POST"], "/invitations/decline");

/// Declines an invitation, for the same people as accepting one.
///
/// # Errors
/// Those of every decision.
pub async fn handle(app: &InviteeApp, request: &Request) -> Result<Reply, ApiError> {
    decide(app, request, InviteeDecision::Decline).await
}
