//! Endpoints for the holder of a link.

pub mod accept_invitation;
pub mod accept_page;
pub mod decline_invitation;
pub mod lookup_invitation;

use shared::domain::{Invitation, link::Token};

use crate::{
    app::InviteeApp,
    http::event::{Caller, Request},
};

/// Records the caller for the log, once the token has proved to be valid.
fn record_caller(app: &InviteeApp, request: &Request, token: &Token, invitation: &Invitation) {
    let caller =
        || Caller { account: Some(token.account().clone()), urn: app.app.urns.invitation(token.account(), invitation.resource.id) };
    request.caller.get_or_init(caller);
}
