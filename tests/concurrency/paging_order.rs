//! Paging while others change the list, in an order that was requested, and by the beginning of an address.

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;
use support::{Call, TestApp};

use crate::common::{ids, purge, read_pages};

async fn invite(app: &TestApp, email: &str) -> String {
    app.advance(Duration::from_millis(10));
    app.invite(email).await["id"].as_str().expect("an id").to_owned()
}

async fn revoke(app: &TestApp, id: &str) {
    app.advance(Duration::from_millis(10));
    app.send(Call::set_state(id, "revoked").key(&app.full)).await.expect(200);
}

fn strings(invitations: &[Value], field: &str) -> Vec<String> {
    invitations.iter().map(|it| it[field].as_str().expect("a string").to_owned()).collect()
}

/// Asserts that none was read twice and that each that `stayed` was read.
#[track_caller]
fn assert_exactly_once(read: &[Value], stayed: &BTreeSet<String>, query: &str) {
    let ids = ids(read);
    let distinct: BTreeSet<String> = ids.iter().cloned().collect();
    assert_eq!(distinct.len(), ids.len(), "{query}: one was read twice");
    assert_eq!(stayed.difference(&distinct).next(), None, "{query}: one was not read");
}

#[tokio::test]
async fn oldest_first_every_row_that_stays_is_read_and_so_are_those_that_are_added_behind() {
    let app = TestApp::with(&[("SEND_QUOTA", "10000")]).await;
    for (round, query) in ["order=asc", "order=asc&roleID=full-access"].into_iter().enumerate() {
        for row in app.rows_of(support::ACCOUNT, "I#").await {
            purge(&app, &row["sk"].as_s().expect("a key")[2..]).await;
        }
        let mut stayed = BTreeSet::new();
        for n in 0..20 {
            stayed.insert(invite(&app, &format!("user-{round}-{n}@example.com")).await);
        }
        let mut extra = Vec::new();
        let pages = read_pages(&app, &app.full, &format!("{query}&limit=4"), async |read: &[Value]| {
            // The row to which the cursor points is purged, and so is one ahead.
            let last = ids(read).pop().expect("the page is not empty");
            let ahead = stayed.iter().filter(|id| **id > last).nth(2).cloned();
            for id in [Some(last), ahead].into_iter().flatten() {
                purge(&app, &id).await;
                stayed.remove(&id);
            }
            if extra.len() < 6 {
                extra.push(invite(&app, &format!("extra-{round}-{}@example.com", extra.len())).await);
                revoke(&app, extra.last().expect("one was added")).await;
            }
        })
        .await;
        let read = pages.concat();
        assert!(ids(&read).is_sorted(), "{query}");
        assert!(pages.iter().rev().skip(1).all(|page| page.len() == 4), "{query}");
        stayed.extend(extra);
        assert_exactly_once(&read, &stayed, query);
    }
}

#[tokio::test]
async fn by_prefix_every_row_that_stays_is_read_while_others_come_and_go_around_it() {
    let app = TestApp::with(&[("SEND_QUOTA", "10000")]).await;
    for (round, order) in ["asc", "desc"].into_iter().enumerate() {
        let mut stayed = BTreeSet::new();
        for n in 0..9 {
            // Each address three times, twice closed.
            for _ in 0..2 {
                let id = invite(&app, &format!("user-{round}{n}@example.com")).await;
                revoke(&app, &id).await;
                stayed.insert(id);
            }
            stayed.insert(invite(&app, &format!("user-{round}{n}@example.com")).await);
        }
        for limit in [1, 4] {
            let query = format!("emailPrefix=user-{round}&order={order}&limit={limit}");
            let mut n = 0;
            let pages = read_pages(&app, &app.full, &query, async |read: &[Value]| {
                n += 1;
                // A new address next to the cursor, and the row to which it points goes away.
                let last = read.last().expect("the page is not empty");
                let (id, address) = (last["id"].as_str().expect("an id"), last["email"].as_str().expect("an address"));
                if n % 3 == 0 {
                    purge(&app, id).await;
                    stayed.remove(id);
                }
                let (start, _) = address.split_at(7);
                if n < 9 {
                    for c in ["!", "~"] {
                        invite(&app, &format!("{start}{c}{limit}-{n}@example.com")).await;
                    }
                }
            })
            .await;
            let read = pages.concat();
            assert_exactly_once(&read, &stayed, &query);
            assert!(pages.iter().rev().skip(1).all(|page| page.len() == limit), "{query}");
            let mut places: Vec<_> = strings(&read, "email").into_iter().zip(ids(&read)).collect();
            if order == "desc" {
                places.reverse();
            }
            assert!(places.is_sorted(), "{query}");
        }
    }
}

#[tokio::test]
async fn by_a_closed_state_oldest_first_those_that_are_closed_meanwhile_come_last() {
    let app = TestApp::with(&[("SEND_QUOTA", "10000")]).await;
    let mut revoked = Vec::new();
    for n in 0..10 {
        let id = invite(&app, &format!("user-{n}@example.com")).await;
        revoke(&app, &id).await;
        revoked.push(id);
    }
    let mut n = 0;
    let mut purged = Vec::new();
    let pages = read_pages(&app, &app.full, "state=revoked&order=asc&limit=3", async |read: &[Value]| {
        n += 1;
        if n <= 2 {
            let id = invite(&app, &format!("late-{n}@example.com")).await;
            revoke(&app, &id).await;
            revoked.push(id);
        }
        purged.push(ids(read).pop().expect("the page is not empty"));
        purge(&app, &purged[n - 1]).await;
    })
    .await;
    assert_eq!(ids(&pages.concat()), revoked);
    assert_eq!((pages.len(), purged.len()), (4, 3));
}

#[tokio::test]
async fn the_list_of_invited_latest_first_shows_every_row_that_stays_while_time_passes() {
    let app = TestApp::with(&[("SEND_QUOTA", "10000")]).await;
    let mut made = Vec::new();
    for n in 0..12 {
        made.push(invite(&app, &format!("user-{n}@example.com")).await);
        app.advance(Duration::from_secs(3600));
    }
    // The first expires in a minute, and then one every hour.
    app.advance(Duration::from_secs(6 * 86_400 + 43_200 - 60));
    let mut gone = Vec::new();
    let pages = read_pages(&app, &app.full, "state=invited&order=desc&limit=4", async |read: &[Value]| {
        app.advance(Duration::from_secs(2 * 3600));
        let unread = |id: &&String| !ids(read).contains(id) && !gone.contains(*id);
        let ahead = made.iter().rev().find(unread).expect("another page follows").clone();
        revoke(&app, &ahead).await;
        gone.push(ahead);
        invite(&app, &format!("late-{}@example.com", read.len())).await;
    })
    .await;
    made.reverse();
    made.retain(|id| !gone.contains(id));
    let read = pages.concat();
    assert_eq!(ids(&read), made, "those that were invited at the first page, later ones not");
    assert_eq!(gone.len(), 2);
    let states: BTreeSet<String> = strings(&read, "state").into_iter().collect();
    assert_eq!(states, ["expired", "invited"].map(str::to_owned).into(), "some expired while paging");
}
