//! What may not be among the dependencies of what is shipped.
//!
//! aws-lc makes the first TLS handshake of a small function half a second slower; a second TLS or HTTP stack makes it larger;
//! and the embedded engine belongs to tests and to the local run.

use std::{collections::BTreeSet, env, process::Command};

/// Name and version of everything that is linked into the functions for a target.
fn linked(target: &str) -> BTreeSet<String> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["tree", "--locked", "--edges=normal", "--prefix=none", "--format={p}", "--package=functions"])
        .args(["--target", target, "--manifest-path", manifest])
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("cargo prints UTF-8");
    text.lines()
        .filter_map(|line| line.split_once(" v"))
        .map(|(name, rest)| {
            let version = rest.split(' ').next().unwrap_or_default();
            format!("{name} {version}")
        })
        .collect()
}

#[test]
fn no_function_links_a_second_tls_or_http_stack_or_the_embedded_engine() {
    for target in ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"] {
        let linked = linked(target);
        let is_there = |prefix: &str| linked.iter().any(|package| package.starts_with(prefix));
        for forbidden in [
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
        ] {
            assert!(!is_there(forbidden), "{target}: {forbidden}is linked");
        }
        // What must be there is: the list is one of dependencies indeed.
        for wanted in ["functions ", "shared ", "aws-sdk-dynamodb ", "lambda_runtime ", "rustls 0.23.", "ring ", "hyper 1."] {
            assert!(is_there(wanted), "{target}: {wanted}is missing of {linked:?}");
        }
        for one in ["rustls ", "hyper ", "tokio ", "serde "] {
            assert_eq!(linked.iter().filter(|package| package.starts_with(one)).count(), 1, "{target}: more than one {one}");
        }
    }
}
