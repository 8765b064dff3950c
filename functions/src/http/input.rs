//! Validates raw requests and converts them to typed values.

use percent_encoding::percent_decode_str;
use shared::{
    domain::{
        Email, InvitationId, Principal, State,
        entity_tag::EntityTags,
        idempotency::{Fingerprint, IdempotencyKey, RecordId},
        lifecycle::{Action, NewInvitation},
        link::Token,
        page::{Cursor, Filter, Limit, List},
        text::{Malformed, excerpt},
    },
    store::IdempotencyRequest,
};

use crate::http::{error::Invalid, event::Request, json::Fields, route::Route};

/// Checks what is common to all routes: the body can be decoded, even if the route does not read it; the API version is supported;
/// and every query parameter is known.
///
/// # Errors
/// `invalid-event`, `body-too-large`, `invalid-api-version`, `invalid-query`, `unknown-parameter`.
pub fn validate_common(request: &Request, accepted: &[&str]) -> Result<Query, Invalid> {
    request.body.as_ref().map_err(Clone::clone)?;
    match request.headers.api_version.as_deref().map(str::trim) {
        None | Some("v1") => Query::parse(&request.query, accepted),
        Some(other) => Err(Invalid::field(
            "invalid-api-version",
            "Api-Version",
            format!("'{}' is not supported; the only version is v1", excerpt(other)),
        )),
    }
}

/// The invitation id in the path.
///
/// # Errors
/// `invalid-id`.
pub fn invitation_id(request: &Request) -> Result<InvitationId, Invalid> {
    let raw = request.path.get("id").map_or("", String::as_str);
    let text = percent_decode_str(raw).decode_utf8().map_err(|_| Invalid::field("invalid-id", "id", "is not valid UTF-8"))?;
    text.parse().map_err(|error: Malformed| Invalid::field("invalid-id", "id", error))
}

/// The body of a create.
///
/// # Errors
/// Errors of the body, and `invalid-email`, `invalid-role-id`, `invalid-expiry`, `invalid-locale`.
pub fn new_invitation(request: &Request) -> Result<NewInvitation, Invalid> {
    let body = json_body(request)?;
    if body.is_empty() {
        return Err(Invalid::new("invalid-json", "the body must be a JSON object with email and roleID"));
    }
    let mut fields = Fields::parse(body)?;
    let (email, role) = (fields.required("email"), fields.required("roleID"));
    let (expiry, locale) = (fields.optional("expiry"), fields.optional("locale"));
    fields.finish(&["email", "roleID", "expiry", "locale"])?;
    let field = |code, name| move |error: Malformed| Invalid::field(code, name, error);
    Ok(NewInvitation {
        email: email?.parse::<Email>().map_err(field("invalid-email", "email"))?,
        role: role?.parse().map_err(field("invalid-role-id", "roleID"))?,
        expiry: expiry?.map(|text| text.parse()).transpose().map_err(field("invalid-expiry", "expiry"))?,
        locale: locale?.map(|text| text.parse()).transpose().map_err(field("invalid-locale", "locale"))?,
    })
}

/// The action that a modify requests. Without a body it is a resend, which can be forced.
///
/// # Errors
/// Errors of the query and the body, and `invalid-force`, `invalid-state`.
pub fn action(request: &Request, mut query: Query) -> Result<Action, Invalid> {
    let body = json_body(request)?;
    let force = match query.take("force").as_deref() {
        None | Some("false") => false,
        Some("true") if body.is_empty() => true,
        Some("true") => return Err(Invalid::field("invalid-force", "force", "only a resend, which has no body, can be forced")),
        Some(other) => return Err(Invalid::field("invalid-force", "force", format!("must be true or false, not '{}'", excerpt(other)))),
    };
    if body.is_empty() {
        return Ok(if force { Action::ForcedResend } else { Action::Resend });
    }
    let mut fields = Fields::parse(body)?;
    let state = fields.required("state");
    fields.finish(&["state"])?;
    match state?.as_str() {
        "revoked" => Ok(Action::Revoke),
        "invited" => Ok(Action::Invite),
        other => Err(Invalid::field("invalid-state", "state", format!("must be 'revoked' or 'invited', not '{}'", excerpt(other)))),
    }
}

