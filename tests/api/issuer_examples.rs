//! The page about signing in, `docs/sign-in.md`: its examples are accepted, and become what it says (T17).

use std::{collections::BTreeSet, str::FromStr};

use functions::http::error::{ApiError, Forbidden};
use local::issuer::key_set;
use serde_json::{Value, json};
use shared::{
    config::DEFAULT_ROLES,
    domain::{
        Permission, Timestamp, Urns,
        bearer::{BearerToken, TokenProblem, VerifiedToken},
        issuer::{AccountClaim, Issuers},
        key_set::KeySet,
    },
};
use support::{
    Call, TestApp, root_file,
    tokens::{publish, signing_key},
};

use crate::{
    bearer_tokens::expect_unauthorized,
    helpers::{table, text},
    template,
};

/// A section of the page: a configuration, the claims of a token, and what becomes of it.
struct Example {
    title: String,
    issuers: String,
    claims: Value,
    account: AccountClaim,
    role: String,
    name: String,
    email: Option<String>,
}

fn page() -> String {
    root_file("docs/sign-in.md")
}

fn parsed<T: FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("the page's value is well-formed")
}

/// The code in a cell of a table.
fn code(cell: &str) -> Option<String> {
    cell.split('`').nth(1).map(str::to_owned)
}

/// All examples, each with its row of the table before them.
fn examples() -> Vec<Example> {
    let page = page();
    let (_, examples) = page.split_once("\n## Examples\n").expect("a section with examples");
    let mut sections = examples.split("\n### ");
    let table = sections.next().expect("a table");
    let rows: Vec<Vec<&str>> =
        table.lines().filter(|line| line.starts_with("| [")).map(|line| line.split('|').map(str::trim).collect()).collect();
    let sections: Vec<&str> = sections.collect();
    assert_eq!((sections.len(), rows.len()), (5, 5));
    sections.into_iter().zip(&rows).map(|(section, row)| example(section, row)).collect()
}

fn example(section: &str, row: &[&str]) -> Example {
    let [_, link, account, role, name, email, _] = row else { panic!("not a row: {row:?}") };
    let title = section.lines().next().expect("a title").to_owned();
    assert!(link.starts_with(&format!("[{title}](")), "{link} is not {title}");
    let blocks: Vec<&str> = section.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let [issuers, claims] = blocks[..] else { panic!("{title} has {} blocks of JSON", blocks.len()) };
    let id = code(account).expect("an account");
    Example {
        title,
        issuers: issuers.to_owned(),
        claims: serde_json::from_str(claims).expect("claims"),
        account: if account.starts_with("external ID") { AccountClaim::External(parsed(&id)) } else { AccountClaim::Id(parsed(&id)) },
        role: code(role).expect("a role"),
        name: (*name).to_owned(),
        email: if *email == "none" { None } else { code(email) },
    }
}

impl Example {
    /// The claims, issued now: their times are as far apart as on the page.
    fn claims(&self, now: Timestamp) -> Value {
        let mut claims = self.claims.clone();
        let issued = claims["iat"].as_i64().expect("a time");
        for name in ["iat", "nbf", "exp", "auth_time"] {
            if let Some(time) = claims[name].as_i64() {
                claims[name] = (now.as_secs() + time - issued).into();
            }
        }
        claims
    }

    /// What a token with these claims says.
    fn verified(&self, claims: &Value, now: Timestamp) -> Result<VerifiedToken, TokenProblem> {
        let (issuers, key) = (parsed::<Issuers>(&self.issuers), signing_key("k1"));
        let keys = KeySet::parse(key_set([&key]).to_string().as_bytes()).expect("a key set");
        let token = key.token(claims);
        let token = BearerToken::parse(&token, &issuers)?;
        token.verify(keys.find("k1").expect("the key"), now)
    }

