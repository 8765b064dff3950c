//! What may not be among the dependencies of what is shipped.
//!
//! aws-lc makes the first TLS handshake of a small function half a second slower; a second TLS or HTTP stack makes it larger;
//! and the embedded engine belongs to tests and to the local run.

use std::{collections::BTreeSet, env, path::Path, process::Command};

use crate::{Problem, problem};

/// What the functions are built for.
const TARGETS: [&str; 2] = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];

/// Never linked; the beginning of name and version.
const FORBIDDEN: [&str; 12] = [
    "aws-lc-sys ",
    "aws-lc-rs ",
    "rustls 0.21.",
    "hyper 0.14.",
    "h2 0.3.",
    "http 0.2.",
    "openssl ",
    "openssl-sys ",
    "native-tls ",
    "dynoxide",
    "local ",
    "rusqlite ",
];

/// What is linked for sure: without it, the list is not one of the functions' dependencies.
const CERTAIN: [&str; 7] = ["functions ", "shared ", "aws-sdk-dynamodb ", "lambda_runtime ", "rustls 0.23.", "ring ", "hyper 1."];

/// Of these there is one version.
const ONCE: [&str; 4] = ["rustls ", "hyper ", "tokio ", "serde "];

/// What is wrong with what the functions link, a line each.
///
/// # Errors
/// When cargo does not tell.
pub fn broken() -> Result<Vec<String>, Problem> {
    let mut lines = Vec::new();
    for target in TARGETS {
        let linked = linked(target)?;
        lines.extend(wrong(&linked).into_iter().map(|line| format!("dependencies for {target}: {line}")));
    }
    Ok(lines)
}

fn wrong(linked: &BTreeSet<String>) -> Vec<String> {
    let count = |prefix: &str| linked.iter().filter(|package| package.starts_with(prefix)).count();
    let forbidden = FORBIDDEN.iter().filter(|it| count(it) > 0).map(|it| format!("{}is linked", with_space(it)));
    let missing = CERTAIN.iter().filter(|it| count(it) == 0).map(|it| format!("{}is missing", with_space(it)));
    let twice = ONCE.iter().filter(|it| count(it) > 1).map(|it| format!("{}is linked in more than one version", with_space(it)));
    forbidden.chain(missing).chain(twice).collect()
}

fn with_space(prefix: &str) -> String {
    format!("{} ", prefix.trim())
}

/// Name and version of everything that is linked into the functions for a target.
fn linked(target: &str) -> Result<BTreeSet<String>, Problem> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["tree", "--locked", "--edges=normal", "--prefix=none", "--format={p}", "--package=functions"])
        .args(["--target", target, "--manifest-path"])
        .arg(manifest)
        .output()
        .map_err(|error| problem!("cargo does not start: {error}"))?;
    let text = String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr }).into_owned();
    if !output.status.success() {
        return Err(problem!("cargo tree: {text}"));
    }
    let versioned = text.lines().filter_map(|line| line.split_once(" v"));
    Ok(versioned.map(|(name, rest)| format!("{name} {}", rest.split(' ').next().unwrap_or_default())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> BTreeSet<String> {
        CERTAIN.iter().map(|it| format!("{it}0")).chain(["tokio 1.0.0".to_owned()]).collect()
    }

    #[test]
    fn no_function_links_a_second_tls_or_http_stack_or_the_embedded_engine() {
        assert_eq!(broken().expect("cargo tells"), [""; 0]);
    }

    #[test]
    fn what_is_linked_and_must_not_be_what_is_missing_and_what_is_there_twice_is_told() {
        assert_eq!(wrong(&sound()), [""; 0]);
        let with = |more: &str| wrong(&sound().into_iter().chain([more.to_owned()]).collect());
        assert_eq!(with("aws-lc-sys 0.30.0"), ["aws-lc-sys is linked"]);
        assert_eq!(with("hyper 0.14.1"), ["hyper 0.14. is linked", "hyper is linked in more than one version"]);
        assert_eq!(with("tokio 2.0.0"), ["tokio is linked in more than one version"]);
        let mut less = sound();
        less.remove("ring 0");
        assert_eq!(wrong(&less), ["ring is missing"]);
    }
}
