//! Trouble of one kind, or of one invitation, holds up nothing else; and when it is over, all is done.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use local::events::Answer;
use serde_json::json;
use shared::{
    domain::{
        InvitationId,
        delivery::{Delivery, Fate},
        outbox::Happening,
    },
    store::{item, keys::due_shard},
};
use support::{ACCOUNT, Call, TestApp};

use crate::help::{COOLDOWN, EMAIL, LATER, describe, hold, id, invited, resend, revoke, start};

/// Writes copies of the only invitation that there is, into one shard of what is due: their mails have gone out, an event waits.
async fn with_events_waiting(app: &TestApp, copies: u64) {
    let row = app.rows_of(ACCOUNT, "I#").await.pop().unwrap();
    let mut invitation = item::from_row(row).unwrap();
    invitation.delivery = Some(Delivery { fate: Fate::Sent, at: app.now(), reason: None });
    invitation.outbox.events.clear();
    invitation.outbox.put(Happening::Delivered, app.now());
    for number in 0..copies {
        invitation.id = InvitationId::from_bytes(u128::from(number * 4).to_be_bytes());
        assert_eq!(due_shard(invitation.id), "0");
        let put = app.client.put_item().table_name(&app.table).set_item(Some(item::to_row(&invitation, None)));
        put.send().await.unwrap();
    }
}

#[tokio::test]
async fn while_eventbridge_is_down_what_waits_for_it_holds_up_no_mail() {
    let (app, mut post) = start().await;
    invited(&app, &mut post).await;
    with_events_waiting(&app, 120).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    post.bus.answer_with(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        Answer::Error { status: 400, code: "AccessDeniedException" }
    });
    app.advance(COOLDOWN);
    let late: Vec<String> = (0..8).map(|number| format!("late.{number}@example.com")).collect();
    for email in &late {
        app.invite(email).await;
    }
    post.lose_the_stream().await;
    app.advance(LATER);
    let round = tokio::time::timeout(Duration::from_secs(30), post.reconcile()).await.expect("a round ends when all were asked");
    assert_eq!(round.settled, 128);
    assert_eq!(post.inbox.mails().len(), 1 + late.len());
    assert!(asked.load(Ordering::SeqCst) <= 16, "{} calls", asked.load(Ordering::SeqCst));
    post.bus.answer_with(|_| Answer::Accept);
    app.advance(LATER);
    post.reconcile().await;
    let mut told = BTreeMap::<String, usize>::new();
    for happening in post.happenings() {
        *told.entry(happening).or_default() += 1;
    }
    assert_eq!(told, [("created".to_owned(), 1 + late.len()), ("delivered".to_owned(), 120)].into());
}
