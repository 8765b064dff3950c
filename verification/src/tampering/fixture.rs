//! Three accounts, what they have, and what was issued to them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::json;
use support::{ACCOUNT, Call, OTHER_ACCOUNT, Post, Response, TestApp};

use super::attempt::{Attempt, To};
use crate::report::Scale;

/// How many invitations each account has in each state.
const OF_EACH: usize = 4;

/// The service with three accounts and all that was issued.
pub struct Fixture {
    /// The service.
    pub app: TestApp,
    /// The accounts.
    pub accounts: Vec<Account>,
    /// Cursors that lead on.
    pub cursors: Vec<IssuedCursor>,
    /// Tokens that open something.
    pub tokens: Vec<String>,
    /// Tokens of earlier sendings.
    pub superseded: Vec<String>,
}

/// An account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its id.
    pub id: String,
    /// A key with every right.
    pub key: String,
}

/// A `next`, and to whom for which list it was issued.
#[derive(Debug, Clone)]
pub struct IssuedCursor {
    /// The account's place among the accounts.
    pub account: usize,
    /// The list's query.
    pub query: String,
    /// The cursor.
    pub token: String,
}

impl Fixture {
    /// Invites, answers, revokes, lets expire and lists, until everything was issued that can be.
    pub async fn start(scale: &Scale) -> Self {
        let app = TestApp::start().await;
        let mut post = Post::of(&app).await;
        let third = "333333333333";
        let keys = [(ACCOUNT, app.full.clone()), (OTHER_ACCOUNT, app.other.clone()), (third, app.new_key(third, "full-access").await)];
        let accounts: Vec<Account> = keys.into_iter().map(|(id, key)| Account { id: id.to_owned(), key }).collect();

        let (mut tokens, mut superseded) = (Vec::new(), Vec::new());
        for state in ["expired", "accepted", "declined", "revoked", "invited"] {
            for account in &accounts {
                for number in 0..OF_EACH {
                    let email = address(account, state, number);
                    let mut body = json!({ "email": email, "roleID": "full-access" });
                    if state == "expired" {
                        body["expiry"] = app.now().plus(Duration::from_secs(3660)).to_string().into();
                    }
                    let create = Call::post("/invitations").json(&body).key(&account.key);
                    let id = app.send(create).await.expect(201).str("id");
                    post.deliver().await;
                    let token = post.last_token(&email);
                    match state {
                        "accepted" => drop(app.send(Call::holder("accept", &token)).await.expect(200)),
                        "declined" => drop(app.send(Call::holder("decline", &token)).await.expect(200)),
                        "revoked" => drop(app.send(Call::set_state(&id, "revoked").key(&account.key)).await.expect(200)),
                        "invited" => {
                            superseded.push(token);
                            app.advance(Duration::from_secs(60));
                            app.send(Call::post(&format!("/invitations/{id}")).key(&account.key)).await.expect(200);
                            post.deliver().await;
                            tokens.push(post.last_token(&email));
                        }
                        _ => {}
                    }
                }
            }
        }
        app.advance(Duration::from_secs(2 * 3600));
        // An address that was revoked can be invited again, and then a list of it has two.
        for account in &accounts {
            app.send(Call::create(&address(account, "revoked", 0), "full-access").key(&account.key)).await.expect(201);
        }
        let mut fixture = Self { app, accounts, cursors: Vec::new(), tokens, superseded };
        fixture.cursors = fixture.issue(scale).await;
        fixture
    }

    /// Walks through every list by pages of one.
    async fn issue(&self, scale: &Scale) -> Vec<IssuedCursor> {
        let pages = scale.of(1, 3);
        let mut issued = Vec::new();
        for to in self.lists() {
            let To::List(account, query) = to else { continue };
            let mut at = String::new();
            for _ in 0..pages {
                let call = Call::get(&format!("/invitations?{query}{at}")).key(&self.accounts[account].key);
                let page = self.app.send(call).await.expect(200).json();
                let Some(token) = page["next"].as_str() else { break };
                at = format!("&cursor={token}");
                issued.push(IssuedCursor { account, query: query.clone(), token: token.to_owned() });
            }
        }
        issued
    }

    /// Every list of every account.
    pub fn lists(&self) -> impl Iterator<Item = To> {
        self.accounts.iter().enumerate().flat_map(|(place, account)| {
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
            ];
            filters.map(|filter| To::List(place, format!("limit=1{filter}")))
        })
    }

    /// How many lists have a cursor.
    #[must_use]
    pub fn lists_with_cursors(&self) -> usize {
        self.cursors.iter().map(|issued| (issued.account, &issued.query)).collect::<BTreeSet<_>>().len()
    }

    /// Whether an attempt is none, because just this was issued for just that.
    #[must_use]
    pub fn has_issued(&self, attempt: &Attempt) -> bool {
        match &attempt.to {
            To::List(account, query) => {
                self.cursors.iter().any(|it| it.token == attempt.text && it.account == *account && it.query == *query)
            }
            To::Holder(_) => self.tokens.contains(&attempt.text),
        }
    }

    /// What an attempt is answered.
    pub(super) async fn send(&self, attempt: &Attempt) -> Response {
        let call = match &attempt.to {
            To::List(account, query) => {
                let text: String = attempt.text.bytes().map(in_query).collect();
                Call::get(&format!("/invitations?{query}&cursor={text}")).key(&self.accounts[*account].key)
            }
            To::Holder(verb) => Call::holder(verb, &attempt.text),
        };
        self.app.send_event(&call.route(), &call.event().to_string()).await
    }

    /// How many requests the table has had since the last time.
    pub(super) fn forget_requests(&self) -> usize {
        self.app.faults.take_operations().len()
    }

    /// All rows, as texts.
    pub(super) async fn rows(&self) -> BTreeSet<String> {
        let ordered = |row: std::collections::HashMap<_, _>| format!("{:?}", row.into_iter().collect::<BTreeMap<String, _>>());
        self.app.rows().await.into_iter().map(ordered).collect()
    }

    /// How many of the tokens still open an invitation that is open.
    pub(super) async fn still_open(&self) -> usize {
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

/// A byte of a value in a query: the service sees it as it is.
fn in_query(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}
