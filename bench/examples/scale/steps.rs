//! What is measured: requests as a client sends them, and what their answers must be.

use bench::fixture::Fixture;
use serde_json::{Value, json};
use shared::domain::{InvitationId, Timestamp};

use crate::{
    accounts::{Accounts, PAGE},
    population::address,
    rng::Rng,
};

/// The functions that are measured, by the names of their binaries.
pub(crate) const FUNCTIONS: [&str; 4] = ["create-invitation", "list-invitations", "describe-invitation", "modify-invitation"];

/// Numbers of addresses that nobody has been loaded with.
const STRANGERS: u64 = 8_000_000;

/// One kind of request.
pub(crate) struct Step {
    /// What the report calls it.
    pub(crate) name: &'static str,
    /// Whether the gate looks at its time.
    pub(crate) timed: bool,
    /// The request of a turn.
    pub(crate) call: fn(&Accounts, turn: u64) -> Call,
}

/// A request, and what is expected of its answer.
pub(crate) struct Call {
    /// Which function it goes to.
    pub(crate) function: &'static str,
    method: &'static str,
    path: String,
    body: Option<Value>,
    /// The status that it must have.
    pub(crate) status: u16,
    /// Whether the body is right.
    pub(crate) right: Box<dyn Fn(&Value) -> bool>,
}

/// All steps, in their order: what reads first, while the account has its exact size; what closes invitations last.
pub(crate) const STEPS: [Step; 13] = [
    Step { name: "describe", timed: true, call: describe },
    Step { name: "list, first page", timed: true, call: |accounts, _| list("", in_order(accounts.first_page())) },
    Step { name: "list, page 10,000", timed: true, call: deep_page },
    Step { name: "state=invited", timed: true, call: |_, _| list("state=invited", all_have("state", "invited")) },
    Step { name: "state=invited, page 10,000", timed: true, call: deep_invited_page },
    Step { name: "state=expired", timed: true, call: |_, _| list("state=expired", all_have("state", "expired")) },
    Step { name: "state=revoked", timed: true, call: |_, _| list("state=revoked", all_have("state", "revoked")) },
    Step { name: "email=…", timed: true, call: by_email },
    Step { name: "roleID=auditor", timed: true, call: |_, _| list("roleID=auditor", all_have("roleID", "auditor")) },
    Step { name: "state=invited&roleID=full-access", timed: true, call: combined },
    Step { name: "create", timed: true, call: create },
    Step { name: "resend", timed: false, call: resend },
    Step { name: "revoke", timed: false, call: revoke },
];

fn describe(accounts: &Accounts, turn: u64) -> Call {
    let sketch = accounts.any(turn);
    let expected = json!({ "id": sketch.id.to_string(), "email": sketch.email, "roleID": sketch.role, "state": sketch.state.as_str() });
    let right = move |body: &Value| expected.as_object().is_some_and(|fields| fields.iter().all(|(name, value)| body[name] == *value));
    Call { function: "describe-invitation", method: "GET", path: one(sketch.id), ..list("", right) }
}

fn deep_page(accounts: &Accounts, _: u64) -> Call {
    let (cursor, page) = accounts.deep_page();
    list(&format!("cursor={cursor}"), in_order(page))
}

fn deep_invited_page(accounts: &Accounts, _: u64) -> Call {
    let (cursor, page) = accounts.deep_invited_page(Timestamp::now());
    list(&format!("state=invited&cursor={cursor}"), in_order(&page))
}

fn by_email(accounts: &Accounts, turn: u64) -> Call {
    let sketch = accounts.any(turn);
    let right = move |body: &Value| ids(body) == [sketch.id.to_string()];
    // The only characters of these addresses that a query must not hold as they are.
    let email = sketch.email.replace('@', "%40").replace('\'', "%27");
    list(&format!("email={email}"), right)
}

fn combined(_: &Accounts, _: u64) -> Call {
    let (state, role) = (all_have("state", "invited"), all_have("roleID", "full-access"));
    list("state=invited&roleID=full-access", move |body| state(body) && role(body))
}

fn create(_: &Accounts, turn: u64) -> Call {
    let number = STRANGERS + turn;
    let email = address(number, &mut Rng::of(number));
    let request = json!({ "email": email, "roleID": "auditor" });
    let right = move |body: &Value| body["email"] == email.as_str() && body["state"] == "invited";
    Call { function: "create-invitation", method: "POST", body: Some(request), status: 201, ..list("", right) }
}

fn resend(accounts: &Accounts, turn: u64) -> Call {
    let id = accounts.any_open(turn).id;
    let right = move |body: &Value| body["id"] == id.to_string() && body["state"] == "invited";
    Call { function: "modify-invitation", method: "POST", path: one(id), ..list("", right) }
}

fn revoke(accounts: &Accounts, turn: u64) -> Call {
    let id = accounts.any_open(turn).id;
    let right = move |body: &Value| body["id"] == id.to_string() && body["state"] == "revoked";
    let request = Some(json!({ "state": "revoked" }));
    Call { function: "modify-invitation", method: "POST", path: one(id), body: request, ..list("", right) }
}

fn list(query: &str, right: impl Fn(&Value) -> bool + 'static) -> Call {
    let right = Box::new(right);
    let path = if query.is_empty() { "/invitations".to_owned() } else { format!("/invitations?{query}") };
    Call { function: "list-invitations", method: "GET", path, body: None, status: 200, right }
}

fn one(id: InvitationId) -> String {
    format!("/invitations/{id}")
}

fn ids(body: &Value) -> Vec<String> {
    let invitations = body["invitations"].as_array().map(Vec::as_slice).unwrap_or_default();
    invitations.iter().filter_map(|invitation| invitation["id"].as_str().map(str::to_owned)).collect()
}

/// A full page of exactly these, with another to follow.
fn in_order(page: &[InvitationId]) -> impl Fn(&Value) -> bool + 'static {
    let page: Vec<String> = page.iter().map(ToString::to_string).collect();
    move |body| ids(body) == page && body["next"].is_string()
}

/// A full page of invitations whose `field` is `value`, with another page to follow.
fn all_have(field: &'static str, value: &'static str) -> impl Fn(&Value) -> bool + 'static {
    move |body| {
        let invitations = body["invitations"].as_array().map(Vec::as_slice).unwrap_or_default();
        invitations.len() == PAGE && invitations.iter().all(|invitation| invitation[field] == value) && body["next"].is_string()
    }
}

impl Call {
    /// The event that API Gateway would make of it.
    pub(crate) fn event(&self, fixture: &Fixture) -> String {
        fixture.event(self.method, &self.path, self.body.as_ref())
    }
}
