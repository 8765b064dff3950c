//! Combined filters: each request reads a bounded number of rows, and every match is found.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use serde_json::Value;
use support::{ACCOUNT, Call, OTHER_ACCOUNT, TestApp};

use crate::common::{Row, ids, purge, read_pages};

/// The number of rows that a request may read.
const BUDGET: u64 = 1000;

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// The row of another invitation, copied from `row`.
fn like(row: &Row, n: usize, address: &str, role: &str, st: &str) -> (String, Row) {
    let id = format!("01F00000000070008000{n:012X}");
    let time = if st == "pending" { row["exp"].as_n().expect("a number") } else { row["created"].as_n().expect("a number") };
    let mut row = row.clone();
    row.extend(HashMap::from([
        ("sk".to_owned(), text(format!("I#{id}"))),
        ("email".to_owned(), text(address)),
        ("role".to_owned(), text(role)),
        ("st".to_owned(), text(st)),
        ("by_email".to_owned(), text(format!("{address}#{id}"))),
        ("by_role".to_owned(), text(format!("{role}#{id}"))),
        ("by_state".to_owned(), text(format!("{st}#{:0>13}#{id}", time))),
    ]));
    if st != "pending" {
        row.insert("closed".to_owned(), AttributeValue::N(time.clone()));
    }
    (id, row)
}

async fn write(app: &TestApp, rows: Vec<Row>) {
    for rows in rows.chunks(25) {
        let puts = rows.iter().map(|row| {
            let put = PutRequest::builder().set_item(Some(row.clone())).build().expect("it has an item");
            WriteRequest::builder().put_request(put).build()
        });
        let written = app.client.batch_write_item().request_items(&app.table, puts.collect()).send().await.expect("rows can be written");
        assert!(written.unprocessed_items.is_none_or(|left| left.is_empty()));
    }
}

/// The number of rows that the requests since the last call may have read, by their own limits.
fn rows_read(app: &TestApp) -> u64 {
    let requests = app.faults.take_requests();
    assert!(requests.iter().all(|(operation, _)| operation == "Query"));
    requests.iter().map(|(_, body)| body["Limit"].as_u64().expect("every query has a limit")).sum()
}

