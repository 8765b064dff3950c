//! The JSON of responses.

mod bulk;
mod caller;

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use shared::{
    domain::{
        Invitation, Resource, Timestamp, Urns,
        delivery::{Delivery, Reason},
        entity_tag::EntityTag,
        idempotency::StoredResponse,
        invitation::{Closing, Status},
        link_base::{InvitationLink, LinkBase},
        metadata::Metadata,
        settings::{AccountSettings, Colour, DisplayName, Locale, Logo, Redirect},
    },
    store::{Outcome, OwnInvitation},
};

use crate::http::error::ApiError;

pub use bulk::{RowReply, bulk};
pub use caller::caller;

/// The status of a response whose body the caller already has.
pub(crate) const NOT_MODIFIED: u16 = 304;

/// A response, independent of the gateway's format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status code.
    pub status: u16,
    /// Headers in addition to those of every response.
    pub headers: Vec<(&'static str, String)>,
    /// JSON, unless the headers contain another `content-type`. Empty if the status is 304.
    pub body: String,
}

impl Reply {
    /// A 200 with a body.
    #[must_use]
    pub fn ok(body: String) -> Self {
        Self { status: 200, headers: Vec::new(), body }
    }

    /// A 304: the caller already has the body.
    #[must_use]
    pub fn not_modified() -> Self {
        Self { status: NOT_MODIFIED, headers: Vec::new(), body: String::new() }
    }

    /// The response of an operation with its entity tag, marked if it is a replay. If the caller gets the link, the body has it, too.
    #[must_use]
    pub fn of(outcome: &Outcome, link_base: Option<&LinkBase>) -> Self {
        let StoredResponse { status, body } = &outcome.response;
        let tag = EntityTag::of(body);
        let token = outcome.link.as_ref().and_then(|link| link.token.as_ref());
        let link = token.zip(link_base).map(|(token, base)| base.link(token));
        let body = link.map_or_else(|| body.clone(), |link| with_link(body, &link));
        let reply = Self { status: *status, headers: Vec::new(), body }.tagged(&tag);
        if outcome.replayed { reply.with("idempotent-replayed", "true".to_owned()) } else { reply }
    }

    /// Adds the entity tag of the body.
    #[must_use]
    pub fn tagged(self, tag: &EntityTag) -> Self {
        self.with("etag", tag.to_string())
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// The resource. The first nine fields are always present, in this order.
#[derive(Serialize)]
struct InvitationBody<'a> {
    id: String,
    email: &'a str,
    #[serde(rename = "roleID")]
    role_id: &'a str,
    state: &'static str,
    created: Timestamp,
    #[serde(rename = "lastModified")]
    last_modified: Timestamp,
    expiry: Timestamp,
    #[serde(rename = "lastSent")]
    last_sent: Timestamp,
    urn: String,
    #[serde(rename = "invitedBy")]
    invited_by: &'a str,
    #[serde(rename = "acceptedAt", skip_serializing_if = "Option::is_none")]
    accepted_at: Option<Timestamp>,
    #[serde(rename = "declinedAt", skip_serializing_if = "Option::is_none")]
    declined_at: Option<Timestamp>,
    #[serde(rename = "revokedAt", skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Timestamp>,
    #[serde(rename = "acceptedBy", skip_serializing_if = "Option::is_none")]
    accepted_by: Option<&'a str>,
    /// Only `false`: the last link was handed out, and no email is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<DeliveryBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reminded: Option<Timestamp>,
}

/// The delivery status of the last email.
#[derive(Serialize)]
pub(crate) struct DeliveryBody<'a> {
    state: &'static str,
    time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> From<&'a Delivery> for DeliveryBody<'a> {
    fn from(delivery: &'a Delivery) -> Self {
        let reason = delivery.reason.as_ref().map(Reason::as_str);
        Self { state: delivery.status.as_str(), time: delivery.at, reason }
    }
}

/// An invitation as its invitee sees it.
#[derive(Serialize)]
struct InviteeBody<'a> {
    account: &'a str,
    email: &'a str,
    #[serde(rename = "roleID")]
    role_id: &'a str,
    state: &'static str,
    expiry: String,
    #[serde(rename = "invitedBy", skip_serializing_if = "Option::is_none")]
    invited_by: Option<String>,
    binding: &'static str,
    display: DisplayBody<'a>,
}

/// The account as its invitees see it.
#[derive(Serialize)]
struct DisplayBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logo: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    colour: Option<&'a str>,
    /// The languages of the invitation and of the account, in order of preference.
    locales: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect: Option<&'a str>,
}

/// An invitation as its invitee finds it.
#[derive(Serialize)]
struct OwnBody<'a> {
    id: String,
    #[serde(flatten)]
    rest: InviteeBody<'a>,
}

#[derive(Serialize)]
struct OwnListBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
    invitations: Vec<OwnBody<'a>>,
}

#[derive(Serialize)]
struct ListBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
    invitations: Vec<InvitationBody<'a>>,
}

