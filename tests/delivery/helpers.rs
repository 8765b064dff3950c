//! Helpers of these tests.

use std::time::Duration;

use serde_json::Value;
use support::{Call, Response, TestApp, Workers};

/// The invitee of most tests.
pub(crate) const EMAIL: &str = "user.one@example.com";
/// The pause between two sendings.
pub(crate) const COOLDOWN: Duration = Duration::from_secs(60);
/// The default lifetime of an invitation.
pub(crate) const LIFETIME: Duration = Duration::from_secs(7 * 86_400);
/// How long before the expiry invitees are reminded by default.
pub(crate) const REMIND_BEFORE: Duration = Duration::from_secs(48 * 3600);
/// Longer than the grace period of the stream and than the lease of a courier.
pub(crate) const LATER: Duration = Duration::from_secs(200);

/// A service with its background functions.
pub(crate) async fn start() -> (TestApp, Workers) {
    start_with(&[]).await
}

/// The same with some variables set.
pub(crate) async fn start_with(variables: &[(&str, &str)]) -> (TestApp, Workers) {
    let app = TestApp::with(variables).await;
    let workers = Workers::of(&app).await;
    (app, workers)
}

/// Invites [`EMAIL`] and delivers the email. Returns the id and the token.
pub(crate) async fn invited(app: &TestApp, workers: &mut Workers) -> (String, String) {
    let id = id(&app.invite(EMAIL).await);
    workers.deliver().await;
    (id, workers.last_token(EMAIL))
}

/// The id of a resource.
pub(crate) fn id(resource: &Value) -> String {
    resource["id"].as_str().expect("a resource has an id").to_owned()
}

/// The invitation as its account sees it.
pub(crate) async fn describe(app: &TestApp, id: &str) -> Value {
    app.send(Call::get(&format!("/invitations/{id}")).key(&app.full)).await.expect(200).json()
}

/// Resends it.
pub(crate) async fn resend(app: &TestApp, id: &str) -> Response {
    app.send(Call::post(&format!("/invitations/{id}")).key(&app.full)).await
}

/// Revokes it.
pub(crate) async fn revoke(app: &TestApp, id: &str) -> Response {
    app.send(Call::set_state(id, "revoked").key(&app.full)).await
}

/// Sends a request with the token of a link.
pub(crate) async fn use_link(app: &TestApp, verb: &str, token: &str) -> Response {
    app.send(Call::holder(verb, token)).await
}
