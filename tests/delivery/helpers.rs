//! What the tests of this binary have in common.

use std::time::Duration;

use serde_json::Value;
use support::{Call, Post, Response, TestApp};

/// Whom most tests invite.
pub(crate) const EMAIL: &str = "user.one@example.com";
/// The pause between two sendings.
pub(crate) const COOLDOWN: Duration = Duration::from_secs(60);
/// How long an invitation lives.
pub(crate) const LIFETIME: Duration = Duration::from_secs(7 * 86_400);
/// Longer than the stream's grace, and than a mail is in one courier's hands.
pub(crate) const LATER: Duration = Duration::from_secs(200);

/// The service with its post.
pub(crate) async fn start() -> (TestApp, Post) {
    start_with(&[]).await
}

/// The service with its post, some variables set.
pub(crate) async fn start_with(variables: &[(&str, &str)]) -> (TestApp, Post) {
    let app = TestApp::with(variables).await;
    let post = Post::of(&app).await;
    (app, post)
}

/// Invites [`EMAIL`], and lets the mail arrive. The id and the token.
pub(crate) async fn invited(app: &TestApp, post: &mut Post) -> (String, String) {
    let id = id(&app.invite(EMAIL).await);
    post.deliver().await;
    (id, post.last_token(EMAIL))
}

/// The id of a resource.
pub(crate) fn id(resource: &Value) -> String {
    resource["id"].as_str().expect("a resource has an id").to_owned()
}

/// The invitation as its account sees it.
pub(crate) async fn describe(app: &TestApp, id: &str) -> Value {
    app.send(Call::get(&format!("/invitations/{id}")).key(&app.full)).await.expect(200).json()
}

/// Sends it again.
pub(crate) async fn resend(app: &TestApp, id: &str) -> Response {
    app.send(Call::post(&format!("/invitations/{id}")).key(&app.full)).await
}

/// Takes it back.
pub(crate) async fn revoke(app: &TestApp, id: &str) -> Response {
    app.send(Call::set_state(id, "revoked").key(&app.full)).await
}

/// What the holder of a link gets.
pub(crate) async fn hold(app: &TestApp, verb: &str, token: &str) -> Response {
    app.send(Call::holder(verb, token)).await
}
