//! Binaries, template, local router, OpenAPI and code agree on endpoints and variables.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    env,
    process::Command,
};

use functions::{
    account::{
        console_page, create_invitation, create_invitations, describe_caller, describe_invitation, list_invitations, modify_invitation,
    },
    invitee::{accept_invitation, accept_page, decline_invitation, list_own_invitations, lookup_invitation},
};
use serde_json::Value;
use shared::config::{Config, DeliveryConfig, read_default_settings, read_link_base, read_retention, read_send_limits, read_send_policy};
use support::{Call, openapi, root_file};

use crate::template::{functions, list, string, template};

/// Each binary and its routes.
fn expected_routes() -> BTreeMap<String, BTreeSet<String>> {
    let routes = [
        ("accept-invitation", Some(accept_invitation::ROUTE)),
        ("accept-page", Some(accept_page::ROUTE)),
        ("console-page", Some(console_page::ROUTE)),
        ("create-invitation", Some(create_invitation::ROUTE)),
        ("create-invitations", Some(create_invitations::ROUTE)),
        ("decline-invitation", Some(decline_invitation::ROUTE)),
        ("deliver-invitations", None),
        ("describe-caller", Some(describe_caller::ROUTE)),
        ("describe-invitation", Some(describe_invitation::ROUTE)),
        ("list-invitations", Some(list_invitations::ROUTE)),
        ("list-own-invitations", Some(list_own_invitations::ROUTE)),
        ("erase-invitee", None),
        ("lookup-invitation", Some(lookup_invitation::ROUTE)),
        ("manage-account-settings", None),
        ("manage-api-keys", None),
        ("modify-invitation", Some(modify_invitation::ROUTE)),
        ("reconcile-deliveries", None),
        ("record-feedback", None),
        ("refresh-issuers", None),
        ("revoke-invitations", None),
    ];
    let mut all: BTreeMap<String, BTreeSet<String>> =
        routes.into_iter().map(|(name, route)| (name.to_owned(), route.iter().map(ToString::to_string).collect())).collect();
    // The ones that answer to two methods, and one of them to several paths.
    for (name, route) in [
        ("accept-page", "HEAD /accept"),
        ("console-page", "HEAD /console"),
        ("console-page", "GET /console/{file}"),
        ("console-page", "HEAD /console/{file}"),
    ] {
        all.entry(name.to_owned()).or_default().insert(route.to_owned());
    }
    all
}

/// Only the binaries with a route.
fn routed(mut all: BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, BTreeSet<String>> {
    all.retain(|_, routes| !routes.is_empty());
    all
}

/// Cargo's metadata of the workspace.
fn metadata() -> Value {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo).args(["metadata", "--no-deps", "--format-version=1", "--manifest-path", manifest]).output();
    let output = output.expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo prints JSON")
}

#[test]
fn the_workspace_has_exactly_one_binary_for_each_endpoint() {
    let metadata = metadata();
    let mut binaries = BTreeMap::new();
    for package in list(&metadata["packages"]) {
        for target in list(&package["targets"]).filter(|target| list(&target["kind"]).any(|kind| kind == "bin")) {
            // cargo-lambda treats every binary of the workspace as a function.
            assert_eq!(package["name"], "functions", "{target}");
            binaries.insert(string(&target["name"]), string(&target["src_path"]));
        }
    }
    assert_eq!(binaries.keys().collect::<Vec<_>>(), expected_routes().keys().collect::<Vec<_>>());
    for (name, routes) in expected_routes() {
        // Each one is the shell of the module with its name.
        let module = name.replace('-', "_");
        let source = root_file(&format!("functions/src/bin/{name}.rs"));
        let mut wanted = vec![module.clone()];
        if !routes.is_empty() {
            wanted.extend([format!("{module}::ROUTE"), format!("{module}::handle")]);
        }
        assert!(wanted.iter().all(|text| source.contains(text)), "{name}: {wanted:?}");
    }
}

#[test]
fn the_template_has_the_same_functions_and_routes() {
    let found = functions(&template());
    for (name, function) in &found {
        let words = name.split('-').map(|word| word[..1].to_uppercase() + &word[1..]);
        assert_eq!(function.resource, words.collect::<String>() + "Function");
    }
    assert_eq!(found.into_iter().map(|(name, function)| (name, function.routes)).collect::<BTreeMap<_, _>>(), expected_routes());
}

