//! Revoking all open invitations of an account that match, for an operator who removes a member or a role.

use super::{
    email::NormalisedEmail,
    invitation::{Closing, Invitation, OperationId, State},
    page::{Filter, List},
    role::RoleId,
    time::Timestamp,
    urn::PrincipalUrn,
};

/// The open invitations to revoke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation(List);

impl Revocation {
    /// The open invitations that match everything that is given; `None` if nothing is. So leaving out a field never revokes all
    /// invitations of an account.
    #[must_use]
    pub fn new(invited_by: Option<PrincipalUrn>, email: Option<NormalisedEmail>, role: Option<RoleId>) -> Option<Self> {
        let given = invited_by.is_some() || email.is_some() || role.is_some();
        let filter = Filter { state: Some(State::Invited), email, email_prefix: None, role, invited_by };
        given.then(|| Self(List::new(filter, None)))
    }

    /// The list of these invitations. A resend or a change can move an invitation in it, so whoever reads the list page by page may miss
    /// one.
    #[must_use]
    pub fn list(&self) -> &List {
        &self.0
    }

    /// The principal that created them, if given.
    #[must_use]
    pub fn invited_by(&self) -> Option<&PrincipalUrn> {
        self.0.filter.invited_by.as_ref()
    }

    /// The revoked invitation; `None` if it is not one of these at `now`.
    #[must_use]
    pub fn revoke(&self, before: &Invitation, operation: &OperationId, now: Timestamp) -> Option<Invitation> {
        self.0.filter.matches(&before.resource, now).then(|| before.closed(Closing::Revoked, now, operation.clone()))
    }
}
