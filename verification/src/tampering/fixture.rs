//! Three accounts, their invitations, and the cursors and tokens issued to them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::json;
use support::{ACCOUNT, Call, OTHER_ACCOUNT, People, Response, TestApp, Workers};

use super::attempt::{Attempt, Destination};
use crate::report::Scale;

/// People whom every account has invited.
const PEOPLE: [&str; 2] = ["own.one@people.example", "own.two@people.example"];
/// The invitations of each account in each state.
const PER_STATE: usize = 4;

/// An account whose caller has a bearer token.
const THIRD_ACCOUNT: &str = "333333333333";

/// The service with three accounts, and all issued cursors and tokens.
pub struct Fixture {
    /// The service.
    pub app: TestApp,
    /// The accounts.
    pub accounts: Vec<Account>,
    /// Cursors of next pages.
    pub cursors: Vec<IssuedCursor>,
    /// The bearer tokens of people, and their cursors.
    pub people: Vec<(String, Vec<String>)>,
    /// Valid tokens.
    pub tokens: Vec<String>,
    /// Superseded tokens.
    pub superseded: Vec<String>,
}

/// An account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its id.
    pub id: String,
    /// The header `Authorization` of a caller with every right.
    pub authorization: String,
}

impl Account {
    /// A call for the account.
    #[must_use]
    pub fn call(&self, call: Call) -> Call {
        call.header("authorization", &self.authorization)
    }
}

/// An issued cursor.
#[derive(Debug, Clone)]
pub struct IssuedCursor {
    /// The index of its account.
    pub account: usize,
    /// The query of its list.
    pub query: String,
    /// Its text.
    pub token: String,
}

impl Fixture {
    /// Starts the service, brings invitations into every state, and collects cursors and tokens.
    pub async fn start(scale: &Scale) -> Self {
        let (app, issuer) = People::start().await;
        let mut workers = Workers::of(&app).await;
        // Longer than everything that follows.
        let expiry = app.now().as_secs() + 86_400;
        let claims = json!({ "account": THIRD_ACCOUNT, "roles": ["admin"], "exp": expiry });
        let bearer = issuer.token_with(&app, "jane@example.com", &claims);
        let callers = [
            (ACCOUNT, format!("ApiKey {}", app.full)),
            (OTHER_ACCOUNT, format!("ApiKey {}", app.other)),
            (THIRD_ACCOUNT, format!("Bearer {bearer}")),
        ];
        let accounts: Vec<Account> = callers.into_iter().map(|(id, authorization)| Account { id: id.to_owned(), authorization }).collect();

        let (mut tokens, mut superseded) = (Vec::new(), Vec::new());
        for state in ["expired", "accepted", "declined", "revoked", "invited"] {
            for account in &accounts {
                for number in 0..PER_STATE {
                    let email = address(account, state, number);
                    let mut body = json!({ "email": email, "roleID": "full-access" });
                    if state == "expired" {
                        body["expiry"] = app.now().plus(Duration::from_secs(3660)).to_string().into();
                    }
                    let create = account.call(Call::post("/invitations").json(&body));
                    let id = app.send(create).await.expect(201).str("id");
                    workers.deliver().await;
                    let token = workers.last_token(&email);
                    match state {
                        "accepted" => drop(app.send(Call::holder("accept", &token)).await.expect(200)),
                        "declined" => drop(app.send(Call::holder("decline", &token)).await.expect(200)),
                        "revoked" => drop(app.send(account.call(Call::set_state(&id, "revoked"))).await.expect(200)),
                        "invited" => {
                            superseded.push(token);
                            app.advance(Duration::from_secs(60));
                            app.send(account.call(Call::post(&format!("/invitations/{id}")))).await.expect(200);
                            workers.deliver().await;
                            tokens.push(workers.last_token(&email));
                        }
                        _ => {}
                    }
                }
            }
        }
        app.advance(Duration::from_secs(2 * 3600));
        // A revoked address can be invited again, so that the list of this address has two invitations.
        for account in &accounts {
            app.send(account.call(Call::create(&address(account, "revoked", 0), "full-access"))).await.expect(201);
            for email in PEOPLE {
                app.send(account.call(Call::create(email, "full-access"))).await.expect(201);
            }
        }
        let people = PEOPLE.map(|email| (issuer.token(&app, email), Vec::new())).into();
        let mut fixture = Self { app, accounts, cursors: Vec::new(), people, tokens, superseded };
        fixture.cursors = fixture.collect_cursors(scale).await;
        for person in 0..PEOPLE.len() {
            fixture.people[person].1 = fixture.collect_own_cursors(person).await;
        }
        fixture
    }

