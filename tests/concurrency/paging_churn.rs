//! Paging through a list while others change it: every invitation that stays is read exactly once.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::Value;
use support::{ACCOUNT, Call, TestApp};

use crate::common::{ids, purge, read_pages, text};

const DAY: Duration = Duration::from_secs(86_400);

/// Creates invitations a bit apart; the oldest comes first.
async fn populate(app: &TestApp, count: usize) -> Vec<String> {
    let mut made = Vec::new();
    for n in 0..count {
        made.push(app.invite(&format!("user-{n}@example.com")).await["id"].as_str().expect("an id").to_owned());
        app.advance(Duration::from_millis(10));
    }
    made
}

async fn revoke(app: &TestApp, id: &str) {
    app.send(Call::set_state(id, "revoked").key(&app.full)).await.expect(200);
}

/// Asserts that none was read twice and that each that `stayed` was read.
#[track_caller]
fn assert_exactly_once(read: &[Value], stayed: impl IntoIterator<Item = String>) {
    let ids = ids(read);
    let distinct: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "one was read twice");
    for id in stayed {
        assert!(distinct.contains(&id), "{id} was not read");
    }
}

#[tokio::test]
async fn paging_survives_inserts_revocations_and_purges_even_of_the_cursors_row() {
    let app = TestApp::with(&[("SEND_QUOTA", "10000")]).await;
    for (query, limit) in [("", 7), ("roleID=full-access&", 7), ("", 1), ("", 13)] {
        let mut made = populate(&app, 30).await;
        made.reverse();
        let mut gone = BTreeSet::new();
        let mut extra = 0;
        let pages = read_pages(&app, &app.full, &format!("{query}limit={limit}"), async |read: &[Value]| {
            // The cursor points to the last row of the page; it is purged, and so are one row before it and one after it.
            let last = read.last().expect("the first page is not empty")["id"].as_str().expect("an id").to_owned();
            let ahead = made.iter().filter(|id| **id < last).nth(2).cloned();
            let behind = made.iter().find(|id| **id > last).cloned();
            for id in [Some(last), ahead, behind].into_iter().flatten() {
                purge(&app, &id).await;
                gone.insert(id);
            }
            extra += 1;
            app.invite(&format!("extra-{limit}-{extra}-{}@example.com", query.len())).await;
            if let Some(id) = made.iter().find(|id| !gone.contains(*id)) {
                revoke(&app, id).await;
            }
        })
        .await;
        assert!(pages.iter().rev().skip(1).all(|page| !page.is_empty()), "a page is never empty while next is present");
        let read = pages.concat();
        assert!(ids(&read).is_sorted_by(|a, b| a > b), "newest first");
        assert_exactly_once(&read, made.iter().filter(|id| !gone.contains(*id)).cloned());

        for row in app.rows_of(ACCOUNT, "").await {
            let delete = app.client.delete_item().table_name(&app.table).key("pk", row["pk"].clone());
            delete.key("sk", row["sk"].clone()).send().await.expect("the row can be deleted");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paging_beside_busy_writers_shows_every_row_that_stays() {
    let app = Arc::new(TestApp::with(&[("SEND_QUOTA", "10000"), ("RESEND_COOLDOWN_SECONDS", "0")]).await);
    let made = populate(&app, 60).await;
    let stay: Vec<String> = made.iter().step_by(2).cloned().collect();
    let go: Vec<String> = made.iter().skip(1).step_by(2).cloned().collect();
    let writer = tokio::spawn({
        let app = Arc::clone(&app);
        async move {
            for (n, id) in go.iter().enumerate() {
                if n % 2 == 0 {
                    revoke(&app, id).await;
                } else {
                    purge(&app, id).await;
                }
                app.invite(&format!("extra-{n}@example.com")).await;
                app.advance(Duration::from_millis(3));
            }
        }
    });
    let mut reads = 0;
    while !writer.is_finished() || reads < 3 {
        for query in [
            "limit=7",
            "limit=4&roleID=full-access",
            "limit=6&state=invited",
            "limit=7&order=asc",
            "limit=6&state=invited&order=desc",
            "limit=5&emailPrefix=user-",
            "limit=5&emailPrefix=user-&order=desc",
        ] {
            let pages = read_pages(&app, &app.full, query, async |_| ()).await;
            assert_exactly_once(&pages.concat(), stay.iter().cloned());
            assert!(pages.iter().rev().skip(1).all(|page| !page.is_empty()), "{query}");
        }
        reads += 1;
    }
    writer.await.expect("the writer does not fail");
}

#[tokio::test]
async fn paging_by_address_shows_every_row_that_stays() {
    let app = TestApp::with(&[("SEND_QUOTA", "10000")]).await;
    let mut made = Vec::new();
    for _ in 0..20 {
        made.insert(0, app.invite("ann@example.com").await["id"].as_str().expect("an id").to_owned());
        revoke(&app, &made[0]).await;
    }
    let mut gone = BTreeSet::new();
    let pages = read_pages(&app, &app.full, "email=ann@example.com&limit=3", async |read: &[Value]| {
        let last = ids(read).pop().expect("no page is empty");
        purge(&app, &last).await;
        gone.insert(last);
        let id = app.invite("ann@example.com").await["id"].as_str().expect("an id").to_owned();
        revoke(&app, &id).await;
    })
    .await;
    assert_eq!(ids(&pages.concat()), made, "each existed when its page was read, and later ones are newer");
    assert_eq!(gone.len(), 6);
}

#[tokio::test]
async fn paging_by_a_closed_state_shows_every_row_that_stays_while_more_are_closed() {
    let app = TestApp::with(&[("SEND_QUOTA", "10000")]).await;
    for state in ["revoked", "accepted", "declined"] {
        let close = async |id: &str| match state {
            "revoked" => revoke(&app, id).await,
            _ => app.close_as_invitee(id, state).await,
        };
        let mut closed = Vec::new();
        for n in 0..15 {
            let id = app.invite(&format!("{state}-{n}@example.com")).await["id"].as_str().expect("an id").to_owned();
            // Some of them at the same moment.
            app.advance(Duration::from_millis(n % 3));
            close(&id).await;
            closed.push(id);
        }
        let mut n = 100;
        let pages = read_pages(&app, &app.full, &format!("state={state}&limit=4"), async |read: &[Value]| {
            n += 1;
            app.advance(Duration::from_millis(1));
            close(app.invite(&format!("{state}-{n}@example.com")).await["id"].as_str().expect("an id")).await;
            purge(&app, &ids(read)[read.len() - 1]).await;
        })
        .await;
        let read = pages.concat();
        assert_eq!((read.len(), pages.len()), (15, 4), "invitations closed later come before the cursor");
        assert_exactly_once(&read, closed);
    }
}

/// If each page used the current time, the cursor would fall out of its range.
#[tokio::test]
async fn the_lists_of_invited_and_expired_are_stable_while_time_passes() {
    let app = TestApp::start().await;
    let made = populate(&app, 20).await;
    let mut soonest_first = made.clone();
    // They expire half a day apart, the oldest last; several pages of them do so while paging.
    for (n, id) in made.iter().enumerate() {
        let row = crate::common::stored(&app, id).await;
        let expiry = app.now().as_millis() + 43_200_000 * (20 - i64::try_from(n).expect("a small number"));
        app.set(id, "exp", aws_sdk_dynamodb::types::AttributeValue::N(expiry.to_string())).await;
        app.set(id, "by_state", aws_sdk_dynamodb::types::AttributeValue::S(format!("pending#{expiry:013}#{id}"))).await;
        assert_eq!(text(&row, "st"), "pending");
    }
    soonest_first.reverse();
    let pages = read_pages(&app, &app.full, "state=invited&limit=3", async |_| app.advance(2 * DAY)).await;
    let read = pages.concat();
    assert_eq!(ids(&read), soonest_first, "those that were invited at the first page");
    assert_eq!(pages.len(), 7);
    for (n, invitation) in read.iter().enumerate() {
        // Page p was read 2p days after the beginning; number n expires after (n + 1) / 2 days.
        let expired = n / 3 * 4 > n;
        assert_eq!(invitation["state"], if expired { "expired" } else { "invited" }, "the state is that at the time of the page");
    }

    // 12 days have passed. Invitations that expire while paging are not listed.
    app.faults.clear();
    let now_invited = ids(&read_pages(&app, &app.full, "state=invited&limit=100", async |_| ()).await.concat());
    assert!(now_invited.is_empty(), "all have expired by now");
    let late = app.invite("late@example.com").await["id"].as_str().expect("an id").to_owned();
    let pages = read_pages(&app, &app.full, "state=expired&limit=6", async |_| app.advance(3 * DAY)).await;
    let mut latest_first = soonest_first;
    latest_first.reverse();
    assert_eq!((ids(&pages.concat()), pages.len()), (latest_first, 4));
    assert_eq!(crate::common::describe(&app, &late).await["state"], "expired");
}

#[tokio::test]
async fn at_any_moment_every_open_row_is_either_invited_or_expired() {
    let app = TestApp::start().await;
    app.advance(Duration::from_millis(1000 - app.now().as_millis().unsigned_abs() % 1000));
    let id = populate(&app, 3).await.remove(1);
    let expiry = crate::common::number(&crate::common::stored(&app, &id).await, "exp");
    for (left, states) in [(1, [0_usize, 3]), (0, [3, 0]), (-1, [3, 0])] {
        // All three expire in the same second.
        let to = u64::try_from(expiry - left - app.now().as_millis()).expect("time goes on");
        app.advance(Duration::from_millis(to));
        let count = async |state: &str| read_pages(&app, &app.full, &format!("state={state}&limit=2"), async |_| ()).await.concat().len();
        assert_eq!([count("expired").await, count("invited").await], states, "{left} ms before");
    }
}
