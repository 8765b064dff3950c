//! Accepting and declining as a person who has signed in with a bearer token, with the link or without it (T7).

use serde_json::{Value, json};
use shared::domain::Timestamp;
use support::{ACCOUNT, Call, OTHER_ACCOUNT, People, Response, TestApp, Workers, logged::Lines, tokens::ISSUERS};

use crate::helpers::{COOLDOWN, LIFETIME, advance_to_expiry, assert_error, assert_response, describe, invitation_row, row, table, text};

pub(crate) const EMAIL: &str = "user.one@example.com";
pub(crate) const OTHERS: &str = "user.two@example.com";
const WRONG: &str = "email: the invitation is for another address";
const NO_ADDRESS: &str = "You tried to do something that you're not allowed to do. It requires a token with a verified email address.";
pub(crate) const VERBS: [&str; 2] = ["accept", "decline"];

/// A service with an open invitation for [`EMAIL`].
pub(crate) struct Invited {
    pub(crate) app: TestApp,
    pub(crate) people: People,
    pub(crate) workers: Workers,
    pub(crate) id: String,
    pub(crate) link: String,
}

impl Invited {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(variables: &[(&str, &str)]) -> Self {
        let (app, people) = People::with(variables).await;
        let mut workers = Workers::of(&app).await;
        let id = text(&app.invite(EMAIL).await, "id");
        workers.deliver().await;
        let link = workers.last_token(EMAIL);
        Self { app, people, workers, id, link }
    }

    /// A decision by the link or by the id.
    pub(crate) fn call(&self, verb: &str, by: &str) -> Call {
        match by {
            "link" => Call::holder(verb, &self.link),
            _ => by_id(verb, &self.id, ACCOUNT),
        }
    }

    /// Sends it as the person with this address.
    pub(crate) async fn send(&self, call: Call, email: &str) -> Response {
        self.app.send(call.bearer(&self.people.token(&self.app, email))).await
    }
}

pub(crate) fn by_id(verb: &str, id: &str, account: &str) -> Call {
    Call::post(&format!("/invitations/{verb}")).json(&json!({ "id": id, "account": account }))
}

/// The URN of the person with this subject, in [`ACCOUNT`].
fn person(subject: &str) -> String {
    format!("urn:cloudone:identity:ca-1:{ACCOUNT}:user/acme:{subject}")
}

