//! `GET /invitations`

use shared::domain::Permission;

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
pub const ROUTE: Route = Route::new(&["GET"], "/invitations");

/// Returns one page of the invitations of the caller's account.
///
/// # Errors
/// The errors of the contract.
pub async fn handle(app: &App, request: &Request) -> Result<Reply, ApiError> {
    let who = app.auth.authorize(request, Permission::Read).await?;
    let query = input::list_query(request, &who)?;
    let page = app.store.list(&who, &query.list, query.limit, query.cursor.as_ref()).await?;
    let next = page.next.map(|cursor| cursor.encode(who.account(), &query.list));
    Ok(Reply::ok(output::list(&page.invitations, next.as_deref(), page.now, &app.urns)))
}
