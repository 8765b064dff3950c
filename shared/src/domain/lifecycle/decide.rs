//! Decisions of invitees: who may accept and decline.

use super::grantable;
use crate::domain::{
    invitation::{Closing, Invitation, OperationId, Status},
    invitee::VerifiedInvitee,
    rejected::Rejected,
    role::RoleId,
    settings::{AccountSettings, Binding},
    time::Timestamp,
};

/// An invitee's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteeDecision {
    /// Accept the invitation.
    Accept,
    /// Decline the invitation.
    Decline,
}

impl InviteeDecision {
    /// Both decisions.
    pub const ALL: [Self; 2] = [Self::Accept, Self::Decline];

    /// How it closes the invitation.
    #[must_use]
    pub fn closing(self) -> Closing {
        match self {
            Self::Accept => Closing::Accepted,
            Self::Decline => Closing::Declined,
        }
    }
}

/// A request of an invitee to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRequest {
    /// What they decide.
    pub decision: InviteeDecision,
    /// The role that they were shown, if known. Another one is not accepted.
    pub shown: Option<RoleId>,
}

impl From<InviteeDecision> for DecisionRequest {
    fn from(decision: InviteeDecision) -> Self {
        Self { decision, shown: None }
    }
}

/// The result of a decision on `before` at `now`; `None` if nothing changes. `invitee` is the person who decides, if verified;
/// otherwise anyone who holds the link decides. Repeating a decision changes nothing; accepting what another person has accepted is rejected.
///
/// A person who decides for themself needs no permission to grant the role: the inviter had it. A host application needs it, because its
/// word about the person is all there is.
///
/// # Errors
/// [`Rejected::WrongInvitee`], [`Rejected::RoleNotGrantable`], [`Rejected::Closed`], [`Rejected::Expired`], [`Rejected::SignInRequired`],
/// [`Rejected::RoleChanged`], [`Rejected::DomainNotAllowed`].
pub fn decide(
    before: &Invitation,
    request: &DecisionRequest,
    invitee: Option<&VerifiedInvitee>,
    settings: &AccountSettings,
    operation: &OperationId,
    now: Timestamp,
) -> Result<Option<Invitation>, Rejected> {
    let DecisionRequest { decision, shown } = request;
    let accepts = *decision == InviteeDecision::Accept;
    if let Some(invitee) = invitee {
        if invitee.email() != before.resource.email.normalised() {
            return Err(Rejected::WrongInvitee);
        }
        if let Some(host) = invitee.host().filter(|_| accepts) {
            grantable(host, &before.resource.role)?;
        }
    }
    let accepted_by = invitee.filter(|_| accepts).map(|invitee| invitee.id_in(&before.resource.account));
    match before.resource.status {
        Status::Closed(closing, _) => {
            let is_another_person = accepted_by.is_some() && accepted_by != before.resource.accepted_by;
            if closing == decision.closing() && !is_another_person { Ok(None) } else { Err(Rejected::Closed(closing)) }
        }
        Status::Pending if before.resource.expiry <= now => Err(Rejected::Expired),
        // Checked last: if it is no longer open, the holder of the link learns that, as with a lookup.
        Status::Pending if invitee.is_none() && settings.binding == Binding::Email => Err(Rejected::SignInRequired),
        Status::Pending if accepts && shown.as_ref().is_some_and(|shown| *shown != before.resource.role) => {
            Err(Rejected::RoleChanged { role: before.resource.role.clone() })
        }
        Status::Pending => {
            if accepts {
                settings.domains.check(before.resource.email.normalised())?;
            }
            let mut after = before.closed(decision.closing(), now, operation.clone());
            after.resource.accepted_by = accepted_by;
            Ok(Some(after))
        }
    }
}
