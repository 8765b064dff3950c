//! The requests of invitees.

use shared::domain::{
    AccountId, Email, InvitationId, PrincipalUrn, RoleId,
    email::NormalisedEmail,
    lifecycle::{DecisionRequest, InviteeDecision},
    link::Token,
    page::{Limit, OwnCursor},
};

use super::{json_body, validate_common};
use crate::http::{
    event::Request,
    invalid::{Invalid, all},
    json::Fields,
};

/// A body that contains only the token of a link; `None` if it is malformed, which the response must not distinguish from a wrong one.
///
/// # Errors
/// Errors of the body.
pub fn token(request: &Request) -> Result<Option<Token>, Invalid> {
    let mut fields = Fields::parse(json_body(request)?)?;
    let (token, ()) = all((fields.required_text("token"), fields.finish(&["token"])))?;
    Ok(token.parse().ok())
}

/// The decision of the holder of a link; the token is `None` if it is malformed.
///
/// # Errors
/// Errors of the body, and `invalid-role-id`.
pub fn holder_decision(request: &Request, decision: InviteeDecision) -> Result<(Option<Token>, DecisionRequest), Invalid> {
    by_link(Fields::parse(json_body(request)?)?, decision)
}

fn by_link(mut fields: Fields, decision: InviteeDecision) -> Result<(Option<Token>, DecisionRequest), Invalid> {
    let (token, shown, ()) = all((fields.required_text("token"), shown_role(&mut fields, decision), finish(fields, &["token"], decision)))?;
    Ok((token.parse().ok(), DecisionRequest { decision, shown }))
}

/// The role that the invitee has been shown. Only accepting depends on it.
fn shown_role(fields: &mut Fields, decision: InviteeDecision) -> Result<Option<RoleId>, Invalid> {
    match decision {
        InviteeDecision::Accept => fields.optional("roleID", "invalid-role-id"),
        InviteeDecision::Decline => Ok(None),
    }
}

/// Checks that no other field remains.
fn finish(fields: Fields, accepted: &[&str], decision: InviteeDecision) -> Result<(), Invalid> {
    match decision {
        InviteeDecision::Accept => fields.finish(&[accepted, &["roleID"]].concat()),
        InviteeDecision::Decline => fields.finish(accepted),
    }
}

/// The decision of an invitee who has signed in to the host application.
#[derive(Debug)]
pub struct HostBody {
    /// The token of the link; `None` if it is malformed.
    pub token: Option<Token>,
    /// The application's id of the invitee.
    pub principal: String,
    /// Their verified email address.
    pub email: Email,
    /// The decision.
    pub decision: DecisionRequest,
}

/// The body of a host application.
///
/// # Errors
/// Errors of the body, and `invalid-principal`, `invalid-email`, `invalid-role-id`.
pub fn host_decision(request: &Request, decision: InviteeDecision) -> Result<HostBody, Invalid> {
    let mut fields = Fields::parse(json_body(request)?)?;
    let (token, principal, email, shown, ()) = all((
        fields.required_text("token"),
        fields.required_text("principal").and_then(principal_id),
        fields.required("email", "invalid-email"),
        shown_role(&mut fields, decision),
        finish(fields, &["token", "principal", "email"], decision),
    ))?;
    Ok(HostBody { token: token.parse().ok(), principal, email, decision: DecisionRequest { decision, shown } })
}

/// An id, not a name: it is stored and published in events.
fn principal_id(text: String) -> Result<String, Invalid> {
    // Only a verified token makes one of these the person who has accepted.
    if text.parse::<PrincipalUrn>().is_ok() {
        return Err(Invalid::field("invalid-principal", "principal", "must not be the URN of a caller of this API"));
    }
    if (1..=128).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        Ok(text)
    } else {
        Err(Invalid::field("invalid-principal", "principal", "must have 1 to 128 printable ASCII characters"))
    }
}

/// The invitation that an invitee who has signed in decides about.
#[derive(Debug)]
pub enum InvitationBody {
    /// By the token of its link; `None` if it is malformed.
    Link(Option<Token>),
    /// By its account and id.
    Id(AccountId, InvitationId),
}

/// The body of an invitee who has signed in: the token of the link, or the account and id of the invitation.
///
/// # Errors
/// Errors of the body, and `invalid-id`, `invalid-account`, `invalid-role-id`.
pub fn own_decision(request: &Request, decision: InviteeDecision) -> Result<(InvitationBody, DecisionRequest), Invalid> {
    let mut fields = Fields::parse(json_body(request)?)?;
    if fields.has("token") {
        return by_link(fields, decision).map(|(token, decision)| (InvitationBody::Link(token), decision));
    }
    let missing = |name| Invalid::field("missing-field", name, "is required without token");
    let (id, account, shown, ()) = all((
        fields.optional("id", "invalid-id").and_then(|id| id.ok_or_else(|| missing("id"))),
        fields.optional("account", "invalid-account").and_then(|account| account.ok_or_else(|| missing("account"))),
        shown_role(&mut fields, decision),
        finish(fields, &["token", "id", "account"], decision),
    ))?;
    Ok((InvitationBody::Id(account, id), DecisionRequest { decision, shown }))
}

/// The parameters of an invitee's own list: the page size, and where the page starts.
///
/// # Errors
/// Errors of [`validate_common`], and `invalid-limit`, `invalid-cursor`.
pub fn own_list_query(request: &Request, invitee: &NormalisedEmail) -> Result<(Limit, Option<OwnCursor>), Invalid> {
    let mut query = validate_common(request)?;
    let (limit, cursor, ()) = all((
        query.optional("limit", "invalid-limit"),
        query.optional_text("cursor").and_then(|token| {
            let cursor = token.map(|token| OwnCursor::decode(&token, invitee));
            cursor.transpose().map_err(|error| Invalid::field("invalid-cursor", "cursor", error))
        }),
        query.finish(&["limit", "cursor"]),
    ))?;
    Ok((limit.unwrap_or(Limit::DEFAULT), cursor))
}
