//! The targets of the benchmark: this project's operations and their alternatives.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use bench::{
    Problem,
    fixture::{email_settings, send_settings},
    problem,
    results::{Kind, REFERENCE},
};
use serde::Deserialize;

use crate::{operation::Operation, settings::Settings, token};

/// The reference and the alternatives, in the order of the report.
const ALTERNATIVES: [&str; 4] = [REFERENCE, "rust-defaults", "node", "python"];

/// The default roles with the permission to get links, which none of them has.
const LINK_ROLES: &str = r#"{ "read-only": { "can": ["invitations:read"], "mayGrant": [] },
    "full-access": { "can": ["invitations:read", "invitations:create", "invitations:modify", "invitations:link"], "mayGrant": ["*"] } }"#;

/// One program with one operation.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) operation: Operation,
    pub(crate) versions: BTreeMap<String, String>,
    pub(crate) command: Vec<String>,
    pub(crate) directory: PathBuf,
    /// Values may contain `{ca}`, `{ca+system}`, `{ses}` and `{events}`.
    pub(crate) environment: BTreeMap<String, String>,
    /// None for an interpreted program.
    pub(crate) binary: Option<PathBuf>,
    /// The files of its deployment package. Empty if its size is not comparable.
    pub(crate) package: Vec<String>,
}

/// The targets that the settings select.
pub(crate) fn all(settings: &Settings) -> Result<Vec<Target>, Problem> {
    let mut targets = Vec::new();
    let mut alternatives = ALTERNATIVES.iter().filter(|id| !settings.quick || **id == REFERENCE);
    // The reference comes first, then this project, then the alternatives.
    targets.extend(alternatives.next().and_then(|id| alternative(id, settings).transpose()).transpose()?);
    for operation in Operation::OWN.into_iter().filter(|it| settings.only.as_deref().is_none_or(|only| only == it.id())) {
        targets.push(own(operation, settings)?);
    }
    for id in alternatives {
        targets.extend(alternative(id, settings)?);
    }
    Ok(targets)
}

pub(crate) fn own(operation: Operation, settings: &Settings) -> Result<Target, Problem> {
    let function = operation.function();
    let directory = absolute(&settings.functions.join(function))?;
    let binary = directory.join("bootstrap");
    // The functions' trust store is compiled in; this adds the test's authority.
    let trust = [("TRUST_STORE", "amazon,{ca}"), ("SSL_CERT_FILE", "{ca}")];
    let services = [("AWS_ENDPOINT_URL_SESV2", "{ses}"), ("AWS_ENDPOINT_URL_EVENTBRIDGE", "{events}")];
    // Only for functions that send: others would spend instructions on reading more variables.
    let sending = email_settings().chain(services).filter(|_| operation.sends());
    let tokens = operation.takes_tokens().then_some(("ISSUERS", token::ISSUERS));
    let links = operation.returns_links().then_some(("ROLES", LINK_ROLES));
    let environment = trust.into_iter().chain(send_settings()).chain(sending).chain(tokens).chain(links);
    Ok(Target {
        id: operation.id().to_owned(),
        name: format!("{} ({function})", operation.id()),
        kind: operation.kind(),
        operation,
        versions: BTreeMap::new(),
        command: vec![binary.display().to_string()],
        directory,
        environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        binary: Some(binary),
        package: vec!["bootstrap".to_owned()],
    })
}

/// An alternative's description of itself, `peer.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    name: String,
    command: Vec<String>,
    #[serde(alias = "version")]
    versions: BTreeMap<String, String>,
    package: Vec<String>,
    binary: Option<String>,
    environment: BTreeMap<String, String>,
}

fn alternative(id: &str, settings: &Settings) -> Result<Option<Target>, Problem> {
    let directory = settings.peers.join(id);
    let file = directory.join("peer.json");
    if !file.exists() && settings.without_peers {
        return Ok(None);
    }
    let text = fs::read_to_string(&file).map_err(|error| problem!("the alternative {id} is not built: {}: {error}", file.display()))?;
    let description: Description = serde_json::from_str(&text).map_err(|error| problem!("{}: {error}", file.display()))?;
    let directory = absolute(&directory)?;
    let expand = |text: &str| text.replace("{dir}", &directory.display().to_string());
    let mut command: Vec<String> = description.command.iter().map(|word| expand(word)).collect();
    if let Some(program) = command.first_mut().filter(|program| program.starts_with("./")) {
        *program = directory.join(&program[2..]).display().to_string();
    }
    let mut environment: BTreeMap<String, String> =
        description.environment.iter().map(|(name, value)| (name.clone(), expand(value))).collect();
    if description.binary.is_none() {
        let inherited = ["PATH", "HOME"].into_iter().filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)));
        environment.extend(inherited);
    }
    Ok(Some(Target {
        id: id.to_owned(),
        name: description.name,
        kind: Kind::Alternative,
        operation: if id == REFERENCE { Operation::Hello } else { Operation::Describe },
        versions: description.versions,
        command,
        environment,
        binary: description.binary.map(|binary| directory.join(binary)),
        package: description.package,
        directory,
    }))
}

fn absolute(path: &Path) -> Result<PathBuf, Problem> {
    path.canonicalize().map_err(|error| problem!("{}: {error}", path.display()))
}
