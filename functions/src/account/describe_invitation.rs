//! `GET /invitations/{id}`

use shared::domain::{Permission, Rejected};

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
pub const ROUTE: Route = Route { methods: &["GET"], path: "/invitations/{id}" };

/// Returns one invitation of the caller's account.
///
/// # Errors
/// The errors of the contract.
pub async fn handle(app: &App, request: &Request) -> Result<Reply, ApiError> {
    let who = app.auth.authorize(request, Permission::Read).await?;
    input::validate_common(request, &[])?;
    let id = input::invitation_id(request)?;
    let invitation = app.store.get(&who, id).await?.ok_or(Rejected::NotFound)?;
    Ok(Reply::ok(output::invitation(&invitation, app.store.now(), &app.urns)))
}