/// The body of every error.
#[derive(Serialize)]
struct ErrorBody<'a> {
    code: &'a str,
    message: &'a str,
    /// The first of `fields`.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(serialize_with = "as_object")]
    fields: &'a [(String, String)],
    #[serde(rename = "requestId")]
    request_id: &'a str,
}

/// Names and values, in their order.
fn as_object<S: Serializer>(fields: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(fields.iter().map(|(name, value)| (name, value)))
}

/// An error as JSON.
pub(crate) fn error(error: &ApiError, request_id: &str) -> String {
    let fields = error.fields();
    let field = fields.first().map(|(name, _)| name.as_str());
    to_json(&ErrorBody { code: error.code(), message: &error.message(), field, fields: &fields, request_id })
}

/// The resource as JSON, with its state at `now`.
#[must_use]
pub fn invitation(invitation: &Resource, now: Timestamp, urns: &Urns) -> String {
    to_json(&body(invitation, now, urns))
}

/// The resource as JSON with the link, which nothing else shows. A link contains no character that JSON escapes.
fn with_link(invitation: &str, link: &InvitationLink) -> String {
    let fields = invitation.strip_suffix('}').unwrap_or(invitation);
    format!("{fields},\"link\":\"{}\"}}", link.as_str())
}

/// A page as JSON.
#[must_use]
pub fn list(invitations: &[Resource], next: Option<&str>, now: Timestamp, urns: &Urns) -> String {
    to_json(&ListBody { next, invitations: invitations.iter().map(|it| body(it, now, urns)).collect() })
}

fn body<'a>(invitation: &'a Resource, now: Timestamp, urns: &Urns) -> InvitationBody<'a> {
    let closed = |how| match invitation.status {
        Status::Closed(closing, at) if closing == how => Some(at),
        Status::Closed(..) | Status::Pending => None,
    };
    InvitationBody {
        id: invitation.id.to_string(),
        email: invitation.email.as_entered(),
        role_id: invitation.role.as_str(),
        state: invitation.state(now).as_str(),
        created: invitation.created,
        last_modified: invitation.modified,
        expiry: invitation.expiry,
        last_sent: invitation.last_sent,
        urn: urns.invitation(&invitation.account, invitation.id),
        invited_by: &invitation.invited_by,
        accepted_at: closed(Closing::Accepted),
        declined_at: closed(Closing::Declined),
        revoked_at: closed(Closing::Revoked),
        accepted_by: invitation.accepted_by.as_deref(),
        sent: invitation.link_only.then_some(false),
        metadata: invitation.metadata.as_ref().map(Metadata::entries),
        redirect: invitation.redirect.as_ref().map(Redirect::as_str),
        delivery: invitation.delivery.as_ref().map(DeliveryBody::from),
        reminded: invitation.reminded,
    }
}

/// An invitation as its invitee sees it, as JSON.
#[must_use]
pub fn invitee(invitation: &Invitation, settings: &AccountSettings, now: Timestamp) -> String {
    to_json(&invitee_body(invitation, settings, now))
}

/// A page of an invitee's own invitations as JSON.
#[must_use]
pub fn own_list(invitations: &[OwnInvitation], next: Option<&str>, now: Timestamp) -> String {
    let invitations = invitations
        .iter()
        .map(|(invitation, settings)| OwnBody { id: invitation.resource.id.to_string(), rest: invitee_body(invitation, settings, now) });
    to_json(&OwnListBody { next, invitations: invitations.collect() })
}

fn invitee_body<'a>(invitation: &'a Invitation, settings: &'a AccountSettings, now: Timestamp) -> InviteeBody<'a> {
    // Names that were stored before names had rules are cleaned up.
    let sender = invitation.sender.as_deref().and_then(DisplayName::of_untrusted);
    let locales = [&invitation.locale, &settings.locale].into_iter().flatten().map(Locale::as_str);
    // The account may have removed its origin since.
    let own = invitation.resource.redirect.as_ref().filter(|own| settings.redirect_origins.check(own).is_ok());
    let redirect = own.or(settings.redirect.as_ref());
    let mut display = display_body(settings);
    (display.locales, display.redirect) = (locales.collect(), redirect.map(Redirect::as_str));
    InviteeBody {
        account: invitation.resource.account.as_str(),
        email: invitation.resource.email.as_entered(),
        role_id: invitation.resource.role.as_str(),
        state: invitation.state(now).as_str(),
        expiry: invitation.resource.expiry.to_string(),
        invited_by: sender.map(|sender| sender.to_string()),
        binding: settings.binding.as_str(),
        display,
    }
}

/// The display settings of an account.
fn display_body(settings: &AccountSettings) -> DisplayBody<'_> {
    DisplayBody {
        name: settings.name.as_ref().map(DisplayName::as_str),
        logo: settings.logo.as_ref().map(Logo::as_str),
        colour: settings.colour.as_ref().map(Colour::as_str),
        locales: settings.locale.iter().map(Locale::as_str).collect(),
        redirect: settings.redirect.as_ref().map(Redirect::as_str),
    }
}

/// # Panics
/// Never: these types have string keys, and serializing them cannot fail.
pub(crate) fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("wire types are plain JSON")
}
