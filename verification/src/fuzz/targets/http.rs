//! The functions behind the gateway, from the text of an event to the response.

use std::sync::Arc;

use functions::{account::console_page::PANEL, http::output::Reply};
use serde_json::{Value, json};
use shared::domain::{
    Email, RoleId,
    page::{Cursor, Filter, List, Order, OwnCursor},
};
use support::{Call, Endpoints, random::Random};
use tokio::runtime::{Builder, Runtime};

use crate::fuzz::{
    corpus::mutated_event,
    table::{ACCOUNT, Table, parsed, store, variable},
    target::{Target, Verdict},
};

/// The length limit of an error message, in bytes.
const MAX_MESSAGE: usize = 2000;

pub(super) fn of(route: &'static str) -> Box<dyn Target> {
    let table = Arc::new(Table::new());
    Box::new(Http {
        route,
        corpus: corpus(route, &table),
        endpoints: Endpoints::new(&store(&table), &variable),
        runtime: runtime(),
        secrets: [table.key.clone(), signature(&table.bearer), signature(&table.invitee)],
    })
}

fn signature(token: &str) -> String {
    token.rsplit('.').next().unwrap_or_default().to_owned()
}

/// A runtime for futures that never wait.
pub(super) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime starts")
}

struct Http {
    route: &'static str,
    corpus: Vec<Value>,
    endpoints: Endpoints,
    runtime: Runtime,
    /// The API key, and the signatures of the bearer tokens.
    secrets: [String; 3],
}

impl Target for Http {
    fn make(&self, random: &mut Random) -> String {
        mutated_event(random, &self.corpus)
    }

    fn check(&self, event: &str) -> Verdict {
        let reply = self.runtime.block_on(self.endpoints.respond(self.route, event));
        match self.check_reply(&reply) {
            Ok(()) if reply.status < 400 => Verdict::Accepted,
            Ok(()) => Verdict::Rejected,
            Err(why) => Verdict::Violation(format!("{why}: {} {:?} {}", reply.status, reply.headers, reply.body)),
        }
    }
}

impl Http {
    /// The properties of every response.
    fn check_reply(&self, reply: &Reply) -> Result<(), &'static str> {
        require((200..500).contains(&reply.status), "neither a success nor a client error")?;
        let printable = |value: &str| value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        require(reply.headers.iter().all(|(_, value)| printable(value)), "an invalid header value")?;
        // Callers cannot choose the id of a request, which every response has: the gateway makes it. Mutations can.
        let id = reply.headers.iter().find(|(name, _)| *name == "x-request-id").map_or("", |(_, value)| value);
        let body = if id.is_empty() { reply.body.clone() } else { reply.body.replace(id, "") };
        require(!self.secrets.iter().any(|secret| body.contains(secret)), "the credential is in the response")?;
        if reply.status < 300 && self.route == "GET /accept" {
            return require(reply.body == self.endpoints.page.html, "not the accept page");
        }
        if reply.status < 300 && self.route.starts_with("GET /console") {
            let console = &self.endpoints.console;
            let served = [console.html.as_str(), PANEL, &console.texts].contains(&reply.body.as_str());
            return require(served, "neither the console nor a file of it");
        }
        if (300..400).contains(&reply.status) {
            let tagged = reply.headers.iter().any(|(name, _)| *name == "etag");
            return require(reply.status == 304 && reply.body.is_empty() && tagged, "not the form of a 304");
        }
        let body: Value = serde_json::from_str(&reply.body).map_err(|_| "not JSON")?;
        if reply.status >= 400 {
            require(body["requestId"].is_string(), "an error without the id of the request")?;
            return check_error(&body, &["requestId"]);
        }
        if self.route == "POST /invitations/bulk" {
            return check_results(&body);
        }
        if self.route == "GET /invitations/caller" {
            let own = body["account"] == ACCOUNT && body["permissions"].is_array();
            return require(own, "not the caller");
        }
        let shown = if ["GET /invitations", "GET /invitations/mine"].contains(&self.route) {
            body["invitations"].as_array().map_or(&[][..], Vec::as_slice)
        } else {
            std::slice::from_ref(&body)
        };
        require(shown.len() <= 100, "more invitations than a page holds")?;
        require(shown.iter().all(is_valid), "an invitation with invalid fields")
    }
}