#[test]
fn the_local_router_has_the_same_routes() {
    let metadata = metadata();
    let router = metadata["metadata"]["lambda"]["watch"]["router"].as_object().expect("a router").clone();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, targets) in &router {
        for target in list(targets) {
            found.entry(string(&target["function"])).or_default().insert(format!("{} {path}", string(&target["method"])));
        }
    }
    assert_eq!(found, routed(expected_routes()));
}

/// API Gateway, and the local router, prefer a fixed path to one with a parameter: `/invitations/mine` is no invitation.
#[test]
fn the_tests_route_fixed_paths_like_the_gateway() {
    for route in expected_routes().into_values().flatten() {
        let (method, path) = route.split_once(' ').expect("a method and a path");
        let call = Call::new(method, path);
        assert_eq!((call.route(), call.id().is_some()), (route.clone(), path.ends_with("{id}")));
    }
}

#[test]
fn openapi_describes_the_same_routes_under_the_same_names() {
    let document = openapi::document();
    let methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations").iter().filter(|(name, _)| methods.contains(&name.as_str())) {
            let id = string(&operation["operationId"]);
            let name: String =
                id.chars().map(|c| if c.is_uppercase() { format!("-{}", c.to_lowercase()) } else { c.to_string() }).collect();
            // Each operation has a unique name; a HEAD has the name of its GET with a suffix.
            let name = if method == "head" { name.strip_suffix("-head").expect("the name of its GET").to_owned() } else { name };
            // So do the files of a page.
            let name = name.strip_suffix("-file").filter(|_| path.ends_with("/{file}")).map(str::to_owned).unwrap_or(name);
            found.entry(name).or_default().insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    assert_eq!(found, routed(expected_routes()));
}

#[test]
fn pages_of_other_origins_can_send_and_read_every_header_of_the_api() {
    let document: Value = serde_yaml_ng::from_str(&root_file("openapi.yaml")).expect("openapi.yaml is YAML");
    let components = &document["components"];
    let parameters = components["parameters"].as_object().expect("parameters").values().filter(|parameter| parameter["in"] == "header");
    let sent = parameters.map(|parameter| string(&parameter["name"])).chain(["Authorization".to_owned(), "Content-Type".to_owned()]);
    // Browsers expose this one without being told.
    let read = components["headers"].as_object().expect("headers").keys().filter(|name| *name != "Cache-Control").cloned();
    let template = template();
    let allowed = &template["Resources"]["InvitationsApi"]["Properties"]["CorsConfiguration"]["!If"][1];
    let configured = |name: &str| list(&allowed[name]).map(string).collect::<BTreeSet<_>>();
    let lower = |names: &mut dyn Iterator<Item = String>| names.map(|name| name.to_lowercase()).collect::<BTreeSet<_>>();
    assert_eq!(configured("AllowHeaders"), lower(&mut sent.into_iter()));
    assert_eq!(configured("ExposeHeaders"), lower(&mut read.into_iter()));
}

/// The variables that `read` reads.
fn variables_read<T, E: std::fmt::Debug>(read: impl Fn(&dyn Fn(&str) -> Option<String>) -> Result<T, E>) -> BTreeSet<String> {
    let asked = RefCell::new(BTreeSet::new());
    let lookup = |name: &str| {
        asked.borrow_mut().insert(name.to_owned());
        values(&[]).get(name).cloned()
    };
    read(&lookup).expect("the defaults are valid");
    asked.take()
}

/// The variables that a function's state reads in addition to the common ones.
fn variables_of(state: &str) -> BTreeSet<String> {
    let (defaults, retention) = (variables_read(|lookup| read_default_settings(lookup)), variables_read(|lookup| read_retention(lookup)));
    match state {
        "SendingApp" => &variables_read(|lookup| read_send_policy(lookup)) | &variables_read(|lookup| read_link_base(lookup)),
        "CallerApp" => defaults.union(&variables_read(|lookup| read_send_limits(lookup))).cloned().collect(),
        "InviteeApp" => defaults.union(&retention).cloned().collect(),
        "Courier" => defaults.union(&variables_read(|lookup| DeliveryConfig::read(lookup))).cloned().collect(),
        "Feedback" | "Revocations" => retention,
        "Page" => ["TEXTS_DIR".to_owned()].into(),
        "Console" => ["ISSUERS".to_owned(), "TEXTS_DIR".to_owned()].into(),
        "Keys" => ["ROLES".to_owned()].into(),
        "Refresher" => ["ISSUERS".to_owned()].into(),
        "App" | "Table" => BTreeSet::new(),
        other => panic!("the variables of {other} are unknown"),
    }
}