/// The request body of a link holder.
#[derive(Debug)]
pub struct LinkBody {
    /// The token; `None` if it is malformed, which the response must not distinguish from a wrong one.
    pub token: Option<Token>,
    /// The invitee, if the host application accepts on their behalf.
    pub invitee: Option<VerifiedInvitee>,
}

/// An invitee who has signed in to the host application.
#[derive(Debug)]
pub struct VerifiedInvitee {
    /// The application's id of the invitee.
    pub principal: String,
    /// The verified email address.
    pub email: Email,
}

/// A body that contains only the token.
///
/// # Errors
/// Errors of the body.
pub fn token(request: &Request) -> Result<LinkBody, Invalid> {
    let mut fields = Fields::parse(json_body(request)?)?;
    let token = fields.required("token");
    fields.finish(&["token"])?;
    Ok(LinkBody { token: token?.parse().ok(), invitee: None })
}

/// A body that contains the token and the invitee.
///
/// # Errors
/// Errors of the body, and `invalid-principal`, `invalid-email`.
pub fn token_and_invitee(request: &Request) -> Result<LinkBody, Invalid> {
    let mut fields = Fields::parse(json_body(request)?)?;
    let (token, principal, email) = (fields.required("token"), fields.required("principal"), fields.required("email"));
    fields.finish(&["token", "principal", "email"])?;
    let (token, principal) = (token?, principal?);
    // An id, not a name: it is stored and published in events.
    if !(1..=128).contains(&principal.len()) || !principal.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(Invalid::field("invalid-principal", "principal", "must have 1 to 128 printable ASCII characters"));
    }
    let email = email?.parse().map_err(|error| Invalid::field("invalid-email", "email", error))?;
    Ok(LinkBody { token: token.parse().ok(), invitee: Some(VerifiedInvitee { principal, email }) })
}

/// The idempotency key of the request, if it has one.
///
/// # Errors
/// `invalid-idempotency-key`.
pub fn idempotency_request(
    request: &Request,
    who: &Principal,
    route: &Route,
    fingerprint: impl FnOnce() -> Fingerprint,
) -> Result<Option<IdempotencyRequest>, Invalid> {
    let Some(header) = &request.headers.idempotency_key else { return Ok(None) };
    let key: IdempotencyKey = header.parse().map_err(|error| Invalid::field("invalid-idempotency-key", "Idempotency-Key", error))?;
    Ok(Some(IdempotencyRequest { id: RecordId::new(who, &route.to_string(), &key), fingerprint: fingerprint() }))
}

/// The entity tags of which the invitation must have one to be changed.
///
/// # Errors
/// `invalid-if-match`.
pub fn if_match(request: &Request) -> Result<Option<EntityTags>, Invalid> {
    entity_tags(request.headers.if_match.as_deref(), "If-Match", "invalid-if-match")
}

/// The entity tags of what the caller already has.
///
/// # Errors
/// `invalid-if-none-match`.
pub fn if_none_match(request: &Request) -> Result<Option<EntityTags>, Invalid> {
    entity_tags(request.headers.if_none_match.as_deref(), "If-None-Match", "invalid-if-none-match")
}

fn entity_tags(header: Option<&str>, name: &str, code: &'static str) -> Result<Option<EntityTags>, Invalid> {
    header.map(str::parse).transpose().map_err(|error: Malformed| Invalid::field(code, name, error))
}

/// The parameters of a list.
#[derive(Debug)]
pub struct ListQuery {
    /// Page size.
    pub limit: Limit,
    /// The filters and the order.
    pub list: List,
    /// Where the page starts.
    pub cursor: Option<Cursor>,
}

