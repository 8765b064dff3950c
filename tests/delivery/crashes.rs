//! Crashes at any point: every committed sending arrives, with a second copy only if SES had accepted the first.

use std::collections::BTreeSet;

use support::{
    ACCOUNT, Call,
    faults::{Barrier, Fault},
    workers::{process_due, token},
};

use crate::helpers::{EMAIL, LATER, id, start, use_link};

/// Where a courier is killed: before a request to the table, counted from 1, or after the table has executed it.
#[derive(Debug, Clone, Copy)]
struct Crash {
    request: usize,
    after: bool,
}

/// Kills a courier there, lets another one continue, and returns the number of emails; `None` if the first one finished before.
async fn kill_courier(crash: Crash) -> Option<usize> {
    let (app, mut workers) = start().await;
    let id = id(&app.invite(EMAIL).await);
    workers.drop_stream_records().await;
    let key = shared::store::InvitationKey { account: ACCOUNT.parse().unwrap(), id: id.parse().unwrap() };
    let barrier = Barrier::default();
    let mut faults = vec![Fault::None; crash.request - 1];
    if crash.after {
        faults.push(Fault::ReplyLost);
    }
    faults.push(Fault::Held(barrier.clone(), Box::new(Fault::ConnectionRefused)));
    app.faults.next(faults);
    let courier = workers.another_courier(&app);
    let died = tokio::select! {
        () = barrier.arrived() => true,
        settled = process_due(&courier, &key) => { settled.unwrap(); false }
    };
    drop(courier);
    app.faults.clear();
    if !died {
        return None;
    }
    for _ in 0..3 {
        app.advance(LATER);
        workers.deliver().await;
        workers.reconcile().await;
    }
    let tokens: BTreeSet<String> = workers.inbox.emails().iter().map(token).collect();
    assert_eq!(tokens.len(), 1, "{crash:?}: all copies have the same link");
    use_link(&app, "lookup", tokens.first().unwrap()).await.expect(200);
    let events: BTreeSet<String> = workers.bus.events().iter().map(|event| event.detail["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(events, [format!("{id}-1")].into(), "{crash:?}");
    Some(workers.inbox.emails().len())
}

#[tokio::test]
async fn a_courier_killed_at_any_of_its_requests_loses_nothing() {
    let mut copies = Vec::new();
    for after in [false, true] {
        let mut request = 0;
        loop {
            request += 1;
            match kill_courier(Crash { request, after }).await {
                Some(emails) => copies.push((after, request, emails)),
                None => break,
            }
        }
    }
    // Load, load the account's settings, claim, record. SES is called after the third.
    assert!(copies.len() >= 8, "{copies:?}");
    for (after, request, emails) in &copies {
        let before_ses = *request <= 3;
        assert!(*emails == 1 || (*emails == 2 && !before_ses), "{after} {copies:?}");
    }
    assert!(copies.iter().any(|(_, _, emails)| *emails == 2), "one crash must fall between the reply of SES and the record: {copies:?}");
}

#[tokio::test]
async fn an_accepted_email_is_sent_once_even_if_the_table_then_fails_for_seconds() {
    let (app, mut workers) = start().await;
    let id = id(&app.invite(EMAIL).await);
    workers.drop_stream_records().await;
    let key = shared::store::InvitationKey { account: ACCOUNT.parse().unwrap(), id: id.parse().unwrap() };
    // Load, load the account's settings, claim; SES accepts the email. The SDK sends each of our attempts three times.
    let good = (0..3).map(|_| Fault::None);
    app.faults.next(good.chain((0..12).map(|_| Fault::Error(400, "ThrottlingException"))));
    process_due(&workers.another_courier(&app), &key).await.unwrap();
    assert_eq!(app.faults.left(), 0);
    for _ in 0..3 {
        app.advance(LATER);
        workers.deliver().await;
        workers.reconcile().await;
    }
    assert_eq!(workers.inbox.emails().len(), 1);
}

#[tokio::test]
async fn a_create_whose_reply_was_lost_sends_one_email() {
    let (app, mut workers) = start().await;
    app.faults.transactions([Fault::ReplyLost]);
    app.invite(EMAIL).await;
    workers.deliver().await;
    app.advance(LATER);
    workers.reconcile().await;
    assert_eq!(workers.inbox.emails().len(), 1);
    assert_eq!(workers.event_types(), ["created"]);
}

#[tokio::test]
async fn a_create_killed_right_after_its_commit_sends_its_email() {
    let (app, mut workers) = start().await;
    let barrier = Barrier::default();
    // The table executes it, the reply is lost, and the function is killed before it can retry.
    app.faults.transactions([Fault::ReplyLost, Fault::Held(barrier.clone(), Box::new(Fault::ConnectionRefused))]);
    let process = app.another(&[]);
    tokio::select! {
        () = barrier.arrived() => {}
        answer = process.send(Call::create(EMAIL, "read-only").key(&app.full)) => panic!("it returned: {answer:?}"),
    }
    app.faults.clear();
    assert_eq!(app.rows_of(ACCOUNT, "I#").await.len(), 1, "it had committed");
    workers.deliver().await;
    assert_eq!(workers.inbox.emails().len(), 1);
    use_link(&app, "accept", &workers.last_token(EMAIL)).await.expect(200);
}
