//! `POST /invitations/decline`

use shared::domain::{Rejected, lifecycle::InviteeDecision};

use crate::{
    app::InviteeApp,
    http::{
        error::ApiError,
        event::Request,
        input,
        output::{self, Reply},
        route::Route,
    },
    invitee::lookup_invitation::remember_caller,
};

/// What this endpoint answers to.
pub const ROUTE: Route = Route { methods: &["POST"], path: "/invitations/decline" };

/// Declines for the holder of a link.
///
/// # Errors
/// One 404 for every token that opens nothing; what the invitation is, when it is no longer open.
pub async fn handle(app: &InviteeApp, request: &Request) -> Result<Reply, ApiError> {
    input::validate_common(request, &[])?;
    let token = input::token(request)?.token.ok_or(Rejected::NotFound)?;
    // Read first: a row that cannot be read must not turn a decline that happened into a 500.
    let settings = app.settings(token.account()).await?;
    let (invitation, now) = app.app.store.decide(&token, InviteeDecision::Decline, None, app.retention, |_, _| Ok(())).await?;
    remember_caller(app, request, &token, &invitation);
    Ok(Reply::ok(output::invitee(&invitation, &settings, now)))
}
