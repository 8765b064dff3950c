//! `POST /invitations/accept`

use shared::domain::{Invitation, Principal, Rejected, Timestamp, invitation::State, lifecycle::InviteeDecision, settings::Binding};

use crate::{
    app::InviteeApp,
    http::{
        auth::InviteeCaller,
        error::ApiError,
        event::Request,
        input::{self, VerifiedInvitee},
        output::{self, Reply},
        route::Route,
    },
    invitee::record_caller,
};

/// The route of this endpoint.
pub const ROUTE: Route = Route { methods: &["POST"], path: "/invitations/accept" };

/// Accepts an invitation: for the holder of the link, or for an invitee who has signed in to the host application. A failed
/// request changes nothing.
///
/// # Errors
/// The same 404 for every invalid token; the state of an invitation that is no longer open; 403 if the invitee has another address,
/// or if the account requires signing in.
pub async fn handle(app: &InviteeApp, request: &Request) -> Result<Reply, ApiError> {
    let host = match app.app.auth.invitee(request).await? {
        Some(InviteeCaller::Host(host)) => Some(host),
        Some(InviteeCaller::User(_)) | None => None,
    };
    input::validate_common(request)?.finish(&[])?;
    let body = if host.is_some() { input::token_and_invitee(request)? } else { input::token(request)? };
    let token = body.token.ok_or(Rejected::NotFound)?;
    // An application cannot accept for another account.
    if host.as_ref().is_some_and(|host| host.account() != token.account()) {
        return Err(Rejected::NotFound.into());
    }
    // The settings come second: the response to an invalid token must not depend on those of the account that it names.
    let stored = app.app.store.find_to_decide(&token).await?.ok_or(Rejected::NotFound)?;
    let settings = app.settings(token.account()).await?;
    let permit = |invitation: &Invitation, now: Timestamp| match (&host, &body.invitee) {
        (Some(host), Some(invitee)) => permit_host(host, invitee, invitation),
        // If it is no longer open, the holder of the link learns its state, as with a lookup.
        _ if settings.binding == Binding::Email && invitation.state(now) == State::Invited => Err(Rejected::SignInRequired),
        _ => Ok(()),
    };
    let by = body.invitee.as_ref().map(|invitee| invitee.principal.as_str());
    let (invitation, now) = app.app.store.decide(&token, stored, InviteeDecision::Accept, by, app.retention, permit).await?;
    record_caller(app, request, &token, &invitation);
    Ok(Reply::ok(output::invitee(&invitation, &settings, now)))
}

/// Checks that the application may grant the role and that the signed-in invitee is the invited one.
fn permit_host(host: &Principal, invitee: &VerifiedInvitee, invitation: &Invitation) -> Result<(), Rejected> {
    if invitee.email.normalised() != invitation.resource.email.normalised() {
        return Err(Rejected::WrongInvitee);
    }
    if !host.may_grant(&invitation.resource.role) {
        return Err(Rejected::RoleNotGrantable { role: invitation.resource.role.clone(), own: host.role_id().clone() });
    }
    Ok(())
}
