//! `POST /invitations/lookup`

use shared::domain::{Invitation, Rejected, link::Token};

use crate::{
    app::InviteeApp,
    http::{
        error::ApiError,
        event::{Caller, Request},
        input,
        output::{self, Reply},
        route::Route,
    },
};

/// What this endpoint answers to.
pub const ROUTE: Route = Route { methods: &["POST"], path: "/invitations/lookup" };

/// Shows the holder of a link what it is about. Grants nothing: accepting checks everything again.
///
/// # Errors
/// One 404 for every token that opens nothing.
pub async fn handle(app: &InviteeApp, request: &Request) -> Result<Reply, ApiError> {
    input::validate_common(request, &[])?;
    let token = input::token(request)?.token.ok_or(Rejected::NotFound)?;
    let invitation = app.app.store.find_by_token(&token).await?.ok_or(Rejected::NotFound)?;
    remember_caller(app, request, &token, &invitation);
    let settings = app.settings(token.account()).await?;
    Ok(Reply::ok(output::invitee(&invitation, &settings, app.app.store.now())))
}

/// For the log: only a token that opens something says whose request this is.
pub(crate) fn remember_caller(app: &InviteeApp, request: &Request, token: &Token, invitation: &Invitation) {
    let caller = || Caller { account: token.account().clone(), urn: app.app.urns.invitation(token.account(), invitation.id) };
    request.caller.get_or_init(caller);
}
