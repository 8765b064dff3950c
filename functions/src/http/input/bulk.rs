//! The body of a request for many invitations.
//!
//! An error of a row belongs to that row. Only an error of the whole refuses the request.

use std::collections::HashMap;

use shared::domain::{
    bulk::{BulkRow, MAX_ROWS},
    email::NormalisedEmail,
    json::Json,
    text::excerpt,
};

use super::{Fields, Invalid, Query, Request, all, invitation_of, json_body};

/// A request for many invitations.
#[derive(Debug)]
pub struct Bulk {
    /// The rows in their order: valid, or why not.
    pub rows: Vec<Result<BulkRow, Invalid>>,
    /// Whether to check the rows only.
    pub dry_run: bool,
}

/// Parses the body and the query of a request for many invitations.
///
/// # Errors
/// Errors of the query and the body, and `invalid-dry-run`, `invalid-idempotency-key`, `invalid-invitations`.
pub fn bulk(request: &Request, mut query: Query) -> Result<Bulk, Invalid> {
    let body = json_body(request)?;
    if body.is_empty() {
        return Err(Invalid::new("invalid-json", "the body must be a JSON object with invitations"));
    }
    let mut fields = Fields::parse(body)?;
    let dry_run = query.optional_text("dryRun").and_then(|value| match value.as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(Invalid::field("invalid-dry-run", "dryRun", format!("must be true or false, not '{}'", excerpt(other)))),
    });
    let key = match (&dry_run, &request.headers.idempotency_key) {
        (Ok(true), Some(_)) => {
            let reason = "a dry run has no effect, so it takes no key";
            Err(Invalid::field("invalid-idempotency-key", "Idempotency-Key", reason))
        }
        _ => Ok(()),
    };
    let rows = fields.array("invitations").and_then(|rows| match rows.len() {
        1..=MAX_ROWS => Ok(rows),
        count => Err(Invalid::field("invalid-invitations", "invitations", format!("must have 1 to {MAX_ROWS} elements, not {count}"))),
    });
    let (dry_run, (), (), rows, ()) = all((dry_run, query.finish(&["dryRun"]), key, rows, fields.finish(&["invitations"])))?;
    Ok(Bulk { rows: parse_rows(rows), dry_run })
}

/// Parses each row. Of several with one address, the first well-formed one counts.
fn parse_rows(rows: Vec<Json>) -> Vec<Result<BulkRow, Invalid>> {
    let mut addresses: HashMap<NormalisedEmail, u8> = HashMap::new();
    let mut parse = |index: u8, row: Json| {
        let fields = Fields::of(row)
            .ok_or_else(|| Invalid::new("invalid-field", "each element of invitations must be a JSON object with email and roleID"))?;
        let invitation = invitation_of(fields)?;
        let first = *addresses.entry(invitation.email.normalised().clone()).or_insert(index);
        if first != index {
            return Err(Invalid::field(
                "duplicate-email",
                "email",
                format!("invitations[{first}] has the same address; only that one counts"),
            ));
        }
        Ok(BulkRow { index, invitation })
    };
    (0..).zip(rows).map(|(index, row)| parse(index, row)).collect()
}
