//! The expressions of DynamoDB in the commands of the pages name no attribute by a reserved word, which DynamoDB refuses.

use std::collections::BTreeSet;

use support::{TestApp, root_file};

/// Pages with commands for an operator.
const PAGES: [&str; 5] = ["docs/deploy.md", "docs/incidents.md", "docs/operations.md", "docs/restore.md", "docs/rows.md"];
/// What is no attribute in an expression.
const GRAMMAR: [&str; 10] = ["ADD", "AND", "BETWEEN", "DELETE", "IN", "NOT", "OR", "REMOVE", "SET", "attribute_exists"];

/// The attributes that the expressions of a page name, not by a placeholder.
fn attributes(page: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for rest in page.split("-expression ").skip(1) {
        let expression = match rest.strip_prefix('\'') {
            Some(quoted) => quoted.split('\'').next(),
            None => rest.split_whitespace().next(),
        };
        let is_part = |c: char| c.is_alphanumeric() || "_:#".contains(c);
        names.extend(expression.into_iter().flat_map(|it| it.split(|c| !is_part(c))));
    }
    names.retain(|name| name.starts_with(|c: char| c.is_alphabetic()) && !GRAMMAR.contains(name));
    names
}

/// Whether DynamoDB accepts an attribute's name in an expression.
async fn is_accepted(app: &TestApp, name: &str) -> bool {
    let read = app.client.scan().table_name(&app.table).projection_expression(name);
    read.send().await.is_ok()
}

#[tokio::test]
async fn commands_of_the_pages_name_no_attribute_by_a_reserved_word() {
    let app = TestApp::start().await;
    let pages = PAGES.map(root_file);
    let names: BTreeSet<&str> = pages.iter().flat_map(|page| attributes(page)).collect();
    assert!(["pk", "due_at", "rev"].iter().all(|name| names.contains(name)), "{names:?}");
    for name in names {
        assert!(is_accepted(&app, name).await, "{name} is a reserved word: use a placeholder for it");
    }
    assert!(!is_accepted(&app, "shard").await);
}

#[test]
fn attributes_are_found_in_expressions() {
    let page = "aws dynamodb query --key-condition-expression 'shard = :shard AND #at < :soon' --projection-expression pk \\\n\
                --update-expression 'SET #name = :right ADD rev :one' --expression-attribute-names '{\"#at\":\"due_at\"}'";
    assert_eq!(attributes(page), BTreeSet::from(["pk", "rev", "shard"]));
}
