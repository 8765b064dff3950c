//! `POST /invitations/{id}`

use shared::{
    domain::{
        Invitation, InvitationId, Permission, RoleId,
        idempotency::{Fingerprint, StoredResponse},
        lifecycle::{Action, Handover, Update},
        settings::AccountSettings,
    },
    store::ModifyRequest,
};

use crate::{
    app::SendingApp,
    http::{
        error::ApiError,
        event::{Change, Request},
        input,
        output::{self, Reply},
        route::Route,
    },
};

/// The route of this endpoint.
pub const ROUTE: Route = Route::new(&["POST"], "/invitations/{id}");

/// Revokes, resends or updates an invitation of the caller's account.
///
/// # Errors
/// The errors of the contract.
pub async fn handle(sending: &SendingApp, request: &Request) -> Result<Reply, ApiError> {
    let SendingApp { app, policy, .. } = sending;
    let who = app.auth.authorize(request, Permission::Modify).await?;
    let query = input::validate_common(request)?;
    let id = input::invitation_id(request)?;
    let action = input::action(request, query)?;
    // The trail of who changed a role or took a link: the invitation does not record it.
    let _ = request.change.set(Change { invitation: id, action: action.as_str() });
    let if_match = input::if_match(request)?;
    let handover = if action == Action::NewLink { Handover::Caller } else { Handover::Email };
    let link_base = sending.link_base_for(&who, handover, request)?;
    // If-Match is not part of the fingerprint: it decides whether the change happens, not which one. So a retry with a newer tag still
    // gets the response to the change that its key stands for.
    let idempotency = input::idempotency_request(request, &who, &ROUTE, || fingerprint(id, &action))?;
    let render =
        |invitation: &Invitation, now| StoredResponse { status: 200, body: output::invitation(&invitation.resource, now, &app.urns) };
    let change = ModifyRequest { id, action, if_match };
    // Revoking and updating do not depend on them.
    let settings = if change.action.may_send() { sending.settings.of(who.account()).await? } else { AccountSettings::default() };
    let outcome = app.store.modify(&who, &change, policy, &settings, idempotency.as_ref(), render).await?;
    Ok(Reply::of(&outcome, link_base.as_ref()))
}

fn fingerprint(id: InvitationId, action: &Action) -> Fingerprint {
    let id = id.to_string();
    let mut parts = vec![id.as_str(), action.as_str()];
    let expiry;
    if let Action::Update(Update { role, expiry: requested }) = action {
        expiry = requested.map(|expiry| expiry.as_secs().to_string()).unwrap_or_default();
        parts.extend([role.as_ref().map_or("", RoleId::as_str), &expiry]);
    }
    Fingerprint::new(&parts)
}
