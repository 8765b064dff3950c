//! The requests of invitees.

use shared::domain::{
    AccountId, Email, InvitationId, PrincipalUrn,
    email::NormalisedEmail,
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
    only_token(Fields::parse(json_body(request)?)?)
}

fn only_token(mut fields: Fields) -> Result<Option<Token>, Invalid> {
    let (token, ()) = all((fields.required_text("token"), fields.finish(&["token"])))?;
    Ok(token.parse().ok())
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
}

/// The body of a host application.
///
/// # Errors
/// Errors of the body, and `invalid-principal`, `invalid-email`.
pub fn host_decision(request: &Request) -> Result<HostBody, Invalid> {
    let mut fields = Fields::parse(json_body(request)?)?;
    let (token, principal, email, ()) = all((
        fields.required_text("token"),
        fields.required_text("principal").and_then(principal_id),
        fields.required("email", "invalid-email"),
        fields.finish(&["token", "principal", "email"]),
    ))?;
    Ok(HostBody { token: token.parse().ok(), principal, email })
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
/// Errors of the body, and `invalid-id`, `invalid-account`.
pub fn own_decision(request: &Request) -> Result<InvitationBody, Invalid> {
    let mut fields = Fields::parse(json_body(request)?)?;
    if fields.has("token") {
        return only_token(fields).map(InvitationBody::Link);
    }
    let missing = |name| Invalid::field("missing-field", name, "is required without token");
    let (id, account, ()) = all((
        fields.optional("id", "invalid-id").and_then(|id| id.ok_or_else(|| missing("id"))),
        fields.optional("account", "invalid-account").and_then(|account| account.ok_or_else(|| missing("account"))),
        fields.finish(&["token", "id", "account"]),
    ))?;
    Ok(InvitationBody::Id(account, id))
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