    /// Pages through the invitations of a person, one a page.
    async fn collect_own_cursors(&self, person: usize) -> Vec<String> {
        let mut issued: Vec<String> = Vec::new();
        loop {
            let at = issued.last().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let call = Call::get(&format!("/invitations/mine?limit=1{at}")).bearer(&self.people[person].0);
            match self.app.send(call).await.expect(200).json()["next"].as_str() {
                Some(next) => issued.push(next.to_owned()),
                None => return issued,
            }
        }
    }

    /// Pages through every list, one invitation a page.
    async fn collect_cursors(&self, scale: &Scale) -> Vec<IssuedCursor> {
        let pages = scale.of(1, 3);
        let mut issued = Vec::new();
        for to in self.lists() {
            let Destination::List(account, query) = to else { continue };
            let mut at = String::new();
            for _ in 0..pages {
                let call = self.accounts[account].call(Call::get(&format!("/invitations?{query}{at}")));
                let page = self.app.send(call).await.expect(200).json();
                let Some(token) = page["next"].as_str() else { break };
                at = format!("&cursor={token}");
                issued.push(IssuedCursor { account, query: query.clone(), token: token.to_owned() });
            }
        }
        issued
    }

    /// Every list of every account.
    pub fn lists(&self) -> impl Iterator<Item = Destination> {
        self.accounts.iter().enumerate().flat_map(|(index, account)| {
            let address = address(account, "revoked", 0);
            let filters = [
                "",
                "&state=invited",
                "&state=expired",
                "&state=accepted",
                "&state=declined",
                "&state=revoked",
                "&roleID=full-access",
                "&state=revoked&roleID=full-access",
                &format!("&email={address}"),
                "&order=asc",
                "&state=invited&order=desc",
                "&state=expired&order=asc",
                "&state=revoked&order=asc",
                "&emailPrefix=revoked.",
                "&emailPrefix=revoked.&order=desc",
                "&emailPrefix=invited.&state=invited",
            ];
            filters.map(|filter| Destination::List(index, format!("limit=1{filter}")))
        })
    }

    /// The number of lists with a cursor.
    #[must_use]
    pub fn lists_with_cursors(&self) -> usize {
        self.cursors.iter().map(|issued| (issued.account, &issued.query)).collect::<BTreeSet<_>>().len()
    }

    /// Whether an attempt is valid: this text was issued for this use.
    #[must_use]
    pub fn has_issued(&self, attempt: &Attempt) -> bool {
        match &attempt.to {
            Destination::List(account, query) => {
                self.cursors.iter().any(|it| it.token == attempt.text && it.account == *account && it.query == *query)
            }
            Destination::Own(person) => self.people[*person].1.contains(&attempt.text),
            Destination::Holder(_) => self.tokens.contains(&attempt.text),
        }
    }

    /// Presents an attempt.
    pub(super) async fn send(&self, attempt: &Attempt) -> Response {
        let text: String = attempt.text.bytes().map(escape).collect();
        let call = match &attempt.to {
            Destination::List(account, query) => self.accounts[*account].call(Call::get(&format!("/invitations?{query}&cursor={text}"))),
            Destination::Own(person) => Call::get(&format!("/invitations/mine?limit=1&cursor={text}")).bearer(&self.people[*person].0),
            Destination::Holder(verb) => Call::holder(verb, &attempt.text),
        };
        self.app.send_event(&call.route(), &call.event().to_string()).await
    }

    /// Counts and clears the recorded requests to the table.
    pub(super) fn take_request_count(&self) -> usize {
        self.app.faults.take_operations().len()
    }

    /// All rows as text.
    pub(super) async fn rows(&self) -> BTreeSet<String> {
        let ordered = |row: std::collections::HashMap<_, _>| format!("{:?}", row.into_iter().collect::<BTreeMap<String, _>>());
        self.app.rows().await.into_iter().map(ordered).collect()
    }

    /// The number of tokens that still open an open invitation.
    pub(super) async fn count_open_links(&self) -> usize {
        let mut open = 0;
        for token in &self.tokens {
            let response = self.app.send(Call::holder("lookup", token)).await;
            open += usize::from(response.status == 200 && response.json()["state"] == "invited");
        }
        open
    }
}

fn address(account: &Account, state: &str, number: usize) -> String {
    format!("{state}.{number}@a{}.example", account.id)
}

/// A byte of a query value, escaped so that the service decodes exactly this byte.
fn escape(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}
