//! Validates raw requests and converts them to typed values.

mod bulk;
mod invitee;

use std::str::FromStr;

use percent_encoding::percent_decode_str;
use shared::{
    domain::{
        Email, InvitationId, Principal, State,
        entity_tag::EntityTags,
        idempotency::{Fingerprint, IdempotencyKey, RecordId},
        lifecycle::{Action, Handover, NewInvitation, Update},
        metadata::{self, Metadata},
        page::{Cursor, Filter, Limit, List},
        text::{Malformed, excerpt},
    },
    store::IdempotencyRequest,
};

use crate::http::{
    event::Request,
    invalid::{Invalid, all},
    json::Fields,
    route::Route,
};

pub use bulk::{Bulk, bulk};
pub use invitee::{HostBody, InvitationBody, holder_decision, host_decision, own_decision, own_list_query, token};

/// Checks what is common to all routes: the body can be decoded, even if the route does not read it; the API version is supported.
/// Returns the query parameters.
///
/// # Errors
/// `invalid-event`, `body-too-large`, `invalid-api-version`, `invalid-query`.
pub fn validate_common(request: &Request) -> Result<Query, Invalid> {
    request.body.as_ref().map_err(Clone::clone)?;
    match request.headers.api_version.as_deref().map(str::trim) {
        None | Some("v1") => Query::parse(&request.query),
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
/// Errors of the body, and `invalid-email`, `invalid-role-id`, `invalid-expiry`, `invalid-locale`, `invalid-metadata`, `invalid-redirect`.
pub fn new_invitation(request: &Request) -> Result<NewInvitation, Invalid> {
    let body = json_body(request)?;
    if body.is_empty() {
        return Err(Invalid::new("invalid-json", "the body must be a JSON object with email and roleID"));
    }
    invitation_of(Fields::parse(body)?)
}

/// The invitation that an object describes: the body of a create, or a row of a bulk.
fn invitation_of(mut fields: Fields) -> Result<NewInvitation, Invalid> {
    let (email, role, expiry, locale, send, metadata, redirect, ()) = all((
        fields.required("email", "invalid-email"),
        fields.required("roleID", "invalid-role-id"),
        fields.optional("expiry", "invalid-expiry"),
        fields.optional("locale", "invalid-locale"),
        fields.optional_flag("send"),
        fields.optional_value::<Metadata>("metadata", "invalid-metadata"),
        fields.optional("redirect", "invalid-redirect"),
        fields.finish(&["email", "roleID", "expiry", "locale", "send", "metadata", "redirect"]),
    ))?;
    let (code, field) = if metadata.is_some() { ("invalid-metadata", "metadata") } else { ("invalid-redirect", "redirect") };
    metadata::check_size(metadata.as_ref(), redirect.as_ref()).map_err(|error| Invalid::field(code, field, error))?;
    let metadata = metadata.filter(|metadata| !metadata.entries().is_empty());
    let handover = if send == Some(false) { Handover::Caller } else { Handover::Email };
    Ok(NewInvitation { email, role, expiry, locale, handover, metadata, redirect })
}

/// The action that a modify requests. Without a body it is a resend, which can be forced, or return the link instead of sending it.
///
/// # Errors
/// Errors of the query and the body, and `invalid-force`, `invalid-send`, `invalid-state`, `invalid-role-id`, `invalid-expiry`.
pub fn action(request: &Request, mut query: Query) -> Result<Action, Invalid> {
    let body = json_body(request)?;
    let only_resend = |name: &str, code, what: &str| {
        let reason = format!("only a resend, which has no body, can {what}");
        if body.is_empty() { Ok(()) } else { Err(Invalid::field(code, name, reason)) }
    };
    let force = query.optional_flag("force", "invalid-force").and_then(|force| match force {
        Some(true) => only_resend("force", "invalid-force", "be forced").map(|()| true),
        _ => Ok(false),
    });
    let send = query.optional_flag("send", "invalid-send").and_then(|send| match (send, &force) {
        (Some(false), Ok(true)) => Err(Invalid::field("invalid-send", "send", "must not be false if force is true: no email is sent")),
        (Some(false), _) => only_resend("send", "invalid-send", "return the link").map(|()| false),
        _ => Ok(true),
    });
    let no_more = query.finish(&["force", "send"]);
    if body.is_empty() {
        return Ok(match all((force, send, no_more))? {
            (true, _, ()) => Action::ForcedResend,
            (_, false, ()) => Action::NewLink,
            _ => Action::Resend,
        });
    }
    let mut fields = Fields::parse(body)?;
    let action = if fields.has("roleID") || fields.has("expiry") { update(&mut fields) } else { desired_state(&mut fields) };
    let (_, _, action, (), ()) = all((force, send, action, no_more, fields.finish(&["state", "roleID", "expiry"])))?;
    Ok(action)
}

fn update(fields: &mut Fields) -> Result<Action, Invalid> {
    let alone = match fields.optional_text("state")? {
        None => Ok(()),
        Some(_) => Err(Invalid::field("invalid-state", "state", "cannot be combined with roleID or expiry; send two requests")),
    };
    let (role, expiry, ()) = all((fields.optional("roleID", "invalid-role-id"), fields.optional("expiry", "invalid-expiry"), alone))?;
    Ok(Action::Update(Update { role, expiry }))
}

fn desired_state(fields: &mut Fields) -> Result<Action, Invalid> {
    let missing = || Invalid::field("missing-field", "state", "is required without roleID and expiry");
    match fields.optional_text("state")?.ok_or_else(missing)?.as_str() {
        "revoked" => Ok(Action::Revoke),
        "invited" => Ok(Action::Invite),
        other => Err(Invalid::field("invalid-state", "state", format!("must be 'revoked' or 'invited', not '{}'", excerpt(other)))),
    }
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
    let mut query = validate_common(request)?;
    let limit = query.optional("limit", "invalid-limit");
    let list = all((
        query.optional::<State>("state", "invalid-state"),
        email_parameter::<Email>(&mut query, "email", "invalid-email"),
        email_parameter(&mut query, "emailPrefix", "invalid-email-prefix"),
        query.optional("roleID", "invalid-role-id"),
        query.optional("order", "invalid-order"),
    ))
    .map(|(state, email, email_prefix, role, order)| {
        List::new(Filter { state, email: email.map(|email| email.normalised().clone()), email_prefix, role, invited_by: None }, order)
    });
    let token = all((query.optional_text("cursor"), query.optional_text("next"))).and_then(|tokens| match tokens {
        (Some(_), Some(_)) => {
            Err(Invalid::field("invalid-query", "cursor", "cursor and next are the same parameter; send only one of them"))
        }
        (cursor, next) => Ok(cursor.or(next)),
    });
    // A cursor belongs to its list, so without one it cannot be checked.
    let cursor = match (token, &list) {
        (Ok(Some(token)), Ok(list)) => {
            Cursor::decode(&token, who.account(), list).map(Some).map_err(|error| Invalid::field("invalid-cursor", "cursor", error))
        }
        (token, _) => token.map(|_| None),
    };
    let no_more = query.finish(&["limit", "cursor", "next", "state", "email", "emailPrefix", "roleID", "order"]);
    let (limit, cursor, list, ()) = all((limit, cursor, list, no_more))?;
    Ok(ListQuery { limit: limit.unwrap_or(Limit::DEFAULT), cursor, list })
}

/// A parameter with an address, or with its beginning.
fn email_parameter<T: FromStr<Err = Malformed>>(query: &mut Query, name: &str, code: &'static str) -> Result<Option<T>, Invalid> {
    let invalid = |error| Invalid::field(code, name, format!("{error}; in a query, write + as %2B"));
    query.optional_text(name)?.map(|text| text.parse().map_err(invalid)).transpose()
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

/// Query parameters, taken by name. Those that remain are unknown.
#[derive(Debug)]
#[must_use = "`finish` rejects unknown parameters"]
pub struct Query(Vec<(String, String)>);

impl Query {
    fn parse(raw: &str) -> Result<Self, Invalid> {
        let pairs = raw.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.map(|(name, value)| Ok((decode(name)?, decode(value)?))).collect::<Result<_, _>>().map(Self)
    }

    /// Takes a parameter of any text.
    fn optional_text(&mut self, name: &str) -> Result<Option<String>, Invalid> {
        let mut values = self.0.extract_if(.., |(parameter, _)| parameter == name).map(|(_, value)| value);
        let value = values.next();
        if values.count() > 0 { Err(Invalid::field("invalid-query", name, "appears twice")) } else { Ok(value) }
    }

    /// Takes a parameter that is `true` or `false`.
    fn optional_flag(&mut self, name: &str, code: &'static str) -> Result<Option<bool>, Invalid> {
        match self.optional_text(name)?.as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(Invalid::field(code, name, format!("must be true or false, not '{}'", excerpt(other)))),
        }
    }

    /// Takes a parameter.
    fn optional<T: FromStr<Err = Malformed>>(&mut self, name: &str, code: &'static str) -> Result<Option<T>, Invalid> {
        self.optional_text(name)?.map(|text| text.parse().map_err(|error| Invalid::field(code, name, error))).transpose()
    }

    /// Checks that no parameter remains.
    ///
    /// # Errors
    /// `unknown-parameter`, naming the remaining and the accepted parameters.
    pub fn finish(self, accepted: &[&str]) -> Result<(), Invalid> {
        let names = self.0.iter().map(|(name, _)| name.as_str());
        Invalid::unknown("unknown-parameter", "query parameter", names, accepted).map_or(Ok(()), Err)
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
