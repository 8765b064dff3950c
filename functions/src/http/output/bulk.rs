//! The results of a request for many invitations.

use serde::Serialize;
use shared::{
    domain::{Urns, link_base::LinkBase},
    store::CreatedRow,
};

use super::{InvitationBody, as_object, body, to_json};
use crate::http::error::ApiError;

/// The result of a row: the invitation it created, nothing if it was only checked, or an error.
pub type RowReply = Result<Option<CreatedRow>, ApiError>;

#[derive(Serialize)]
struct ResultsBody<'a> {
    results: Vec<ResultBody<'a>>,
}

#[derive(Serialize)]
struct ResultBody<'a> {
    /// The status that a request for this row alone would have.
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    invitation: Option<CreatedBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<RowErrorBody>,
}

#[derive(Serialize)]
struct CreatedBody<'a> {
    #[serde(flatten)]
    invitation: InvitationBody<'a>,
    /// Only if the caller gets it instead of an email.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

/// An error as everywhere, but without an id of the request, which would differ in a replay, and with the header of a 429.
#[derive(Serialize)]
struct RowErrorBody {
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(serialize_with = "as_object")]
    fields: Vec<(String, String)>,
    #[serde(rename = "retryAfter", skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

/// The results as JSON, each invitation as it was created.
#[must_use]
pub fn bulk(rows: &[RowReply], urns: &Urns, link_base: Option<&LinkBase>) -> String {
    let results = rows.iter().map(|row| match row {
        Ok(row) => {
            let invitation = row.as_ref().map(|row| created(row, urns, link_base));
            ResultBody { status: 201, invitation, error: None }
        }
        Err(error) => ResultBody { status: error.status(), invitation: None, error: Some(row_error(error)) },
    });
    to_json(&ResultsBody { results: results.collect() })
}

fn created<'a>(CreatedRow { invitation, token }: &'a CreatedRow, urns: &Urns, link_base: Option<&LinkBase>) -> CreatedBody<'a> {
    let link = token.as_ref().zip(link_base).map(|(token, base)| base.link(token).as_str().to_owned());
    CreatedBody { invitation: body(&invitation.resource, invitation.resource.created, urns), link }
}

fn row_error(error: &ApiError) -> RowErrorBody {
    let fields = error.fields().into_owned();
    RowErrorBody {
        code: error.code(),
        message: error.message(),
        field: fields.first().map(|(name, _)| name.clone()),
        fields,
        retry_after: error.retry_after(),
    }
}
