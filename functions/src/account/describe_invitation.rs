//! `GET /invitations/{id}`

use shared::domain::{Permission, Rejected, entity_tag::EntityTag};

use crate::{
    app::App,
    http::{
        error::ApiError,
        event::Request,
        input,
        output::{self, Reply},
        route::Route,
    },
};

/// The route of this endpoint.
pub const ROUTE: Route = Route::new(&["GET"], "/invitations/{id}");

/// Returns one invitation of the caller's account, or a 304 if the caller already has it.
///
/// # Errors
/// The errors of the contract.
pub async fn handle(app: &App, request: &Request) -> Result<Reply, ApiError> {
    let who = app.auth.authorize(request, Permission::Read).await?;
    input::validate_common(request)?.finish(&[])?;
    let id = input::invitation_id(request)?;
    let known = input::if_none_match(request)?;
    let invitation = app.store.get(&who, id).await?.ok_or(Rejected::NotFound)?;
    let body = output::invitation(&invitation, app.store.now(), &app.urns);
    let tag = EntityTag::of(&body);
    let reply = if known.is_some_and(|known| known.include_weakly(&tag)) { Reply::not_modified() } else { Reply::ok(body) };
    Ok(reply.tagged(&tag))
}
