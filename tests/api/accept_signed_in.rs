//! Accepting and declining as a person who has signed in with a bearer token, with the link or without it (T7).

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::domain::Timestamp;
use support::{ACCOUNT, Call, OTHER_ACCOUNT, People, Response, TestApp, Workers, logged::Lines, tokens::ISSUERS};

use crate::helpers::{
    COOLDOWN, LIFETIME, NOT_FOUND, advance_to_expiry, assert_error, assert_response, describe, invitation_row, resend, row, table, text,
};

const EMAIL: &str = "user.one@example.com";
const OTHERS: &str = "user.two@example.com";
const WRONG: &str = "email: the invitation is for another address";
const NO_ADDRESS: &str = "You tried to do something that you're not allowed to do. It requires a token with a verified email address.";
const VERBS: [&str; 2] = ["accept", "decline"];

/// A service with an open invitation for [`EMAIL`].
struct Invited {
    app: TestApp,
    people: People,
    workers: Workers,
    id: String,
    link: String,
}

impl Invited {
    async fn start() -> Self {
        Self::with(&[]).await
    }

    async fn with(variables: &[(&str, &str)]) -> Self {
        let (app, people) = People::with(variables).await;
        let mut workers = Workers::of(&app).await;
        let id = text(&app.invite(EMAIL).await, "id");
        workers.deliver().await;
        let link = workers.last_token(EMAIL);
        Self { app, people, workers, id, link }
    }

    /// A decision by the link or by the id.
    fn call(&self, verb: &str, by: &str) -> Call {
        match by {
            "link" => Call::holder(verb, &self.link),
            _ => by_id(verb, &self.id, ACCOUNT),
        }
    }

    /// Sends it as the person with this address.
    async fn send(&self, call: Call, email: &str) -> Response {
        self.app.send(call.bearer(&self.people.token(&self.app, email))).await
    }
}

fn by_id(verb: &str, id: &str, account: &str) -> Call {
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
}

impl Claim {
    const ALL: [Self; 5] =
        [Self::Verified, Self::Unverified("false"), Self::Unverified("null"), Self::Unverified("\"true\""), Self::Trusted];