fn require(holds: bool, violation: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(violation) }
}

/// Whether the fields of an invitation are those of one.
fn is_valid(invitation: &Value) -> bool {
    let part = |field: &str| invitation[field].as_str().unwrap_or_default();
    part("email").parse::<Email>().is_ok() && part("roleID").parse::<RoleId>().is_ok() && !part("state").is_empty()
}

/// The properties of every error. `more` are fields that it may have besides the usual ones.
fn check_error(error: &Value, more: &[&str]) -> Result<(), &'static str> {
    let text = |field: &str| error[field].as_str();
    let names = ["code", "message", "field", "fields"];
    let known = error.as_object().is_some_and(|error| error.keys().all(|it| names.contains(&&**it) || more.contains(&&**it)));
    require(known && text("code").is_some(), "not the form of an error")?;
    let fields = error["fields"].as_object().ok_or("an error without fields")?;
    require(text("field").is_none_or(|field| fields.contains_key(field)), "a field that is not among the fields")?;
    require(fields.is_empty() == text("field").is_none(), "fields without a field")?;
    require(fields.values().all(|it| it.as_str().is_some_and(|it| (1..MAX_MESSAGE).contains(&it.len()))), "no reason")?;
    require(text("message").is_some_and(|it| (1..MAX_MESSAGE).contains(&it.len())), "no message, or one that is too long")
}

/// The properties of the results of a bulk.
fn check_results(body: &Value) -> Result<(), &'static str> {
    let results = body["results"].as_array().ok_or("no results")?;
    require((1..=100).contains(&results.len()), "no rows, or too many")?;
    results.iter().try_for_each(|result| match (result["status"].as_u64(), &result["invitation"], &result["error"]) {
        (Some(201), Value::Null, Value::Null) => Ok(()),
        (Some(201), invitation, Value::Null) => require(is_valid(invitation), "an invitation with invalid fields"),
        (Some(400 | 403 | 429), Value::Null, error) => check_error(error, &["retryAfter"]),
        _ => Err("a row that is neither a success nor a client error"),
    })
}

