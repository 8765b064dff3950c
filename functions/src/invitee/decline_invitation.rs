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
    invitee::record_caller,
};

/// The route of this endpoint.
pub const ROUTE: Route = Route { methods: &["POST"], path: "/invitations/decline" };

/// Declines an invitation for the holder of its link.
///
/// # Errors
/// The same 404 for every invalid token; the state of an invitation that is no longer open.
pub async fn handle(app: &InviteeApp, request: &Request) -> Result<Reply, ApiError> {
    input::validate_common(request)?.finish(&[])?;
    let token = input::token(request)?.token.ok_or(Rejected::NotFound)?;
    // The settings come second, because the response to an invalid token must not depend on those of the account that it names, and
    // before the write, because an unreadable row must not turn a completed decline into a 500.
    let stored = app.app.store.find_to_decide(&token).await?.ok_or(Rejected::NotFound)?;
    let settings = app.settings(token.account()).await?;
    let (invitation, now) = app.app.store.decide(&token, stored, InviteeDecision::Decline, None, app.retention, |_, _| Ok(())).await?;
    record_caller(app, request, &token, &invitation);
    Ok(Reply::ok(output::invitee(&invitation, &settings, now)))
}
