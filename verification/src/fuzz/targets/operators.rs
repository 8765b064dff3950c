//! The functions that operators invoke.

use std::{sync::Arc, time::Duration};

use functions::operator::{
    erase_invitee,
    invocation::{self, Table as Direct},
    manage_account_settings,
    manage_api_keys::{self, Keys},
    revoke_invitations::{self, Revocations},
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::http::runtime;
use support::random::Random;

use crate::fuzz::{
    corpus::mutated_event,
    table::{ACCOUNT, EXTERNAL_ID, Table, config, store},
    target::{Target, Verdict},
};

/// A picture of one white pixel.
const LOGO: &str = "data:image/gif;base64,R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=";

pub(super) fn keys() -> Box<dyn Target> {
    let keys = Keys::new(store(&Arc::new(Table::new())), config().roles);
    let corpus = vec![
        json!({ "action": "create", "account": ACCOUNT, "role": "full-access", "name": "Jane", "expiry": "2031-01-01T00:00:00Z" }),
        json!({ "action": "create", "account": ACCOUNT, "role": "read-only" }),
        json!({ "action": "create", "externalID": EXTERNAL_ID, "role": "read-only" }),
        json!({ "action": "list", "account": ACCOUNT, "cursor": "Fuzz00000001" }),
        json!({ "action": "disable", "account": ACCOUNT, "id": "Fuzz00000001" }),
    ];
    let runtime = runtime();
    Box::new(OperatorTarget {
        corpus,
        invoke: move |event: &str| answer(&runtime, invocation::respond(Ok(&keys), event, "invocation-1", &manage_api_keys::handle)),
    })
}

pub(super) fn settings() -> Box<dyn Target> {
    let table = Direct(store(&Arc::new(Table::new())));
    let corpus = vec![
        json!({ "action": "describe", "account": ACCOUNT }),
        json!({ "action": "set", "account": ACCOUNT, "name": "Acme Ltd", "colour": "#0B5FFF", "locale": "de-at", "binding": "email" }),
        json!({ "action": "set", "account": ACCOUNT, "redirect": "https://app.example.com/in?a=b#c", "logo": LOGO }),
        json!({ "action": "set", "account": ACCOUNT, "name": "", "colour": "", "logo": "" }),
        json!({ "action": "set", "account": ACCOUNT, "externalID": "Org/7:{b}" }),
        json!({ "action": "describe", "externalID": EXTERNAL_ID }),
        json!({ "action": "create", "externalID": "Org/8", "name": "Acme Ltd" }),
    ];
    let runtime = runtime();
    Box::new(OperatorTarget {
        corpus,
        invoke: move |event: &str| {
            answer(&runtime, invocation::respond(Ok(&table), event, "invocation-1", &manage_account_settings::handle))
        },
    })
}

pub(super) fn erasure() -> Box<dyn Target> {
    let table = Direct(store(&Arc::new(Table::new())));
    let corpus = vec![
        json!({ "account": ACCOUNT, "email": "user.one@example.com" }),
        json!({ "account": ACCOUNT, "email": "User+Three@bücher.example" }),
        json!({ "externalID": EXTERNAL_ID, "email": "user.one@example.com" }),
    ];
    let runtime = runtime();
    Box::new(OperatorTarget {
        corpus,
        invoke: move |event: &str| answer(&runtime, invocation::respond(Ok(&table), event, "invocation-1", &erase_invitee::handle)),
    })
}

pub(super) fn revocation() -> Box<dyn Target> {
    let revocations = Revocations { store: store(&Arc::new(Table::new())), retention: None, time_limit: Duration::ZERO };
    let corpus = vec![
        json!({ "account": ACCOUNT, "email": "user.one@example.com" }),
        json!({ "account": ACCOUNT, "roleID": "read-only" }),
        json!({ "account": ACCOUNT, "invitedBy": format!("urn:cloudone:identity:ca-1:{ACCOUNT}:apikey/Fuzz00000001"), "roleID": "full-access" }),
        json!({ "externalID": EXTERNAL_ID, "invitedBy": format!("urn:cloudone:identity:ca-1:{ACCOUNT}:user/https://login.example.com:7") }),
    ];
    let runtime = runtime();
    Box::new(OperatorTarget {
        corpus,
        invoke: move |event: &str| {
            answer(&runtime, invocation::respond(Ok(&revocations), event, "invocation-1", &revoke_invitations::handle))
        },
    })
}

fn answer(runtime: &Runtime, work: impl Future<Output = String>) -> String {
    runtime.block_on(work)
}

struct OperatorTarget<A> {
    corpus: Vec<Value>,
    invoke: A,
}

impl<A: Fn(&str) -> String> Target for OperatorTarget<A> {
    fn make(&self, random: &mut Random) -> String {
        mutated_event(random, &self.corpus)
    }

    fn check(&self, event: &str) -> Verdict {
        let answer = (self.invoke)(event);
        let Ok(Value::Object(body)) = serde_json::from_str(&answer) else { return Verdict::Violation(format!("not an object: {answer}")) };
        match body.get("code").map(Value::as_str) {
            None => Verdict::Accepted,
            Some(Some("internal-error" | "unavailable") | None) => Verdict::Violation(format!("an internal error: {answer}")),
            Some(Some(_)) if body["message"].as_str().is_some_and(|it| it.len() < 2000) => Verdict::Rejected,
            Some(Some(_)) => Verdict::Violation(format!("no message, or one that is too long: {answer}")),
        }
    }
}