#[tokio::test]
async fn matches_thousands_of_rows_apart_are_all_found_with_bounded_reads() {
    let app = TestApp::start().await;
    app.invite("ann@example.com").await;
    let pattern = app.rows_of(ACCOUNT, "I#").await.remove(0);
    let mut rows = Vec::new();
    let mut rare = BTreeSet::new();
    for n in 0..2300 {
        // The first and the last row, a few neighbours, and then none for more rows than a request may read.
        let is_rare = matches!(n, 0 | 1 | 2 | 500 | 600 | 601 | 602 | 2299);
        let (id, row) = like(&pattern, n, &format!("user-{n}@example.com"), if is_rare { "rare" } else { "full-access" }, "pending");
        if is_rare {
            rare.insert(id);
        }
        if n % 100 == 0 {
            let (_, mut foreign) = like(&pattern, n, &format!("canary-{n}@example.com"), "rare", "pending");
            foreign.insert("pk".to_owned(), text(format!("A#{OTHER_ACCOUNT}")));
            rows.push(foreign);
        }
        rows.push(row);
    }
    write(&app, rows).await;

    for (limit, most_pages) in [(3, 6), (100, 4)] {
        let _ = app.faults.take_requests();
        let mut between = 0;
        let pages = read_pages(&app, &app.full, &format!("state=invited&roleID=rare&limit={limit}"), async |_| {
            let read = rows_read(&app);
            assert!(read <= BUDGET, "{read} rows for one page");
            between += 1;
        })
        .await;
        assert!(rows_read(&app) <= BUDGET);
        let read = pages.concat();
        assert_eq!(ids(&read).into_iter().collect::<BTreeSet<_>>(), rare);
        assert_eq!(read.len(), rare.len(), "none was read twice");
        assert!(!serde_json::to_string(&read).expect("JSON").contains("canary"));
        assert!(limit < 100 || pages[1].is_empty(), "a page with a next may be empty");
        assert!(pages.iter().all(|page| page.len() <= limit));
        assert!((3..=most_pages).contains(&pages.len()), "{} pages", pages.len());
        assert_eq!(between, pages.len() - 1);
    }

    // The same from the other end, and by the beginning of an address.
    for query in ["state=invited&roleID=rare&order=desc", "emailPrefix=user-&roleID=rare", "emailPrefix=user-&roleID=rare&order=desc"] {
        let _ = app.faults.take_requests();
        let pages =
            read_pages(&app, &app.full, &format!("{query}&limit=100"), async |_| assert!(rows_read(&app) <= BUDGET, "{query}")).await;
        assert!(rows_read(&app) <= BUDGET, "{query}");
        let read = ids(&pages.concat());
        assert_eq!((read.len(), read.into_iter().collect::<BTreeSet<_>>()), (rare.len(), rare.clone()), "{query}");
        assert!((3..=4).contains(&pages.len()), "{query}: {} pages", pages.len());
    }

    // Without a match the rows still take several pages, and paging ends.
    let pages = read_pages(&app, &app.full, "state=invited&roleID=nobody", async |_| ()).await;
    assert_eq!((pages.concat().len(), pages.len()), (0, 3));
    let none = app.send(Call::get("/invitations?state=expired&roleID=rare").key(&app.full)).await.expect(200);
    assert_eq!(none.text, r#"{"invitations":[]}"#);
}

#[tokio::test]
async fn every_combination_of_filters_shows_exactly_its_matches_in_order() {
    let app = TestApp::start().await;
    let first = app.invite("first@example.com").await;
    let pattern = app.rows_of(ACCOUNT, "I#").await.remove(0);
    purge(&app, first["id"].as_str().expect("an id")).await;
    let mut all = Vec::new();
    for n in 0..240 {
        let (address, role) = (["ann@example.com", "bob@example.com", "cid@example.com"][n % 3], ["full-access", "read-only"][n / 3 % 2]);
        let st = ["pending", "accepted", "declined", "revoked"][n / 6 % 4];
        let (id, row) = like(&pattern, n, address, role, st);
        all.push((id, address, role, if st == "pending" { "invited" } else { st }, row));
    }
    write(&app, all.iter().map(|(.., row)| row.clone()).collect()).await;

    let emails = [None, Some("ann@example.com"), Some("bob@example.com")];
    let prefixes = [None, Some("ann@")];
    let states = [None, Some("invited"), Some("accepted"), Some("revoked"), Some("expired")];
    let roles = [None, Some("full-access"), Some("read-only"), Some("nobody")];
    for ((email, prefix), (state, role)) in product(&product(&emails, &prefixes), &product(&states, &roles)) {
        if [email, prefix, state, role].iter().flatten().count() < 2 {
            continue;
        }
        let matching = all.iter().filter(|(_, e, r, s, _)| {
            email.is_none_or(|it| it == *e)
                && prefix.is_none_or(|it| e.starts_with(it))
                && state.is_none_or(|it| it == *s)
                && role.is_none_or(|it| it == *r)
        });
        // All close and expire at one moment, and a prefix finds one address, so that ids decide in every list.
        let oldest_first: Vec<String> = matching.map(|(id, ..)| id.clone()).collect();
        let newest_first: Vec<String> = oldest_first.iter().rev().cloned().collect();
        let natural = if email.is_none() && (prefix.is_some() || state == Some("invited")) { &oldest_first } else { &newest_first };
        let parts = [("email", email), ("emailPrefix", prefix), ("state", state), ("roleID", role)];
        let query: Vec<String> = parts.iter().filter_map(|(name, it)| it.map(|it| format!("{name}={it}"))).collect();
        for (order, limit, expected) in [("", 100, natural), ("&order=asc", 4, &oldest_first), ("&order=desc", 7, &newest_first)] {
            let query = format!("{}{order}&limit={limit}", query.join("&"));
            let pages = read_pages(&app, &app.full, &query, async |_: &[Value]| ()).await;
            assert_eq!(ids(&pages.concat()), *expected, "{query}");
        }
    }
}

/// Every pair of a value of each.
fn product<A: Copy, B: Copy>(one: &[A], other: &[B]) -> Vec<(A, B)> {
    one.iter().flat_map(|a| other.iter().map(|b| (*a, *b))).collect()
}