    /// The name of the claim with the audience.
    fn audience(&self) -> String {
        let issuers: Value = serde_json::from_str(&self.issuers).expect("issuers");
        let entry = issuers.as_object().and_then(|issuers| issuers.values().next()).expect("an issuer");
        entry["audience"]["claim"].as_str().unwrap_or("/aud").trim_start_matches('/').to_owned()
    }

    /// A service that accepts the tokens, the digits of their account, and a token with exactly these claims.
    async fn app(&self) -> (TestApp, String, impl Fn(&Value) -> String) {
        let app = TestApp::with(&[("ISSUERS", &self.issuers)]).await;
        let key = signing_key("k1");
        publish(&app, &self.issuers, &[&key]).await;
        let account = match &self.account {
            AccountClaim::Id(id) => id.to_string(),
            AccountClaim::External(id) => {
                text(&app.manage_settings(&json!({ "action": "create", "externalID": id.as_str() })).await, "account")
            }
        };
        (app, account, move |claims: &Value| key.token(claims))
    }
}

#[tokio::test]
async fn the_api_accepts_the_token_of_each_example_for_its_account() {
    for example in examples() {
        let (app, account, sign) = example.app().await;
        let token = sign(&example.claims(app.now()));
        let create = Call::create("new.member@example.com", "read-only").bearer(&token);
        if example.role == "read-only" {
            let response = app.send(create).await.expect_error(403, "forbidden");
            assert!(response.str("message").ends_with("which the role 'read-only' does not have."), "{}", response.text);
            let key = app.new_key(&account, "full-access").await;
            let created = app.send(Call::create("new.member@example.com", "read-only").key(&key)).await.expect(201).json();
            let listed = app.send(Call::get("/invitations").bearer(&token)).await.expect(200).json();
            assert_eq!(listed, json!({ "invitations": [created] }), "{}", example.title);
            continue;
        }
        let created = app.send(create).await.expect(201).json();
        let prefix = format!("urn:cloudone:identity:ca-1:{account}:");
        let issuers: Issuers = parsed(&example.issuers);
        let issuer = issuers.iter().next().expect("an issuer").name();
        assert_eq!(text(&created, "invitedBy"), format!("{prefix}user/{issuer}:{}", text(&example.claims, "sub")), "{}", example.title);
        assert!(text(&created, "urn").starts_with(&prefix), "{}: {created}", example.title);
        let row = table(&app).await.remove(&(format!("A#{account}"), format!("I#{}", text(&created, "id"))));
        assert_eq!(row.expect("the invitation is there")["sender"], *example.name);
    }
}

#[test]
fn the_token_of_each_example_says_what_the_page_says() {
    let now = Timestamp::now();
    for example in examples() {
        let token = example.verified(&example.claims(now), now).unwrap_or_else(|problem| panic!("{}: {problem}", example.title));
        let user = token.user();
        let urns = Urns::new("cloudone".to_owned(), "ca-1".to_owned());
        let caller = token.principal(parsed("012345678912"), &parsed(DEFAULT_ROLES), &urns).expect("a role");
        assert_eq!(token.account(), Some(&example.account), "{}", example.title);
        assert_eq!(caller.role_id().as_str(), example.role, "{}", example.title);
        assert_eq!(user.name().map(ToString::to_string), Some(example.name), "{}", example.title);
        assert_eq!(user.email().map(|email| email.as_entered().to_owned()), example.email, "{}", example.title);
    }
}

/// Sets every claim that says whether the address is verified. Returns whether there is one.
fn set_verified(claims: &mut Value, verified: &Value) -> bool {
    let Some(members) = claims.as_object_mut() else { return false };
    let mut found = false;
    for (name, value) in members {
        if name.ends_with("email_verified") {
            *value = verified.clone();
            found = true;
        }
        found |= set_verified(value, verified);
    }
    found
}