    fn issuers(self) -> String {
        let trusted = r#""email": "/email", "emailTrusted": true"#;
        if self == Self::Trusted { ISSUERS.replace(r#""email": "/email""#, trusted) } else { ISSUERS.to_owned() }
    }

    fn claims(self) -> Value {
        let verified = match self {
            Self::Verified => json!(true),
            Self::Unverified(value) => serde_json::from_str(value).expect("JSON"),
            Self::Trusted => Value::Null,
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
                        if matches!(claim, Claim::Unverified(_)) {
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
async fn an_unknown_id_or_account_is_a_404_and_a_malformed_one_a_400() {
    let it = Invited::start().await;
    let unknown = [(it.id.as_str(), OTHER_ACCOUNT), (&"0".repeat(32), ACCOUNT), (&"F".repeat(32), "999999999999")];
    let before = table(&it.app).await;
    for verb in VERBS {
        for (id, account) in unknown {
            assert_error(&it.send(by_id(verb, id, account), EMAIL).await, 404, "not-found", None, NOT_FOUND);
        }
        for id in ["", "1", &it.id[1..], &format!("{}#", it.id), &format!("I#{}", it.id), "../A#210987654321"] {
            it.send(by_id(verb, id, ACCOUNT), EMAIL).await.expect_error(400, "invalid-id");
        }
        for account in ["", "1", "01234567891", "0123456789123", "01234567891a", " 012345678912", "A#012345678912", "*"] {
            it.send(by_id(verb, &it.id, account), EMAIL).await.expect_error(400, "invalid-account");
        }
    }
    assert_eq!(table(&it.app).await, before);
    // In either case, as in a path.
    it.send(by_id("accept", &it.id.to_lowercase(), ACCOUNT), EMAIL).await.expect(200);
}

#[tokio::test]
async fn a_body_names_the_link_or_the_id_and_the_account_and_nothing_else() {
    let it = Invited::start().await;
    let (id, account, link) = (json!(it.id), json!(ACCOUNT), json!(it.link));
    let before = table(&it.app).await;
    for (body, code, fields) in [
        (json!({}), "missing-field", vec!["account", "id"]),
        (json!({ "id": id }), "missing-field", vec!["account"]),
        (json!({ "account": account }), "missing-field", vec!["id"]),
        (json!({ "id": 1, "account": 12 }), "invalid-field", vec!["account", "id"]),
        (json!({ "id": "1", "account": "12" }), "invalid-id", vec!["account", "id"]),
        (json!({ "token": null }), "invalid-field", vec!["token"]),
        (json!({ "token": link, "id": id, "account": account }), "unknown-field", vec!["account", "id"]),
        // A person cannot give a host's word, also not about themselves.
        (json!({ "token": link, "principal": "user-1", "email": EMAIL }), "unknown-field", vec!["email", "principal"]),
        (json!({ "id": id, "account": account, "email": EMAIL }), "unknown-field", vec!["email"]),
        (json!({ "id": id, "account": account, "role": "full-access" }), "unknown-field", vec!["role"]),
        (json!({ "id": id, "account": account, "state": "accepted" }), "unknown-field", vec!["state"]),
    ] {
        for verb in VERBS {
            let response = it.send(Call::post(&format!("/invitations/{verb}")).json(&body), EMAIL).await.expect_error(400, code);
            let named: Vec<String> = response.json()["fields"].as_object().expect("fields").keys().cloned().collect();
            assert_eq!(named.into_iter().collect::<BTreeSet<_>>(), fields.iter().map(|name| (*name).to_owned()).collect(), "{body}");
        }
    }
    // The id is only for people who have signed in.
    for verb in VERBS {
        for call in [it.call(verb, "id"), it.call(verb, "id").key(&it.app.full)] {
            it.app.send(call).await.expect_error(400, "missing-field");
        }
    }
    assert_eq!(table(&it.app).await, before);
}

#[tokio::test]
async fn t8_t19_every_invalid_link_is_the_same_404_with_a_bearer_token() {
    let it = Invited::start().await;
    let secret = it.link.rsplit_once('.').expect("a secret").1;
    let wrong: String = secret.chars().rev().collect::<String>().replace(|c: char| "048AEIMQUYcgkosw".contains(c), "A");
    let mut answers = BTreeSet::new();
    for link in [
        String::new(),
        "x".to_owned(),
        it.link.to_lowercase(),
        format!("i1.{ACCOUNT}.{}.{}A", it.id, &wrong[..42]),
        format!("i1.{ACCOUNT}.{}.{secret}", "0".repeat(32)),
        format!("i1.{OTHER_ACCOUNT}.{}.{secret}", it.id),
    ] {
        for verb in VERBS {
            for email in [EMAIL, OTHERS] {
                let answer = it.send(Call::holder(verb, &link), email).await.expect_error(404, "not-found");
                answers.insert((answer.text, format!("{:?}", answer.headers)));
            }
        }
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test]
async fn after_a_resend_the_earlier_link_is_dead_and_the_id_still_works() {
    let it = Invited::start().await;
    it.app.advance(COOLDOWN);
    it.app.send(resend(&it.id).key(&it.app.full)).await.expect(200);
    it.send(it.call("accept", "link"), EMAIL).await.expect_error(404, "not-found");
    it.send(it.call("accept", "id"), EMAIL).await.expect(200);
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
async fn an_invalid_credential_is_a_401_even_where_the_link_alone_would_do() {
    let it = Invited::start().await;
    let token = it.people.token(&it.app, EMAIL);
    let before = table(&it.app).await;
    for verb in VERBS {
        for header in ["Bearer x", &format!("Bearer {token}x"), "ApiKey x", "Basic dXNlcjpwYXNz", "", &token] {
            it.app.send(it.call(verb, "link").header("authorization", header)).await.expect_error(401, "unauthorized");
        }
    }
    it.app.advance(COOLDOWN * 62);
    it.app.send(it.call("accept", "id").bearer(&token)).await.expect_error(401, "unauthorized");
    assert_eq!(table(&it.app).await, before);
}

#[tokio::test]
async fn the_host_application_declines_for_the_person_it_has_signed_in() {
    let roles = r#"{ "full-access": { "can": ["invitations:read", "invitations:create", "invitations:modify"], "mayGrant": ["*"] },
        "read-only": { "can": ["invitations:read"], "mayGrant": [] }, "helper": { "can": ["invitations:modify"], "mayGrant": [] } }"#;
    let it = Invited::with(&[("ROLES", roles)]).await;
    let decline =
        |email: &str| Call::post("/invitations/decline").json(&json!({ "token": it.link, "principal": "user-1", "email": email }));
    let before = table(&it.app).await;
    let helper = it.app.new_key(ACCOUNT, "helper").await;
    it.app.send(decline(EMAIL).key(&it.app.other)).await.expect_error(404, "not-found");
    it.app.send(decline(EMAIL).key(&it.app.read_only)).await.expect_error(403, "forbidden");
    it.app.send(decline(OTHERS).key(&helper)).await.expect_error(403, "wrong-invitee");
    it.app.send(Call::holder("decline", &it.link).key(&helper)).await.expect_error(400, "missing-field");
    it.app.send(decline(EMAIL)).await.expect_error(400, "unknown-field");
    let unchanged = table(&it.app).await;
    assert!(before.iter().all(|(key, row)| unchanged.get(key) == Some(row)));
    // Declining grants nothing, so the key need not be able to grant the role.
    it.app.send(decline(EMAIL).key(&helper)).await.expect(200);
    let row = invitation_row(&it.app, &it.id).await;
    assert_eq!((row["st"].as_str(), row.get("accepted_by")), (Some("declined"), None));
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
async fn a_single_account_service_finds_invitations_of_its_account_only_and_reads_no_other() {
    let it = Invited::start().await;
    let theirs = it.app.send(Call::create(EMAIL, "full-access").key(&it.app.other)).await.expect(201).str("id");
    let only = it.app.another(&[("ONLY_ACCOUNT", ACCOUNT)]);
    let token = it.people.token(&it.app, EMAIL);
    only.send(by_id("accept", &"0".repeat(32), ACCOUNT).bearer(&token)).await.expect(404);
    let _ = it.app.faults.take_requests();
    only.send(by_id("accept", &theirs, OTHER_ACCOUNT).bearer(&token)).await.expect_error(404, "not-found");
    assert_eq!(it.app.faults.take_requests(), []);
    only.send(it.call("accept", "id").bearer(&token)).await.expect(200);
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
async fn a_decision_takes_no_more_requests_than_with_the_link() {
    let mut operations = BTreeSet::new();
    for by in ["id", "link"] {
        for verb in VERBS {
            let it = Invited::start().await;
            // The keys of the issuer are cached.
            it.send(by_id(verb, &"0".repeat(32), ACCOUNT), EMAIL).await.expect(404);
            let _ = it.app.faults.take_operations();
            it.send(it.call(verb, by), EMAIL).await.expect(200);
            operations.insert(it.app.faults.take_operations());
        }
    }
    assert_eq!(operations.into_iter().collect::<Vec<_>>(), [["GetItem", "GetItem", "TransactWriteItems"]]);
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
