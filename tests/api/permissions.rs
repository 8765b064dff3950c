//! What functions do, what they could do, and whether their policies tell the two apart.

use std::collections::{BTreeMap, BTreeSet};

use local::iam::{Deployment, Key, Policy, Request, Role, Template};
use support::{ACCOUNT, OTHER_ACCOUNT, root_file};

use crate::operations::{EXTERNAL_ID, ISSUER_KEYS, observed};

/// The address that emails are sent from.
pub(crate) const SENDER: &str = "invitations@sender.example";

/// What each function does, by its name.
pub(crate) type Used = BTreeMap<String, BTreeSet<Request>>;

pub(crate) fn project_template() -> Template {
    Template::parse(&root_file("template.yaml")).expect("template.yaml is a template")
}

/// A deployment that the requests of tests suit.
pub(crate) fn deployment(only_account: &str) -> Deployment {
    let variables = [
        ("TABLE_NAME", "invitations"),
        ("ONLY_ACCOUNT", only_account),
        // Functions send the domain in lower case.
        ("FROM_ADDRESS", "invitations@Sender.Example"),
        ("CONFIGURATION_SET", "emails"),
        ("EVENT_BUS", "events"),
    ];
    Deployment::of(&|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
}

pub(crate) fn roles() -> BTreeMap<String, Role> {
    project_template().roles(&deployment("*")).expect("the policies are supported")
}

fn arn(service: &str, resource: &str) -> String {
    deployment("*").location.arn(service, resource)
}

/// What Lambda does with the role of a function: writes its log, reads its stream, reports failed events.
fn by_lambda(function: &str) -> Vec<Request> {
    let log = arn("logs", &format!("log-group:/aws/lambda/local/{function}:log-stream:1"));
    let mut requests = vec![Request::new("logs:PutLogEvents", log)];
    if function == "deliver-invitations" {
        let stream = arn("dynamodb", "table/invitations/stream/1");
        requests
            .extend(["DescribeStream", "GetRecords", "GetShardIterator"].map(|action| Request::new(format!("dynamodb:{action}"), &stream)));
        requests.push(Request::new("sqs:SendMessage", arn("sqs", "local-StreamDeadLetterQueue")));
    }
    if function == "record-feedback" {
        requests.push(Request::new("sqs:SendMessage", arn("sqs", "local-FeedbackDeadLetterQueue")));
    }
    requests
}

/// What each function does, itself and by Lambda.
pub(crate) async fn used() -> Used {
    let mut used = observed().await.authorized.clone();
    for (function, requests) in &mut used {
        requests.extend(by_lambda(function));
    }
    used
}

/// Sets of partition keys: one of each kind, kinds without anything after them, none, and several at once.
fn partition_sets() -> Vec<Vec<String>> {
    let own = format!("A#{ACCOUNT}");
    let mut kinds: Vec<String> = ["A", "KEYS", "SETTINGS", "B"].iter().map(|kind| format!("{kind}#{ACCOUNT}")).collect();
    kinds.extend([format!("EXTERNAL#{EXTERNAL_ID}"), ISSUER_KEYS.to_owned()]);
    kinds.extend(["A#", "KEYS#", "SETTINGS#", "EXTERNAL#", "ISSUER#"].map(str::to_owned));
    let alone = kinds.iter().map(|kind| vec![kind.clone()]);
    let several = kinds.iter().skip(1).map(|kind| vec![own.clone(), kind.clone()]);
    alone.chain(several).chain([Vec::new()]).collect()
}

/// Requests of every kind: those that some function makes, and those that none may make.
pub(crate) fn possible_requests() -> Vec<Request> {
    let table = arn("dynamodb", "table/invitations");
    let mut all = Vec::new();
    let rows = [
        ("GetItem", &[None, Some("TransactGetItems")][..]),
        ("PutItem", &[None, Some("TransactWriteItems")]),
        ("UpdateItem", &[None, Some("TransactWriteItems")]),
        ("DeleteItem", &[None, Some("TransactWriteItems")]),
        ("ConditionCheckItem", &[None]),
        ("BatchGetItem", &[None]),
        ("BatchWriteItem", &[None]),
        ("PartiQLSelect", &[None]),
    ];
    for partitions in partition_sets() {
        for (action, enclosing) in rows {
            all.extend(enclosing.iter().map(|enclosing| {
                let request = Request::new(format!("dynamodb:{action}"), &table).with(Key::LeadingKeys, partitions.clone());
                request.with(Key::EnclosingOperation, *enclosing)
            }));
        }
        for resource in ["", "/index/by_state", "/index/by_email", "/index/by_role"] {
            let query = Request::new("dynamodb:Query", format!("{table}{resource}")).with(Key::LeadingKeys, partitions.clone());
            all.extend([None, Some("COUNT")].map(|select| query.clone().with(Key::Select, select)));
        }
    }
    // The partitions of these indexes are shards and addresses.
    for (index, partition) in [("due", "0"), ("late", "0"), ("by_invitee", "user.five@example.com")] {
        all.push(Request::new("dynamodb:Query", format!("{table}/index/{index}")).with(Key::LeadingKeys, [partition]));
    }
    for resource in ["", "/index/by_state", "/index/due", "/index/by_invitee"] {
        let scan = Request::new("dynamodb:Scan", format!("{table}{resource}"));
        all.extend([None, Some("COUNT")].map(|select| scan.clone().with(Key::Select, select)));
    }
    all.extend(["DescribeTable", "DeleteTable", "UpdateTable"].map(|action| Request::new(format!("dynamodb:{action}"), &table)));
    let other = arn("dynamodb", "table/other");
    for action in ["GetItem", "PutItem", "Query"] {
        all.push(Request::new(format!("dynamodb:{action}"), &other).with(Key::LeadingKeys, [format!("A#{ACCOUNT}")]));
    }
    for stream in [format!("{table}/stream/1"), format!("{other}/stream/1")] {
        all.extend(["DescribeStream", "GetRecords", "GetShardIterator"].map(|action| Request::new(format!("dynamodb:{action}"), &stream)));
    }
    all.extend(of_other_services());
    all
}

fn of_other_services() -> Vec<Request> {
    let identities =
        ["identity/sender.example", "identity/invitations@sender.example", "configuration-set/emails", "configuration-set/other"];
    let senders = [Some(SENDER), Some("Invitations@Sender.example"), Some("other@sender.example"), None];
    let emails = identities
        .into_iter()
        .flat_map(|resource| senders.map(|sender| Request::new("ses:SendEmail", arn("ses", resource)).with(Key::FromAddress, sender)));
    let sources = [&["invitations"][..], &["other"], &["invitations", "other"], &[]];
    let events = ["events", "default"].into_iter().flat_map(|bus| {
        sources.map(|sources| {
            Request::new("events:PutEvents", arn("events", &format!("event-bus/{bus}"))).with(Key::Source, sources.iter().copied())
        })
    });
    let functions = ["create-invitation", "deliver-invitations", "accept-page", "record-feedback"];
    let logs = functions.map(|name| arn("logs", &format!("log-group:/aws/lambda/local/{name}:log-stream:1")));
    let logs = logs.into_iter().map(|stream| Request::new("logs:PutLogEvents", stream));
    let queues = ["local-StreamDeadLetterQueue", "local-FeedbackDeadLetterQueue", "other"];
    let queues = queues.map(|queue| Request::new("sqs:SendMessage", arn("sqs", queue)));
    let others = [
        Request::new("lambda:InvokeFunction", arn("lambda", "function:local-manage-api-keys")),
        Request::new("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:local-LinkKey")),
        Request::new("sns:Publish", arn("sns", "local-AlarmTopic")),
    ];
    emails.chain(events).chain(logs).chain(queues).chain(others).collect()
}