#[test]
fn an_address_counts_exactly_if_the_token_says_that_it_is_verified_or_the_issuer_is_trusted() {
    let now = Timestamp::now();
    let mut trusted = Vec::new();
    for example in examples() {
        let mut claims = example.claims(now);
        for (verified, counts) in
            [(json!(true), true), (json!(false), false), (json!("true"), false), (json!(1), false), (json!(null), false)]
        {
            if set_verified(&mut claims, &verified) {
                let token = example.verified(&claims, now).expect("a token");
                assert_eq!(token.user().email().is_some(), counts, "{}: {verified}", example.title);
            } else if !trusted.contains(&example.title) {
                trusted.push(example.title.clone());
            }
        }
    }
    assert_eq!(trusted, ["Entra ID"]);
}

#[tokio::test]
async fn a_token_of_an_example_for_another_application_is_refused() {
    for example in examples() {
        let (app, _, sign) = example.app().await;
        for audience in [json!("another"), json!(["another"]), json!(null)] {
            let mut claims = example.claims(app.now());
            claims[example.audience()] = audience;
            let response = app.send(Call::get("/invitations").bearer(&sign(&claims))).await;
            expect_unauthorized(&response, "the token is for another application");
        }
    }
}

#[test]
fn each_example_fits_the_parameter_and_the_page_says_how_long_it_may_be() {
    let parameter = &template::template()["Parameters"]["Issuers"];
    assert_eq!(parameter["MaxLength"], 1000);
    assert!(page().contains("`Issuers` has at most 1,000 characters of ASCII"));
    for example in examples() {
        assert!(example.issuers.is_ascii() && example.issuers.len() <= 1000, "{}", example.title);
        assert_eq!(parsed::<Issuers>(&example.issuers).iter().count(), 1, "{}", example.title);
    }
    // Two of them fit, as the page says, even as they are written.
    let longest = examples().iter().map(|example| example.issuers.len()).max();
    assert!(longest <= Some(500), "{longest:?}");
}

/// A number for each problem. A new one does not compile until it has a number here; then the page needs it, too.
fn number(problem: TokenProblem) -> usize {
    match problem {
        TokenProblem::Malformed => 0,
        TokenProblem::UnknownIssuer => 1,
        TokenProblem::UnknownKey => 2,
        TokenProblem::Signature => 3,
        TokenProblem::Claims => 4,
        TokenProblem::Audience => 5,
        TokenProblem::Account => 6,
        TokenProblem::Expired => 7,
        TokenProblem::NotYetValid => 8,
    }
}

#[test]
fn the_page_has_every_reason_of_a_401_and_403() {
    let page = page();
    let rows: BTreeSet<&str> = page.lines().filter(|line| line.starts_with("| 40")).collect();
    let has = |status: u16, reason: &str| rows.iter().any(|row| row.starts_with(&format!("| {status} | `{reason}` | ")));
    let problems = [
        TokenProblem::Malformed,
        TokenProblem::UnknownIssuer,
        TokenProblem::UnknownKey,
        TokenProblem::Signature,
        TokenProblem::Claims,
        TokenProblem::Audience,
        TokenProblem::Account,
        TokenProblem::Expired,
        TokenProblem::NotYetValid,
    ];
    for (index, problem) in problems.into_iter().enumerate() {
        assert_eq!(number(problem), index);
        assert!(has(401, problem.as_str()), "{problem}");
    }
    let forbidden = [
        Forbidden::NoAccount,
        Forbidden::UnknownAccount(parsed("acme")),
        Forbidden::NoRole { permission: Some(Permission::Read) },
        Forbidden::Role { permission: Permission::Read, role: parsed("acme") },
        Forbidden::OtherAccount,
        Forbidden::NoVerifiedEmail,
    ];
    let beginning = "You tried to do something that you're not allowed to do. ";
    for forbidden in forbidden {
        let message = ApiError::from(forbidden).message();
        let reason =
            message.strip_prefix(beginning).expect("the beginning of every 403").replace("invitations:read", "…").replace("acme", "…");
        assert!(has(403, &reason), "{reason}");
    }
    assert_eq!(rows.len(), problems.len() + 6);
    assert!(page.contains(&format!("`{}`", beginning.trim())));
}
