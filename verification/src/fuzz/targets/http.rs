//! The functions behind the gateway, from the text of an event to the answer.

use std::sync::Arc;

use functions::http::output::Reply;
use serde_json::{Value, json};
use shared::domain::{
    Email, RoleId,
    page::{Cursor, Filter},
};
use support::{Call, Endpoints, random::Random};
use tokio::runtime::{Builder, Runtime};

use crate::fuzz::{
    corpus::changed,
    table::{Table, parsed, store, variable},
    target::{Target, Verdict},
};

/// What an error's sentence may be long, in bytes.
const LONGEST_MESSAGE: usize = 2000;

pub(super) fn of(route: &'static str) -> Box<dyn Target> {
    let table = Arc::new(Table::new());
    Box::new(Http {
        route,
        corpus: corpus(route, &table),
        endpoints: Endpoints::new(&store(&table), &variable),
        runtime: runtime(),
        secret: table.key.clone(),
    })
}

/// For futures that have nothing to wait for.
pub(super) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime can be made")
}

struct Http {
    route: &'static str,
    corpus: Vec<Value>,
    endpoints: Endpoints,
    runtime: Runtime,
    secret: String,
}

impl Target for Http {
    fn make(&self, random: &mut Random) -> String {
        changed(random, &self.corpus)
    }

    fn check(&self, event: &str) -> Verdict {
        let reply = self.runtime.block_on(self.endpoints.answer(self.route, event));
        match self.check(&reply) {
            Ok(()) if reply.status < 300 => Verdict::Accepted,
            Ok(()) => Verdict::Refused,
            Err(why) => Verdict::Broken(format!("{why}: {} {:?} {}", reply.status, reply.headers, reply.body)),
        }
    }
}

impl Http {
    /// What every answer promises.
    fn check(&self, reply: &Reply) -> Result<(), &'static str> {
        let is = |holds: bool, otherwise| if holds { Ok(()) } else { Err(otherwise) };
        is((200..300).contains(&reply.status) || (400..500).contains(&reply.status), "neither a success nor the caller's fault")?;
        let clean = |value: &str| value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        is(reply.headers.iter().all(|(_, value)| clean(value)), "a header that is none")?;
        is(!reply.body.contains(&self.secret), "the key is in the answer")?;
        if reply.status < 300 && self.route == "GET /accept" {
            return is(reply.body == self.endpoints.page.html, "another page");
        }
        let body: Value = serde_json::from_str(&reply.body).map_err(|_| "no JSON")?;
        let text = |field: &str| body[field].as_str();
        if reply.status >= 400 {
            let known =
                body.as_object().is_some_and(|body| body.keys().all(|it| ["code", "message", "field", "requestId"].contains(&&**it)));
            is(known && text("code").is_some() && text("requestId").is_some(), "not the form of an error")?;
            return is(text("message").is_some_and(|it| (1..LONGEST_MESSAGE).contains(&it.len())), "no sentence, or a long one");
        }
        let shown = if self.route == "GET /invitations" {
            body["invitations"].as_array().map_or(&[][..], Vec::as_slice)
        } else {
            std::slice::from_ref(&body)
        };
        is(shown.len() <= 100, "more than a page")?;
        let fits = |it: &Value| {
            let part = |field: &str| it[field].as_str().unwrap_or_default();
            part("email").parse::<Email>().is_ok() && part("roleID").parse::<RoleId>().is_ok() && !part("state").is_empty()
        };
        is(shown.iter().all(fits), "shows what could not be asked for")
    }
}

fn corpus(route: &str, table: &Table) -> Vec<Value> {
    let id = |at: usize| format!("/invitations/{}", table.invitations[at].id);
    let signed = |call: Call| call.key(&table.key).header("api-version", "v1");
    let kept = |call: Call| signed(call).header("idempotency-key", "\"a-key, of one's own\"");
    let calls = match route {
        "POST /invitations" => vec![
            signed(Call::create("user.one@example.com", "full-access")),
            kept(Call::create("Üser@bücher.example", "read-only")),
            signed(Call::create("user+two@xn--bcher-kva.example", "no-such-role")),
            signed(Call::post("/invitations").json(&json!({
                "email": "a@b.example", "roleID": "read-only", "expiry": "2030-03-20T09:01:12+01:00", "locale": "zh-Hant-TW",
            }))),
            signed(Call::post("/invitations").bytes(br#"{"email":"a@b.example","roleID":"read-only"}"#)),
        ],
        "GET /invitations" => {
            let last = table.invitations[0].resource();
            let of = |query: &str, filter: &Filter| {
                let next = Cursor::after(&last, filter, crate::fuzz::table::now()).encode(&last.account, filter);
                signed(Call::get(&format!("/invitations?{query}&cursor={next}")))
            };
            let address: Email = parsed("user.one@example.com");
            let filter = Filter { state: Some(parsed("invited")), email: Some(address.normalised().clone()), role: None };
            vec![
                signed(Call::get("/invitations")),
                signed(Call::get("/invitations?limit=100&state=expired")),
                signed(Call::get("/invitations?roleID=read-only&email=user%2Bthree%40example.com")),
                of("limit=1", &Filter::default()),
                of("state=invited&email=user.one%40example.com", &filter),
            ]
        }
        "GET /invitations/{id}" => (0..4).map(|at| signed(Call::get(&id(at)))).collect(),
        "POST /invitations/{id}" => vec![
            signed(Call::post(&id(1))),
            signed(Call::post(&format!("{}?force=true", id(1)))),
            kept(Call::post(&id(1)).json(&json!({ "state": "revoked" }))),
            signed(Call::post(&id(0)).json(&json!({ "state": "invited" }))),
            signed(Call::post(&id(3)).bytes(br#"{"state":"revoked"}"#)),
        ],
        "GET /accept" => vec![Call::get("/accept"), Call::get("/accept?utm_source=mail").header("accept-language", "de")],
        holder => {
            let verb = holder.rsplit('/').next().unwrap_or_default();
            let mut calls: Vec<Call> = table.tokens.iter().map(|token| Call::holder(verb, token)).collect();
            if verb == "accept" {
                let body = json!({ "token": table.tokens[1], "principal": "user-17", "email": "user.two@bücher.example" });
                calls.push(Call::post("/invitations/accept").json(&body).key(&table.key));
            }
            calls
        }
    };
    calls.iter().map(Call::event).collect()
}
