//! People who sign in with the issuer of [`tokens`](crate::tokens).

use serde_json::{Value, json};

use crate::{
    TestApp,
    tokens::{ISSUERS, SigningKey, claims, publish, signing_key},
};

/// The issuer of people's tokens.
pub struct People(SigningKey);

impl People {
    /// A service that accepts the issuer's tokens.
    pub async fn start() -> (TestApp, Self) {
        Self::with(&[]).await
    }

    /// The same with some variables set.
    pub async fn with(variables: &[(&str, &str)]) -> (TestApp, Self) {
        let app = TestApp::with(&[&[("ISSUERS", ISSUERS)], variables].concat()).await;
        let people = Self(signing_key("k1"));
        people.refresh(&app).await;
        (app, people)
    }

    /// Publishes the keys again. They are valid for a day.
    pub async fn refresh(&self, app: &TestApp) {
        publish(app, ISSUERS, &[&self.0]).await;
    }

    /// A token of the person with this verified address. It names no account and no role, like those of most invitees.
    #[must_use]
    pub fn token(&self, app: &TestApp, email: &str) -> String {
        self.token_with(app, email, &json!({}))
    }

    /// The same with other claims; null removes one.
    ///
    /// # Panics
    /// If `more` is not an object.
    #[must_use]
    pub fn token_with(&self, app: &TestApp, email: &str, more: &Value) -> String {
        let mut invitee = json!({ "sub": email, "email": email, "account": null, "roles": null });
        invitee.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        self.0.token(&claims(app.now(), &invitee))
    }
}
