//! Accepting and declining: who decides, about which invitation.
//!
//! | credential | body | who decides |
//! |---|---|---|
//! | none | `token` | the holder of the link |
//! | an API key | `token`, `principal`, `email` | a person whom the host application has signed in |
//! | a bearer token | `token`, or `id` and `account` | the person of the bearer token, if its issuer has verified the address |
//!
//! [`lifecycle::decide`](shared::domain::lifecycle::decide) says who may.

use shared::{
    domain::{
        Principal, Rejected, User,
        invitee::{Access, VerifiedInvitee},
        lifecycle::{DecisionRequest, InviteeDecision},
    },
    store::Decided,
};

use crate::{
    app::InviteeApp,
    http::{
        auth::InviteeCaller,
        error::{ApiError, Forbidden},
        event::{Caller, Effect, Request},
        input::{self, InvitationBody},
        output::{self, Reply},
    },
    invitee::record_holder,
};

/// Carries out a decision. A failed request changes nothing.
///
/// # Errors
/// The same 404 for every invalid link; the state of an invitation that is no longer open; 403 if it is for another address, or if the
/// link alone is not sufficient.
pub(super) async fn decide(app: &InviteeApp, request: &Request, decision: InviteeDecision) -> Result<Reply, ApiError> {
    match app.app.auth.invitee(request).await? {
        None => by_holder(app, request, decision).await,
        Some(InviteeCaller::Host(host)) => by_host(app, request, decision, &host).await,
        Some(InviteeCaller::User(token)) => {
            let reply = by_user(app, request, decision, token.user()).await;
            // If no invitation was found, its account is not known either.
            request.caller.get_or_init(|| Caller { account: None, urn: token.user().urn_anywhere(&app.app.urns) });
            reply
        }
    }
}

async fn by_holder(app: &InviteeApp, request: &Request, decision: InviteeDecision) -> Result<Reply, ApiError> {
    input::validate_common(request)?.finish(&[])?;
    let (token, decision) = input::holder_decision(request, decision)?;
    let token = token.ok_or(Rejected::NotFound)?;
    carry_out(app, request, &decision, &Access::Link(&token, None)).await
}

async fn by_host(app: &InviteeApp, request: &Request, decision: InviteeDecision, host: &Principal) -> Result<Reply, ApiError> {
    input::validate_common(request)?.finish(&[])?;
    let body = input::host_decision(request, decision)?;
    // An application cannot decide for another account.
    let token = body.token.filter(|token| token.account() == host.account()).ok_or(Rejected::NotFound)?;
    let invitee = VerifiedInvitee::of_host(host, &body.principal, &body.email);
    carry_out(app, request, &body.decision, &Access::Link(&token, Some(invitee))).await
}

async fn by_user(app: &InviteeApp, request: &Request, decision: InviteeDecision, user: &User) -> Result<Reply, ApiError> {
    let invitee = VerifiedInvitee::signed_in(user, &app.app.urns).ok_or(Forbidden::NoVerifiedEmail)?;
    input::validate_common(request)?.finish(&[])?;
    match input::own_decision(request, decision)? {
        (InvitationBody::Link(token), decision) => {
            let token = token.ok_or(Rejected::NotFound)?;
            carry_out(app, request, &decision, &Access::Link(&token, Some(invitee))).await
        }
        (InvitationBody::Id(account, id), decision) => carry_out(app, request, &decision, &Access::Address(&account, id, invitee)).await,
    }
}

async fn carry_out(app: &InviteeApp, request: &Request, decision: &DecisionRequest, access: &Access<'_>) -> Result<Reply, ApiError> {
    let store = &app.app.store;
    let stored = store.find_to_decide(access).await?.ok_or(Rejected::NotFound)?;
    match access.invitee() {
        Some(invitee) => {
            // A host application is recorded already.
            let caller = || Caller { account: Some(access.account().clone()), urn: invitee.id_in(access.account()) };
            request.caller.get_or_init(caller);
        }
        None => record_holder(app, request, &stored.invitation),
    }
    // The settings come second, because the response to an invalid link must not depend on those of the account that it names, and
    // before the write, because an unreadable row must not turn a completed decision into a 500.
    let settings = app.settings(access.account()).await?;
    let Decided { invitation, at, changed } = store.decide(access, stored, decision, &settings, app.retention).await?;
    if changed {
        let _ = request.effect.set(Effect::Decided(decision.decision));
    }
    Ok(Reply::ok(output::invitee(&invitation, &settings, at)))
}
