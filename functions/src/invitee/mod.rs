//! Endpoints for invitees: the holder of a link, and people who have signed in.

pub mod accept_invitation;
pub mod accept_page;
mod decision;
pub mod decline_invitation;
pub mod list_own_invitations;
pub mod lookup_invitation;

use shared::domain::{Invitation, Resource};

use crate::{
    app::InviteeApp,
    http::event::{Caller, Request},
};

/// Records the holder of a link as the caller for the log, once the link has proved to be valid.
fn record_holder(app: &InviteeApp, request: &Request, invitation: &Invitation) {
    let Resource { account, id, .. } = &invitation.resource;
    request.caller.get_or_init(|| Caller { account: Some(account.clone()), urn: app.app.urns.invitation(account, *id) });
}