/// Whether a function that does `one` may also do `other`: permission to read rows includes permission to count them, that for
/// several partitions includes each of them, that to do something includes doing it in a transaction, and case does not matter in an
/// address.
fn includes(one: &Request, other: &Request) -> bool {
    let same_or_any = |key: Key| !one.context.contains_key(&key) || one.context.get(&key) == other.context.get(&key);
    let partitions = match (one.context.get(&Key::LeadingKeys), other.context.get(&Key::LeadingKeys)) {
        (Some(one), Some(other)) => other.is_subset(one),
        (one, other) => one == other,
    };
    let sender = |request: &Request| request.values(Key::FromAddress).next().map(str::to_lowercase);
    (&one.action, &one.resource) == (&other.action, &other.resource)
        && partitions
        && same_or_any(Key::Select)
        && same_or_any(Key::EnclosingOperation)
        && one.context.get(&Key::Source) == other.context.get(&Key::Source)
        && sender(one) == sender(other)
}

/// Whether a function must be allowed a request.
pub(crate) fn is_needed(used: &BTreeSet<Request>, request: &Request) -> bool {
    used.iter().any(|one| includes(one, request))
}

/// Where the policies of a template allow too little or too much.
pub(crate) fn differences(template: &Template, used: &Used) -> Vec<String> {
    let roles = match template.roles(&deployment("*")) {
        Ok(roles) => roles,
        Err(reason) => return vec![reason],
    };
    let mut differences = Vec::new();
    let possible = possible_requests();
    for (function, used) in used {
        let policy = roles.get(function).map(|role| role.policy.clone()).unwrap_or_default();
        differences.extend(denied(&policy, used).map(|request| format!("{function} is denied what it does: {}", short(request))));
        let excessive = possible.iter().filter(|request| policy.allows(request) && !is_needed(used, request));
        differences.extend(excessive.map(|request| format!("{function} is allowed what it does not do: {}", short(request))));
    }
    // A stack for one account must not reach another one.
    if let Ok(roles) = template.roles(&deployment(OTHER_ACCOUNT)) {
        for (function, used) in used {
            let policy = roles.get(function).map(|role| role.policy.clone()).unwrap_or_default();
            let of_account = |request: &&Request| request.values(Key::LeadingKeys).any(|partition| partition.ends_with(ACCOUNT));
            let reached = used.iter().filter(of_account).filter(|request| policy.allows(request));
            differences.extend(reached.map(|request| format!("{function} reaches another account: {}", short(request))));
        }
    }
    differences
}

/// What a function does and its policy denies.
pub(crate) fn denied<'a>(policy: &Policy, used: &'a BTreeSet<Request>) -> impl Iterator<Item = &'a Request> {
    used.iter().filter(move |request| !policy.allows(request))
}

/// A request as one line.
pub(crate) fn short(request: &Request) -> String {
    let resource = request.resource.splitn(6, ':').last().unwrap_or_default();
    let context = request.context.iter().map(|(key, values)| format!(", {} {values:?}", key.name()));
    format!("{} on {resource}{}", request.action, context.collect::<String>())
}
