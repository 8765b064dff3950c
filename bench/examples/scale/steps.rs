//! The measured requests, with checks of their responses.

use bench::fixture::Fixture;
use serde_json::{Value, json};
use shared::domain::{InvitationId, Timestamp};

use crate::{
    account::{Account, PAGE},
    population::address,
    rng::Rng,
};

/// The measured functions, by the names of their binaries.
pub(crate) const FUNCTIONS: [&str; 4] = ["create-invitation", "list-invitations", "describe-invitation", "modify-invitation"];

/// The first number of addresses outside the loaded population.
const NEW_ADDRESSES: u64 = 8_000_000;

/// One kind of request.
pub(crate) struct Step {
    /// Its name in the report.
    pub(crate) name: &'static str,
    /// Whether its time is limited.
    pub(crate) timed: bool,
    /// The read units that it may consume.
    pub(crate) max_read: f64,
    /// The request of a turn.
    pub(crate) call: fn(&Account, turn: u64) -> Call,
}

/// A request and its expected response.
pub(crate) struct Call {
    /// The invoked function.
    pub(crate) function: &'static str,
    method: &'static str,
    path: String,
    body: Option<Value>,
    /// The expected status.
    pub(crate) status: u16,
    /// Whether a body is the expected one.
    pub(crate) is_expected: Box<dyn Fn(&Value) -> bool>,
}

/// All steps in order: those that read come first, while the account has its exact size, and those that close invitations last.
pub(crate) const STEPS: [Step; 13] = [
    Step { name: "describe", timed: true, max_read: 1.0, call: describe },
    Step { name: "list, first page", timed: true, max_read: 5.0, call: |account, _| list("", in_order(account.first_page())) },
    Step { name: "list, page 10,000", timed: true, max_read: 5.0, call: deep_page },
    Step { name: "state=invited", timed: true, max_read: 3.0, call: |_, _| list("state=invited", all_have("state", "invited")) },
    Step { name: "state=invited, page 10,000", timed: true, max_read: 3.0, call: deep_invited_page },
    Step { name: "state=expired", timed: true, max_read: 3.0, call: |_, _| list("state=expired", all_have("state", "expired")) },
    Step { name: "state=revoked", timed: true, max_read: 3.0, call: |_, _| list("state=revoked", all_have("state", "revoked")) },
    Step { name: "email=…", timed: true, max_read: 3.0, call: by_email },
    Step { name: "roleID=auditor", timed: true, max_read: 3.0, call: |_, _| list("roleID=auditor", all_have("roleID", "auditor")) },
    Step { name: "state=invited&roleID=full-access", timed: true, max_read: 15.0, call: combined },
    Step { name: "create", timed: true, max_read: 0.0, call: create },
    Step { name: "resend", timed: false, max_read: 1.0, call: resend },
    Step { name: "revoke", timed: false, max_read: 1.0, call: revoke },
];

fn describe(account: &Account, turn: u64) -> Call {
    let spec = account.any(turn);
    let expected = json!({ "id": spec.id.to_string(), "email": spec.email, "roleID": spec.role, "state": spec.state.as_str() });
    let is_expected =
        move |body: &Value| expected.as_object().is_some_and(|fields| fields.iter().all(|(name, value)| body[name] == *value));
    Call { function: "describe-invitation", method: "GET", path: one(spec.id), ..list("", is_expected) }
}

fn deep_page(account: &Account, _: u64) -> Call {
    let (cursor, page) = account.deep_page();
    list(&format!("cursor={cursor}"), in_order(page))
}

fn deep_invited_page(account: &Account, _: u64) -> Call {
    let (cursor, page) = account.deep_invited_page(Timestamp::now());
    list(&format!("state=invited&cursor={cursor}"), in_order(&page))
}

fn by_email(account: &Account, turn: u64) -> Call {
    let spec = account.any(turn);
    let is_expected = move |body: &Value| ids(body) == [spec.id.to_string()];
    // The only characters of these addresses that a query must encode.
    let email = spec.email.replace('@', "%40").replace('\'', "%27");
    list(&format!("email={email}"), is_expected)
}

fn combined(_: &Account, _: u64) -> Call {
    let (state, role) = (all_have("state", "invited"), all_have("roleID", "full-access"));
    list("state=invited&roleID=full-access", move |body| state(body) && role(body))
}

fn create(_: &Account, turn: u64) -> Call {
    let number = NEW_ADDRESSES + turn;
    let email = address(number, &mut Rng::of(number));
    let request = json!({ "email": email, "roleID": "auditor" });
    let is_expected = move |body: &Value| body["email"] == email.as_str() && body["state"] == "invited";
    Call { function: "create-invitation", method: "POST", body: Some(request), status: 201, ..list("", is_expected) }
}

fn resend(account: &Account, turn: u64) -> Call {
    let id = account.any_open(turn).id;
    let is_expected = move |body: &Value| body["id"] == id.to_string() && body["state"] == "invited";
    Call { function: "modify-invitation", method: "POST", path: one(id), ..list("", is_expected) }
}

fn revoke(account: &Account, turn: u64) -> Call {
    let id = account.any_open(turn).id;
    let is_expected = move |body: &Value| body["id"] == id.to_string() && body["state"] == "revoked";
    let request = Some(json!({ "state": "revoked" }));
    Call { function: "modify-invitation", method: "POST", path: one(id), body: request, ..list("", is_expected) }
}

fn list(query: &str, is_expected: impl Fn(&Value) -> bool + 'static) -> Call {
    let is_expected = Box::new(is_expected);
    let path = if query.is_empty() { "/invitations".to_owned() } else { format!("/invitations?{query}") };
    Call { function: "list-invitations", method: "GET", path, body: None, status: 200, is_expected }
}

fn one(id: InvitationId) -> String {
    format!("/invitations/{id}")
}

fn ids(body: &Value) -> Vec<String> {
    let invitations = body["invitations"].as_array().map(Vec::as_slice).unwrap_or_default();
    invitations.iter().filter_map(|invitation| invitation["id"].as_str().map(str::to_owned)).collect()
}

/// A full page of exactly these, with a next one.
fn in_order(page: &[InvitationId]) -> impl Fn(&Value) -> bool + 'static {
    let page: Vec<String> = page.iter().map(ToString::to_string).collect();
    move |body| ids(body) == page && body["next"].is_string()
}

/// A full page of invitations whose `field` is `value`, with a next one.
fn all_have(field: &'static str, value: &'static str) -> impl Fn(&Value) -> bool + 'static {
    move |body| {
        let invitations = body["invitations"].as_array().map(Vec::as_slice).unwrap_or_default();
        invitations.len() == PAGE && invitations.iter().all(|invitation| invitation[field] == value) && body["next"].is_string()
    }
}

impl Call {
    /// The event that API Gateway would send.
    pub(crate) fn event(&self, fixture: &Fixture) -> String {
        fixture.event(self.method, &self.path, self.body.as_ref())
    }
}
