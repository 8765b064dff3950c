//! Revoking all open invitations of an account that match, for an operator who removes a member or a role.

use super::{
    email::NormalisedEmail,
    invitation::{Closing, Invitation, OperationId, Resource, State},
    page::{Filter, List},
    role::RoleId,
    time::Timestamp,
    urn::PrincipalUrn,
};

/// The open invitations to revoke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    list: List,
    created_after: Option<Timestamp>,
}

impl Revocation {
    /// The open invitations that match everything that is given; `None` if nothing is. So leaving out a field never revokes all
    /// invitations of an account.
    #[must_use]
    pub fn new(invited_by: Option<PrincipalUrn>, email: Option<NormalisedEmail>, role: Option<RoleId>) -> Option<Self> {
        let given = invited_by.is_some() || email.is_some() || role.is_some();
        let filter = Filter { state: Some(State::Invited), email, email_prefix: None, role, invited_by };
        given.then(|| Self { list: List::new(filter, None), created_after: None })
    }

    /// Only those that were created after a time, if it is given.
    #[must_use]
    pub fn created_after(self, time: Option<Timestamp>) -> Self {
        Self { created_after: time, ..self }
    }

    /// The list of these invitations, whenever they were created. A resend or a change can move an invitation in it, so whoever reads the list page by page may miss
    /// one.
    #[must_use]
    pub fn list(&self) -> &List {
        &self.list
    }

    /// The principal that created them, if given.
    #[must_use]
    pub fn invited_by(&self) -> Option<&PrincipalUrn> {
        self.list.filter.invited_by.as_ref()
    }

    /// Whether an invitation is one of these at `now`.
    #[must_use]
    pub fn includes(&self, invitation: &Resource, now: Timestamp) -> bool {
        self.created_after.is_none_or(|time| invitation.created > time) && self.list.filter.matches(invitation, now)
    }

    /// The revoked invitation; `None` if it is not one of these at `now`.
    #[must_use]
    pub fn revoke(&self, before: &Invitation, operation: &OperationId, now: Timestamp) -> Option<Invitation> {
        self.includes(&before.resource, now).then(|| before.closed(Closing::Revoked, now, operation.clone()))
    }
}