/// What an issuer says about the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    Verified,
    /// `email_verified` is false, missing, or no boolean.
    Unverified(&'static str),
    /// There is no `email_verified`, and the issuer is trusted to verify every address.
    Trusted,
    /// The same, for the addresses of some domains; the invited one is among them or not.
    TrustedFor(&'static str),
}

impl Claim {
    const ALL: [Self; 7] = [
        Self::Verified,
        Self::Unverified("false"),
        Self::Unverified("null"),
        Self::Unverified("\"true\""),
        Self::Trusted,
        Self::TrustedFor("example.com"),
        Self::TrustedFor("*.example.com"),
    ];

    fn issuers(self) -> String {
        let trusted = r#""email": "/email", "emailTrusted": true"#;
        match self {
            Self::Verified | Self::Unverified(_) => ISSUERS.to_owned(),
            Self::Trusted => ISSUERS.replace(r#""email": "/email""#, trusted),
            Self::TrustedFor(domain) => {
                ISSUERS.replace(r#""email": "/email""#, &format!(r#"{trusted}, "emailDomains": ["{domain}", "nothing.example"]"#))
            }
        }
    }

    /// Whether the issuer proves this address.
    fn proves(self, email: &str) -> bool {
        match self {
            Self::Verified | Self::Trusted => true,
            Self::Unverified(_) | Self::TrustedFor("*.example.com") => false,
            Self::TrustedFor(_) => !email.ends_with("evil.example"),
        }
    }

    fn claims(self) -> Value {
        let verified = match self {
            Self::Verified => json!(true),
            Self::Unverified(value) => serde_json::from_str(value).expect("JSON"),
            Self::Trusted | Self::TrustedFor(_) => Value::Null,
        };
        json!({ "sub": "5e2f4a4e", "email_verified": verified })
    }
}

/// CVE-2026-53514: an unverified address and an id must not suffice.
#[tokio::test]
async fn t7_only_a_verified_address_that_is_the_invited_one_decides_whatever_the_binding() {
    for claim in Claim::ALL {
        for binding in ["bearer", "email"] {
            for verb in VERBS {
                for by in ["link", "id"] {
                    let case = format!("{claim:?}, {binding}, {verb}, {by}");
                    let it = Invited::with(&[("ISSUERS", &claim.issuers())]).await;
                    it.app.manage_settings(&json!({ "action": "set", "account": ACCOUNT, "binding": binding })).await;
                    let before = table(&it.app).await;
                    for email in [OTHERS, "user.one@example.com.evil.example", "User.One@EXAMPLE.com"] {
                        let token = it.people.token_with(&it.app, email, &claim.claims());
                        let response = it.app.send(it.call(verb, by).bearer(&token)).await;
                        if !claim.proves(email) {
                            assert_error(&response, 403, "forbidden", None, NO_ADDRESS);
                        } else if email == "User.One@EXAMPLE.com" {
                            let state = if verb == "accept" { "accepted" } else { "declined" };
                            assert_eq!((response.status, response.str("state").as_str()), (200, state), "{case}");
                            let accepted_by = (verb == "accept").then(|| person("5e2f4a4e"));
                            let row = invitation_row(&it.app, &it.id).await;
                            assert_eq!((row["st"].as_str(), row["accepted_by"].as_str()), (Some(state), accepted_by.as_deref()), "{case}");
                            assert_eq!(self::row(&it.app, &format!("P#{EMAIL}")).await, None, "{case}: the address can be invited again");
                            continue;
                        } else {
                            assert_error(&response, 403, "wrong-invitee", Some("email"), WRONG);
                        }
                        // Only the keys of the issuer are read and cached.
                        assert_eq!(table(&it.app).await, before, "{case}, {email}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn the_response_is_what_the_holder_of_the_link_gets() {
    let it = Invited::start().await;
    it.app.manage_settings(&json!({ "action": "set", "account": ACCOUNT, "name": "Example Ltd" })).await;
    let expected = json!({
        "account": ACCOUNT, "email": EMAIL, "roleID": "full-access", "state": "accepted", "binding": "bearer",
        "expiry": it.app.now().floor_to_second().plus(LIFETIME).to_string(), "display": { "name": "Example Ltd", "locales": [] },
    });
    assert_response(&it.send(it.call("accept", "id"), EMAIL).await, 200, &expected, &[]);
    assert_response(&it.send(it.call("accept", "link"), EMAIL).await, 200, &expected, &[]);
    let seen = describe(&it.app, &it.id).await;
    assert_eq!((&seen["acceptedBy"], &seen["acceptedAt"]), (&json!(person(EMAIL)), &json!(it.app.now().to_string())));
}

#[tokio::test]
async fn repeating_a_decision_is_a_200_for_the_same_person_in_every_form_and_writes_nothing() {
    for (verb, other) in [("accept", "decline"), ("decline", "accept")] {
        for (first, second) in [("id", "link"), ("link", "id"), ("id", "id")] {
            let it = Invited::start().await;
            it.send(it.call(verb, first), EMAIL).await.expect(200);
            let before = table(&it.app).await;
            it.send(it.call(verb, second), EMAIL).await.expect(200);
            let closed = if verb == "accept" { "already-accepted" } else { "already-declined" };
            it.send(it.call(other, second), EMAIL).await.expect_error(400, closed);
            assert_eq!(table(&it.app).await, before, "{verb}");
        }
    }
}

#[tokio::test]
async fn t7_what_one_person_has_accepted_another_with_the_same_address_cannot_accept() {
    let it = Invited::start().await;
    let token = |subject: &str| it.people.token_with(&it.app, EMAIL, &json!({ "sub": subject }));
    it.app.send(it.call("accept", "id").bearer(&token("one"))).await.expect(200);
    for by in ["id", "link"] {
        it.app.send(it.call("accept", by).bearer(&token("two"))).await.expect_error(400, "already-accepted");
        it.app.send(it.call("accept", by).bearer(&token("one"))).await.expect(200);
    }
    // The holder of the link learns that it is accepted, as before, and the host application that it was somebody else.
    it.app.send(it.call("accept", "link")).await.expect(200);
    let host = json!({ "token": it.link, "principal": "one", "email": EMAIL });
    it.app.send(Call::post("/invitations/accept").json(&host).key(&it.app.full)).await.expect_error(400, "already-accepted");
    assert_eq!(describe(&it.app, &it.id).await["acceptedBy"], person("one"));
}

#[tokio::test]
async fn a_closed_or_expired_invitation_is_a_400_that_says_which_but_not_to_others() {
    for (end, code) in
        [("revoke", "already-revoked"), ("decline", "already-declined"), ("accept", "already-accepted"), ("expire", "expired")]
    {
        let it = Invited::start().await;
        match end {
            "revoke" => drop(it.app.send(Call::set_state(&it.id, "revoked").key(&it.app.full)).await.expect(200)),
            "expire" => {
                advance_to_expiry(&it.app, &it.id).await;
                it.people.refresh(&it.app).await;
            }
            // With the link alone, so that nobody is known to have accepted.
            verb => drop(it.app.send(it.call(verb, "link")).await.expect(200)),
        }
        for verb in VERBS.into_iter().filter(|verb| *verb != end || end == "accept") {
            for by in ["id", "link"] {
                it.send(it.call(verb, by), EMAIL).await.expect_error(400, code);
                assert_error(&it.send(it.call(verb, by), OTHERS).await, 403, "wrong-invitee", Some("email"), WRONG);
            }
        }
    }
}

#[tokio::test]
async fn the_account_and_the_role_of_the_token_do_not_matter() {
    let others = [
        json!({}),
        json!({ "account": OTHER_ACCOUNT, "roles": ["viewer"] }),
        json!({ "account": ACCOUNT, "roles": ["viewer"] }),
        json!({ "account": ACCOUNT, "roles": [] }),
    ];
    for more in others {
        for by in ["id", "link"] {
            let it = Invited::start().await;
            let token = it.people.token_with(&it.app, EMAIL, &more);
            it.app.send(it.call("accept", by).bearer(&token)).await.expect(200);
        }
    }
    // Nor does it help that the token is one of an administrator of the account.
    let it = Invited::start().await;
    let token = it.people.token_with(&it.app, OTHERS, &json!({ "account": ACCOUNT, "roles": ["admin"] }));
    for by in ["id", "link"] {
        it.app.send(it.call("accept", by).bearer(&token)).await.expect_error(403, "wrong-invitee");
    }
}

#[tokio::test]
async fn the_event_names_the_person_by_urn_and_not_by_address() {
    let mut it = Invited::start().await;
    let token = it.people.token_with(&it.app, EMAIL, &json!({ "sub": "5e2f4a4e" }));
    it.app.send(it.call("accept", "id").bearer(&token)).await.expect(200);
    it.workers.deliver().await;
    let events = it.workers.bus.events();
    let accepted = events.iter().find(|event| event.detail["type"] == "accepted").expect("an event");
    assert_eq!(accepted.detail["invitation"]["acceptedBy"], person("5e2f4a4e"));
    assert!(!accepted.detail.to_string().contains("user.one"));
}

#[tokio::test]
async fn the_log_names_the_person_in_the_account_once_the_invitation_is_found() {
    let it = Invited::start().await;
    let token = |email: &str| it.people.token_with(&it.app, email, &json!({ "sub": "subject-1" }));
    let (lines, _guard) = Lines::as_deployed();
    let nowhere = "urn:cloudone:identity:ca-1::user/acme:subject-1".to_owned();
    let unverified = it.people.token_with(&it.app, EMAIL, &json!({ "sub": "subject-1", "email_verified": false }));
    it.app.send(it.call("accept", "id").bearer(&unverified)).await.expect(403);
    it.app.send(by_id("accept", &it.id, OTHER_ACCOUNT).bearer(&token(EMAIL))).await.expect(404);
    it.app.send(it.call("accept", "id").bearer(&token(OTHERS))).await.expect(403);
    it.app.send(it.call("accept", "id").bearer(&token(EMAIL))).await.expect(200);
    it.app.send(it.call("accept", "link")).await.expect(200);
    let logged = lines.take();
    let callers: Vec<(Option<String>, Option<String>)> = logged
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"))
        .map(|line| ["account", "caller"].map(|field| line[field].as_str().map(str::to_owned)).into())
        .collect();
    let (account, invitation) = (Some(ACCOUNT.to_owned()), format!("urn:cloudone:identity:ca-1:{ACCOUNT}:invitation/{}", it.id));
    let expected = [
        (None, Some(nowhere.clone())),
        (None, Some(nowhere)),
        (account.clone(), Some(person("subject-1"))),
        (account.clone(), Some(person("subject-1"))),
        (account, Some(invitation)),
    ];
    assert_eq!(callers, expected, "{logged}");
    assert!(!logged.contains("example.com"), "{logged}");
}

#[tokio::test]
async fn an_invitation_without_its_lock_is_expired_for_its_invitee_too() {
    let it = Invited::start().await;
    let expiry = Timestamp::from_millis(crate::helpers::number(&invitation_row(&it.app, &it.id).await, "exp")).expect("a time");
    it.app.advance(expiry.since(it.app.now()));
    let second = text(&it.app.invite(EMAIL).await, "id");
    // For a process whose clock is behind the first one is still open.
    it.app.set_back(COOLDOWN);
    it.people.refresh(&it.app).await;
    it.send(it.call("accept", "id"), EMAIL).await.expect_error(400, "expired");
    it.send(by_id("accept", &second, ACCOUNT), EMAIL).await.expect(200);
}