fn corpus(route: &str, table: &Table) -> Vec<Value> {
    let id = |at: usize| format!("/invitations/{}", table.invitations[at].resource.id);
    let signed = |call: Call| call.key(&table.key).header("api-version", "v1");
    let bearer = |call: Call| call.bearer(&table.bearer);
    let with_key = |call: Call| signed(call).header("idempotency-key", "\"a-key, of one's own\"");
    let calls = match route {
        "POST /invitations" => vec![
            signed(Call::create("user.one@example.com", "full-access")),
            with_key(Call::create("Üser@bücher.example", "read-only")),
            bearer(Call::create("user.one@example.com", "read-only").header("idempotency-key", "a-key")),
            signed(Call::create("user+two@xn--bcher-kva.example", "no-such-role")),
            signed(Call::post("/invitations").json(&json!({
                "email": "a@b.example", "roleID": "read-only", "expiry": "2030-03-20T09:01:12+01:00", "locale": "zh-Hant-TW",
            }))),
            signed(Call::post("/invitations").bytes(br#"{"email":"a@b.example","roleID":"read-only"}"#)),
        ],
        "POST /invitations/bulk" => {
            let row = |email: &str| json!({ "email": email, "roleID": "read-only" });
            let rows = [row("user.one@example.com"), row("Üser@bücher.example"), row("USER.one@example.com"), row("nobody"), json!({})];
            let full = json!({ "email": "a@b.example", "roleID": "x", "expiry": "2030-03-20T09:01:12+01:00", "locale": "zh-Hant-TW" });
            vec![
                signed(Call::bulk(&rows)),
                with_key(Call::bulk(&rows)),
                bearer(Call::bulk(&[full, json!([]), Value::Null])),
                signed(Call::bulk(&rows).query("dryRun=true")),
                signed(Call::bulk(&vec![row("a@b.example"); 100])),
                signed(Call::post("/invitations/bulk").bytes(br#"{"invitations":[{"email":"a@b.example","roleID":"read-only"}]}"#)),
            ]
        }
        "GET /invitations" => {
            let last = table.invitations[0].resource.clone();
            let of = |query: &str, filter: Filter, order: Option<Order>| {
                let list = List::new(filter, order);
                let next = Cursor::after(&last, &list, crate::fuzz::table::now()).encode(&last.account, &list);
                signed(Call::get(&format!("/invitations?{query}&cursor={next}")))
            };
            let address: Email = parsed("user.one@example.com");
            let filter = Filter { state: Some(parsed("invited")), email: Some(address.normalised().clone()), ..Filter::default() };
            let prefix = Filter { email_prefix: Some(parsed("user.")), ..Filter::default() };
            vec![
                signed(Call::get("/invitations")),
                bearer(Call::get("/invitations")),
                signed(Call::get("/invitations?limit=100&state=expired&order=asc")),
                signed(Call::get("/invitations?roleID=read-only&email=user%2Bthree%40example.com")),
                signed(Call::get("/invitations?emailPrefix=User%2Bthree%40ex&state=invited")),
                of("limit=1", Filter::default(), None),
                of("limit=1&order=asc", Filter::default(), Some(Order::Ascending)),
                of("state=invited&email=user.one%40example.com", filter, None),
                of("emailPrefix=user.", prefix.clone(), None),
                of("emailPrefix=user.&order=desc", prefix, Some(Order::Descending)),
            ]
        }
        "GET /invitations/{id}" => (0..4)
            .map(|at| signed(Call::get(&id(at))))
            .chain([bearer(Call::get(&id(0)))])
            .chain(["*", "\"a\", W/\"b\""].map(|tags| signed(Call::get(&id(0))).header("if-none-match", tags)))
            .collect(),
        "POST /invitations/{id}" => vec![
            signed(Call::post(&id(1))),
            bearer(Call::post(&id(1))),
            signed(Call::post(&format!("{}?force=true", id(1)))),
            with_key(Call::post(&id(1)).json(&json!({ "state": "revoked" }))),
            signed(Call::post(&id(0)).json(&json!({ "state": "invited" }))),
            signed(Call::post(&id(3)).bytes(br#"{"state":"revoked"}"#)),
            signed(Call::post(&id(1)).header("if-match", "*")),
            signed(Call::post(&id(1)).header("if-match", "\"a\", W/\"b\"")),
        ],
        "GET /invitations/caller" => {
            let calls = ["", "?", "?x=1"].map(|query| Call::get(&format!("/invitations/caller{query}")));
            calls.into_iter().flat_map(|call| [signed(call.clone()), bearer(call)]).collect()
        }
        "GET /invitations/mine" => {
            let last = &table.invitations[0].resource;
            let cursor = OwnCursor { expiry: last.expiry, account: last.account.clone() }.encode(last.email.normalised());
            let queries = [String::new(), "?limit=1".to_owned(), format!("?limit=0&cursor={cursor}")];
            queries.iter().map(|query| Call::get(&format!("/invitations/mine{query}")).bearer(&table.invitee)).collect()
        }
        "GET /console" => vec![Call::get("/console"), Call::get("/console?code=x&state=y").header("accept-language", "de")],
        "GET /console/{file}" => {
            let files = ["invitations-panel.js", "invitations-panel.js?v=0123456789abcdef", "texts.json", "texts.json?x", "..%2Fconsole"];
            let calls = files.map(|file| Call::get(&format!("/console/{file}")));
            calls.iter().cloned().chain(calls.iter().cloned().map(|call| call.header("if-none-match", "\"a\", W/\"b\", *"))).collect()
        }
        "GET /accept" => vec![Call::get("/accept"), Call::get("/accept?utm_source=mail").header("accept-language", "de")],
        holder => {
            let verb = holder.rsplit('/').next().unwrap_or_default();
            let mut calls: Vec<Call> = table.tokens.iter().map(|token| Call::holder(verb, token)).collect();
            if verb != "lookup" {
                let call = |body: Value| Call::post(&format!("/invitations/{verb}")).json(&body);
                let host = json!({ "token": table.tokens[1], "principal": "user-17", "email": "user.two@bücher.example" });
                let own = json!({ "id": table.invitations[0].resource.id.to_string(), "account": ACCOUNT });
                calls.extend([call(host).key(&table.key), call(own).bearer(&table.invitee)]);
                calls.extend([&table.tokens[0], &table.tokens[1]].map(|token| Call::holder(verb, token).bearer(&table.invitee)));
            }
            calls
        }
    };
    calls.iter().map(Call::event).collect()
}