/// Parses the parameters of a list.
///
/// # Errors
/// Errors of [`validate_common`], and `invalid-limit`, `invalid-state`, `invalid-email`, `invalid-email-prefix`, `invalid-role-id`,
/// `invalid-order`, `invalid-cursor`.
pub fn list_query(request: &Request, who: &Principal) -> Result<ListQuery, Invalid> {
    let mut query = validate_common(request, &["limit", "cursor", "next", "state", "email", "emailPrefix", "roleID", "order"])?;
    let limit = query.parsed("limit", "invalid-limit")?.unwrap_or(Limit::DEFAULT);
    let plus = |mut invalid: Invalid| {
        invalid.message.push_str("; in a query, write + as %2B");
        invalid
    };
    let email: Option<Email> = query.parsed("email", "invalid-email").map_err(plus)?;
    let filter = Filter {
        state: query.parsed::<State>("state", "invalid-state")?,
        email: email.map(|email| email.normalised().clone()),
        email_prefix: query.parsed("emailPrefix", "invalid-email-prefix").map_err(plus)?,
        role: query.parsed("roleID", "invalid-role-id")?,
    };
    let list = List::new(filter, query.parsed("order", "invalid-order")?);
    let token = match (query.take("cursor"), query.take("next")) {
        (Some(_), Some(_)) => {
            return Err(Invalid::field("invalid-query", "cursor", "cursor and next are the same parameter; send only one of them"));
        }
        (cursor, next) => cursor.or(next),
    };
    let cursor = token.map(|token| Cursor::decode(&token, who.account(), &list)).transpose();
    Ok(ListQuery { limit, cursor: cursor.map_err(|error| Invalid::field("invalid-cursor", "cursor", error))?, list })
}

/// The trimmed JSON body; empty if the request has no body.
fn json_body(request: &Request) -> Result<&[u8], Invalid> {
    let body = request.body.as_ref().map_err(Clone::clone)?.trim_ascii();
    let content_type = request.headers.content_type.as_deref().unwrap_or("application/json");
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if body.is_empty() || kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")) {
        Ok(body)
    } else {
        Err(Invalid::field(
            "invalid-content-type",
            "Content-Type",
            format!("'{}' is not JSON; send application/json", excerpt(content_type)),
        ))
    }
}

/// Query parameters: all known, none repeated.
#[derive(Debug)]
pub struct Query(Vec<(String, String)>);

impl Query {
    fn parse(raw: &str, accepted: &[&str]) -> Result<Self, Invalid> {
        let mut parameters: Vec<(String, String)> = Vec::new();
        let mut unknown = Vec::new();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if !accepted.contains(&name.as_str()) {
                unknown.push(name);
            } else if parameters.iter().any(|(other, _)| *other == name) {
                return Err(Invalid::field("invalid-query", &name, "appears twice"));
            } else {
                parameters.push((name, value));
            }
        }
        let unknown: Vec<&str> = unknown.iter().map(String::as_str).collect();
        if let Some(invalid) = Invalid::unknown("unknown-parameter", "query parameter", &unknown, accepted) {
            return Err(invalid);
        }
        Ok(Self(parameters))
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let index = self.0.iter().position(|(parameter, _)| parameter == name)?;
        Some(self.0.swap_remove(index).1)
    }

    fn parsed<T: std::str::FromStr<Err = Malformed>>(&mut self, name: &'static str, code: &'static str) -> Result<Option<T>, Invalid> {
        self.take(name).map(|text| text.parse()).transpose().map_err(|error| Invalid::field(code, name, error))
    }
}

/// Decodes form encoding strictly: two hex digits follow each percent sign, and the result is UTF-8.
fn decode(raw: &str) -> Result<String, Invalid> {
    let mut after_percent = raw.split('%').skip(1);
    let escapes = after_percent.all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|b| b.is_ascii_hexdigit()));
    let spaced = raw.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(text) if escapes => Ok(text.into_owned()),
        _ => Err(Invalid::new("invalid-query", format!("'{}' in the query is not percent-encoded UTF-8", excerpt(raw)))),
    }
}
