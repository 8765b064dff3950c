//! `POST /invitations`

use shared::domain::{
    Invitation, Permission,
    idempotency::{Fingerprint, StoredResponse},
    lifecycle::{Handover, NewInvitation},
    settings::Locale,
};

use crate::{
    app::SendingApp,
    http::{
        error::ApiError,
        event::{Change, Effect, Request},
        input,
        output::{self, Reply},
        route::Route,
    },
};

/// The route of this endpoint.
pub const ROUTE: Route = Route::new(&["POST"], "/invitations");

/// Invites an email address to the caller's account.
///
/// # Errors
/// The errors of the contract.
pub async fn handle(sending: &SendingApp, request: &Request) -> Result<Reply, ApiError> {
    let SendingApp { app, policy, .. } = sending;
    let who = app.auth.authorize(request, Permission::Create).await?;
    input::validate_common(request)?.finish(&[])?;
    let new = input::new_invitation(request)?;
    let link_base = sending.link_base_for(&who, new.handover, request)?;
    let idempotency = input::idempotency_request(request, &who, &ROUTE, || fingerprint(&new))?;
    let render =
        |invitation: &Invitation, now| StoredResponse { status: 201, body: output::invitation(&invitation.resource, now, &app.urns) };
    let settings = sending.settings.of(who.account()).await?;
    let outcome = app.store.create(&who, &new, policy, &settings, idempotency.as_ref(), render).await?;
    let _ = request.change.set(Change { invitation: outcome.id, action: "create" });
    if !outcome.replayed {
        let _ = request.effect.set(Effect::Created(1));
    }
    Ok(Reply::of(&outcome, link_base.as_ref()).with("location", format!("/invitations/{}", outcome.id)))
}

/// Identifies what a request creates.
pub(super) fn fingerprint(new: &NewInvitation) -> Fingerprint {
    let expiry = new.expiry.map(|expiry| expiry.as_secs().to_string()).unwrap_or_default();
    let mut parts = vec![new.email.as_entered(), new.role.as_str(), &expiry];
    parts.extend(new.locale.as_ref().map(Locale::as_str));
    let named = |name: &str, value: String| format!("{name}={value}");
    let more = [
        (new.handover == Handover::Caller).then(|| named("send", false.to_string())),
        new.metadata.as_ref().map(|metadata| named("metadata", metadata.to_string())),
        new.redirect.as_ref().map(|redirect| named("redirect", redirect.to_string())),
    ];
    parts.extend(more.iter().flatten().map(String::as_str));
    Fingerprint::new(&parts)
}
