//! `GET /invitations/mine`

use shared::domain::Rejected;

use crate::{
    app::InviteeApp,
    http::{
        error::{ApiError, Forbidden},
        event::{Caller, Request},
        input,
        output::{self, Reply},
        route::Route,
    },
};

/// The route of this endpoint.
pub const ROUTE: Route = Route::new(&["GET"], "/invitations/mine");

/// Returns one page of the open invitations, in all accounts, for the address of a person who has signed in.
///
/// # Errors
/// 401 without a token, 403 if its issuer has not verified an address, 404 in a stack of one account.
pub async fn handle(app: &InviteeApp, request: &Request) -> Result<Reply, ApiError> {
    let token = app.app.auth.user(request).await?;
    let user = token.user();
    request.caller.get_or_init(|| Caller { account: None, urn: user.urn_anywhere(&app.app.urns) });
    let invitee = user.email().ok_or(Forbidden::NoVerifiedEmail)?.normalised();
    let (limit, cursor) = input::own_list_query(request, invitee)?;
    if !app.app.store.lists_by_invitee() {
        return Err(Rejected::NotFound.into());
    }
    let page = app.app.store.list_own(invitee, limit, cursor.as_ref()).await?;
    for error in &page.unreadable {
        tracing::error!(cause = %error, "left out of a list");
    }
    let next = page.next.map(|cursor| cursor.encode(invitee));
    let complete = page.invitations.into_iter().map(|(invitation, settings)| (invitation, settings.or(&app.defaults)));
    Ok(Reply::ok(output::own_list(&complete.collect::<Vec<_>>(), next.as_deref(), page.now)))
}
