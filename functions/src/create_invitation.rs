//! `POST /invitations`

use shared::domain::{
    Invitation, Permission,
    idempotency::{Answer, Fingerprint},
    lifecycle::NewInvitation,
    settings::Locale,
};

use crate::{
    app::SendingApp,
    edge::Route,
    error::ApiError,
    event::Request,
    input,
    output::{self, Reply},
};

/// What this endpoint answers to.
pub const ROUTE: Route = Route { method: "POST", path: "/invitations" };

/// Invites an address to the caller's account.
///
/// # Errors
/// Those of the contract.
pub async fn handle(app: &SendingApp, request: &Request) -> Result<Reply, ApiError> {
    let SendingApp { app, policy } = app;
    let who = app.auth.authorize(request, Permission::Create).await?;
    input::preliminaries(request, &[])?;
    let wish = input::new_invitation(request)?;
    let keep = input::keep(request, &who, &ROUTE, || fingerprint(&wish))?;
    let render = |invitation: &Invitation, now| Answer { status: 201, body: output::invitation(&invitation.resource(), now, &app.urns) };
    let outcome = app.store.create(&who, &wish, policy, keep.as_ref(), render).await?;
    Ok(Reply::of(&outcome).with("location", format!("/invitations/{}", outcome.id)))
}

fn fingerprint(wish: &NewInvitation) -> Fingerprint {
    let expiry = wish.expiry.map(|expiry| expiry.as_secs().to_string()).unwrap_or_default();
    let mut parts = vec![wish.email.typed(), wish.role.as_str(), &expiry];
    parts.extend(wish.locale.as_ref().map(Locale::as_str));
    Fingerprint::new(&parts)
}
