//! `POST /invitations/accept`

use shared::domain::{
    Invitation, Permission, Principal, Rejected, Timestamp, invitation::State, lifecycle::InviteeDecision, settings::Binding,
};

use crate::{
    app::InviteeApp,
    http::{
        error::ApiError,
        event::Request,
        input::{self, Acceptor},
        output::{self, Reply},
        route::Route,
    },
    invitee::lookup_invitation::remember_caller,
};

/// What this endpoint answers to.
pub const ROUTE: Route = Route { methods: &["POST"], path: "/invitations/accept" };

/// Accepts for the holder of a link: by the link alone, or by the account's own application, which has signed the invitee in
/// and says who that is. Nothing is consumed unless everything fits.
///
/// # Errors
/// One 404 for every token that opens nothing; what the invitation is, when it is no longer open; 403 for another invitee than
/// the invited, and for a link alone where the account asks for more.
pub async fn handle(app: &InviteeApp, request: &Request) -> Result<Reply, ApiError> {
    let host = match request.headers.authorization {
        Some(_) => Some(app.app.auth.authorize(request, Permission::Modify).await?),
        None => None,
    };
    input::validate_common(request, &[])?;
    let body = if host.is_some() { input::token_and_acceptor(request)? } else { input::token(request)? };
    let token = body.token.ok_or(Rejected::NotFound)?;
    // Another account's invitation is none.
    if host.as_ref().is_some_and(|host| host.account() != token.account()) {
        return Err(Rejected::NotFound.into());
    }
    let settings = app.settings(token.account()).await?;
    let permit = |invitation: &Invitation, now: Timestamp| match (&host, &body.acceptor) {
        (Some(host), Some(acceptor)) => permit_host(host, acceptor, invitation),
        // Of one that is no longer open the holder of the link is told what it is, as a lookup does.
        _ if settings.binding == Binding::Email && invitation.state(now) == State::Invited => Err(Rejected::SignInRequired),
        _ => Ok(()),
    };
    let by = body.acceptor.as_ref().map(|acceptor| acceptor.principal.as_str());
    let (invitation, now) = app.app.store.decide(&token, InviteeDecision::Accept, by, app.retention, permit).await?;
    remember_caller(app, request, &token, &invitation);
    Ok(Reply::ok(output::invitee(&invitation, &settings, now)))
}

/// The application may hand out the role, and has signed in whom the invitation is for.
fn permit_host(host: &Principal, acceptor: &Acceptor, invitation: &Invitation) -> Result<(), Rejected> {
    if acceptor.email.normalised() != invitation.email.normalised() {
        return Err(Rejected::WrongInvitee);
    }
    if !host.may_grant(&invitation.role) {
        return Err(Rejected::RoleNotGrantable { role: invitation.role.clone(), own: host.role_id().clone() });
    }
    Ok(())
}