/// The required variables, and `more`.
fn values(more: &[(&str, &str)]) -> HashMap<String, String> {
    let least = [
        ("TABLE_NAME", "table"),
        ("LINK_KEYS", "0123456789abcdef0123456789abcdef"),
        ("FROM_ADDRESS", "invitations@example.com"),
        ("LINK_BASE_URL", "https://example.com/accept"),
    ];
    least.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_template_sets_exactly_the_variables_that_the_code_reads() {
    let common = variables_read(|lookup| Config::read(lookup));
    let aws = |name: &String| name.starts_with("AWS_");
    assert!(common.contains("AWS_REGION"));
    // The template sets these for all functions, used or not.
    let global: BTreeSet<String> = ["ONLY_ACCOUNT", "TABLE_NAME", "TRUST_STORE"].map(str::to_owned).into();
    for (name, function) in functions(&template()) {
        let source = root_file(&format!("functions/src/bin/{name}.rs"));
        let state = source.split("::from_env()").next().and_then(|before| before.rsplit(|c: char| !c.is_alphanumeric()).next());
        let state = state.unwrap_or_else(|| panic!("{name} has no state"));
        let own = variables_of(state);
        // A function without a route has no maintenance mode; only some show URNs.
        let urns = ["URN_NAMESPACE", "URN_REGION"].map(str::to_owned);
        let expected: BTreeSet<String> = match state {
            "App" | "SendingApp" | "CallerApp" | "InviteeApp" => common.union(&own).cloned().collect(),
            "Courier" => global.iter().chain(&own).chain(&urns).cloned().collect(),
            _ => global.union(&own).cloned().collect(),
        };
        // `AWS_*` are set by Lambda itself, or by operators with a special network.
        let mut expected: BTreeSet<_> = expected.into_iter().filter(|name| !aws(name)).collect();
        // Read by nothing: Lambda publishes a version only of what has changed.
        expected.insert("RELEASE".to_owned());
        if name == "list-invitations" {
            // Read by the C library.
            expected.insert("GLIBC_TUNABLES".to_owned());
        }
        assert_eq!(function.variables.into_keys().collect::<BTreeSet<_>>(), expected, "{name}");
    }
}

/// The configuration as text, or its errors.
fn read(variables: &HashMap<String, String>) -> Result<String, String> {
    let lookup = |name: &str| variables.get(name).cloned();
    match (Config::read(&lookup), read_send_policy(&lookup), DeliveryConfig::read(&lookup)) {
        (Ok(config), Ok(policy), Ok(delivery)) => Ok(format!("{config:?} {policy:?} {delivery:?}")),
        (config, policy, delivery) => Err(format!("{:?} {:?} {:?}", config.err(), policy.err(), delivery.err())),
    }
}

/// The variables that come from a numeric parameter, and that parameter.
fn numbers() -> BTreeMap<String, Value> {
    let template = template();
    let variables = functions(&template).into_values().flat_map(|function| function.variables);
    let parameters = variables.filter_map(|(name, value)| Some((name, template["Parameters"][value["!Ref"].as_str()?].clone())));
    parameters.filter(|(_, parameter)| parameter["Type"] == "Number").collect()
}

#[test]
fn the_template_accepts_exactly_the_numbers_that_the_code_accepts() {
    let numbers = numbers();
    assert_eq!(numbers.len(), 9, "{:?}", numbers.keys());
    for (name, parameter) in &numbers {
        let accepts = |value: i64| {
            let mut variables = values(&[]);
            variables.insert(name.clone(), value.to_string());
            read(&variables).is_ok()
        };
        let bound = |bound: &str| parameter[bound].as_i64().unwrap_or_else(|| panic!("{name} has no {bound}"));
        let (least, most) = (bound("MinValue"), bound("MaxValue"));
        assert_eq!([least - 1, least, most, most + 1].map(accepts), [false, true, true, false], "{name}");
    }
}

#[test]
fn the_template_and_the_code_have_the_same_defaults() {
    let template = template();
    let mut variables = values(&[]);
    variables.extend(numbers().into_iter().map(|(name, parameter)| (name, parameter["Default"].to_string())));
    variables.insert("URN_NAMESPACE".to_owned(), string(&template["Parameters"]["UrnNamespace"]["Default"]));
    let defaults = read(&values(&[])).expect("the defaults are valid");
    assert_eq!(read(&variables), Ok(defaults));
}
