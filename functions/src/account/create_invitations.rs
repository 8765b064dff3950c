//! `POST /invitations/bulk`

use shared::domain::{Permission, bulk::BulkRow, idempotency::Fingerprint, lifecycle::Handover};

use super::create_invitation;
use crate::{
    app::SendingApp,
    http::{
        error::ApiError,
        event::{Effect, Request},
        input::{self, Bulk},
        invalid::Invalid,
        output::{self, Reply, RowReply},
        route::Route,
    },
};

/// The route of this endpoint.
pub const ROUTE: Route = Route { max_body: 256 * 1024, ..Route::new(&["POST"], "/invitations/bulk") };

/// Invites many email addresses to the caller's account, or checks what that would do.
///
/// # Errors
/// The errors of the contract that concern the whole request.
pub async fn handle(sending: &SendingApp, request: &Request) -> Result<Reply, ApiError> {
    let SendingApp { app, policy, .. } = sending;
    let who = app.auth.authorize(request, Permission::Create).await?;
    let query = input::validate_common(request)?;
    let Bulk { rows, dry_run } = input::bulk(request, query)?;
    let by_caller = rows.iter().flatten().any(|row| row.invitation.handover == Handover::Caller);
    let link_base = sending.link_base_for(&who, if by_caller { Handover::Caller } else { Handover::Email }, request)?;
    let idempotency = input::idempotency_request(request, &who, &ROUTE, || fingerprint(&rows))?;
    let valid: Vec<BulkRow> = rows.iter().flatten().cloned().collect();
    let (results, replayed): (Vec<_>, bool) = if valid.is_empty() {
        // Nothing to do, and nothing to remember: the same request has the same errors.
        (Vec::new(), false)
    } else if dry_run {
        let settings = sending.settings.of(who.account()).await?;
        let results = app.store.try_many(&who, &valid, policy, &settings).await?;
        (results.into_iter().map(|result| result.map(|()| None)).collect(), false)
    } else {
        let settings = sending.settings.of(who.account()).await?;
        let outcome = app.store.create_many(&who, &valid, policy, &settings, idempotency.as_ref()).await?;
        (outcome.rows.into_iter().map(|result| result.map(Some)).collect(), outcome.replayed)
    };
    let created = results.iter().filter(|result| matches!(result, Ok(Some(_)))).count();
    if created > 0 && !replayed {
        let _ = request.effect.set(Effect::Created(created));
    }
    let (mut results, mut replies) = (results.into_iter(), Vec::<RowReply>::with_capacity(rows.len()));
    for row in rows {
        replies.push(match row {
            Err(invalid) => Err(invalid.into()),
            Ok(_) => results.next().ok_or_else(|| ApiError::Internal("a valid row has no result".to_owned()))?.map_err(ApiError::from),
        });
    }
    let reply = Reply::ok(output::bulk(&replies, &app.urns, link_base.as_ref()));
    Ok(if replayed { reply.with("idempotent-replayed", "true".to_owned()) } else { reply })
}

/// Identifies a request: what its valid rows create, and what is wrong with the others.
fn fingerprint(rows: &[Result<BulkRow, Invalid>]) -> Fingerprint {
    let rows: Vec<Fingerprint> = rows
        .iter()
        .map(|row| match row {
            Ok(row) => create_invitation::fingerprint(&row.invitation),
            Err(invalid) => Fingerprint::new(&[invalid.code, &invalid.message]),
        })
        .collect();
    Fingerprint::new(&rows.iter().map(Fingerprint::as_str).collect::<Vec<_>>())
}
