//! A failure of one service or of one invitation delays nothing else, and once it ends everything is done.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use functions::delivery::reconcile_deliveries;
use local::events::Behaviour;
use serde_json::{Value, json};
use shared::{
    domain::{
        InvitationId,
        delivery::{Delivery, DeliveryStatus},
        outbox::EventType,
    },
    store::{InvitationKey, item, keys::due_shard},
};
use support::{
    ACCOUNT, Call, TestApp,
    faults::{Fault, wire::Wire},
    logged::Lines,
    run_as,
    workers::process_due,
};

use crate::helpers::{COOLDOWN, EMAIL, LATER, LIFETIME, describe, id, invited, resend, revoke, start, use_link};

/// Writes copies of the only invitation into one shard of the index `late`: their emails are sent, an event is waiting.
async fn with_events_waiting(app: &TestApp, copies: u64) {
    let row = app.rows_of(ACCOUNT, "I#").await.pop().unwrap();
    let mut invitation = item::from_row(row).unwrap();
    invitation.resource.delivery = Some(Delivery { status: DeliveryStatus::Sent, at: app.now(), reason: None });
    invitation.outbox.events.clear();
    invitation.outbox.put(EventType::Delivered, app.now());
    for number in 0..copies {
        invitation.resource.id = InvitationId::from_bytes(u128::from(number * 4).to_be_bytes());
        assert_eq!(due_shard(invitation.resource.id), "0");
        let put = app.client.put_item().table_name(&app.table).set_item(Some(item::to_row(&invitation, None)));
        put.send().await.unwrap();
    }
}

#[tokio::test]
async fn while_eventbridge_is_down_waiting_events_delay_no_email() {
    let (app, mut workers) = start().await;
    invited(&app, &mut workers).await;
    with_events_waiting(&app, 120).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    workers.bus.answer_with(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        Behaviour::Error { status: 400, code: "AccessDeniedException" }
    });
    app.advance(COOLDOWN);
    let late: Vec<String> = (0..8).map(|number| format!("late.{number}@example.com")).collect();
    for email in &late {
        app.invite(email).await;
    }
    workers.drop_stream_records().await;
    app.advance(LATER);
    let round = tokio::time::timeout(Duration::from_secs(30), workers.reconcile()).await.expect("a round ends after one pass");
    // The first invitation is listed, too: SES has not reported on its email, so its entry is early.
    assert_eq!(round.processed, 120 + late.len() + 1);
    assert_eq!(workers.inbox.emails().len(), 1 + late.len());
    assert!(calls.load(Ordering::SeqCst) <= 16, "{} calls", calls.load(Ordering::SeqCst));
    workers.bus.answer_with(|_| Behaviour::Accept);
    app.advance(LATER);
    workers.reconcile().await;
    let mut published = BTreeMap::<String, usize>::new();
    for event_type in workers.event_types() {
        *published.entry(event_type).or_default() += 1;
    }
    assert_eq!(published, [("created".to_owned(), 1 + late.len()), ("delivered".to_owned(), 120)].into());
}

#[tokio::test]
async fn emails_and_events_wait_while_the_accounts_settings_cannot_be_read() {
    let (app, mut workers) = start().await;
    app.manage_settings(&json!({ "action": "set", "account": ACCOUNT, "name": "Example" })).await;
    let set_colour = |colour: &str| {
        let update = app.client.update_item().table_name(&app.table);
        let key = |text: String| AttributeValue::S(text);
        update
            .key("pk", key(format!("SETTINGS#{ACCOUNT}")))
            .key("sk", key("settings".to_owned()))
            .update_expression("SET colour = :c")
            .expression_attribute_values(":c", key(colour.to_owned()))
            .send()
    };
    set_colour("invalid").await.unwrap();
    let id = id(&app.invite(EMAIL).await);
    workers.deliver().await;
    app.advance(LATER);
    workers.reconcile().await;
    assert_eq!((workers.inbox.emails().len(), workers.event_types()), (0, Vec::new()));
    set_colour("#0b5fff").await.unwrap();
    app.advance(LATER);
    workers.reconcile().await;
    assert_eq!(describe(&app, &id).await["delivery"]["state"], "sent");
    assert_eq!(workers.event_types(), ["created"]);
    use_link(&app, "lookup", &workers.last_token(EMAIL)).await.expect(200);
}

#[tokio::test]
async fn a_quarantined_row_is_processed_once_it_is_repaired() {
    let (app, mut workers) = start().await;
    let id = id(&app.invite(EMAIL).await);
    let hash = app.rows_of(ACCOUNT, "I#").await[0]["th"].clone();
    app.set(&id, "th", AttributeValue::S("not a hash".to_owned())).await;
    // A row that could not be quarantined does not count as processed.
    let key = InvitationKey { account: ACCOUNT.parse().unwrap(), id: id.parse().unwrap() };
    app.faults.next([Fault::None, Fault::Error(400, "AccessDeniedException")]);
    assert!(process_due(&workers.courier, &key).await.is_err());
    workers.deliver().await;
    app.set(&id, "th", hash).await;
    app.advance(Duration::from_secs(3600));
    workers.reconcile().await;
    assert_eq!(describe(&app, &id).await["delivery"]["state"], "sent");
    use_link(&app, "accept", &workers.last_token(EMAIL)).await.expect(200);
}

#[tokio::test]
async fn a_conflict_with_a_transaction_is_retried_and_a_failing_table_is_an_error() {
    let (app, mut workers) = start().await;
    for (error, sent) in [("TransactionConflictException", true), ("AccessDeniedException", false)] {
        let email = format!("{}@example.com", error.to_lowercase());
        let key = InvitationKey { account: ACCOUNT.parse().unwrap(), id: id(&app.invite(&email).await).parse().unwrap() };
        // The invitation and the settings are read before.
        app.faults.next([Fault::None, Fault::None, Fault::Error(400, error)]);
        let settled = process_due(&workers.courier, &key).await;
        assert_eq!((settled.is_ok(), app.faults.left()), (sent, 0), "{error}: {settled:?}");
        assert_eq!(workers.inbox.emails().iter().filter(|sent| sent.to == [email.as_str()]).count(), usize::from(sent), "{error}");
        workers.deliver().await;
    }
    // The failed one is sent when the stream retries.
    assert_eq!(workers.inbox.emails().len(), 2);
}

#[tokio::test]
async fn a_row_stored_before_events_existed_can_be_changed() {
    let (app, mut workers) = start().await;
    let mut ids = Vec::new();
    for number in 0..2 {
        ids.push(id(&app.invite(&format!("user.{number}@example.com")).await));
    }
    workers.drop_stream_records().await;
    for id in &ids {
        app.remove(id, &["events", "out", "pending", "shard", "due_at", "late_at"]).await;
    }
    app.advance(COOLDOWN);
    revoke(&app, &ids[0]).await.expect(200);
    resend(&app, &ids[1]).await.expect(200);
    workers.deliver().await;
    // They belong to two invitations, so their order is not guaranteed.
    assert_eq!(workers.event_types().into_iter().collect::<BTreeSet<_>>(), ["revoked".to_owned(), "resent".to_owned()].into());
    let accept = use_link(&app, "accept", &workers.last_token("user.1@example.com")).await.expect(200).json();
    assert_eq!(accept["state"], "accepted");
    app.send(Call::get("/invitations").key(&app.full)).await.expect(200);
}

/// Makes an index unreadable.
#[derive(Debug)]
struct Unreadable(&'static str);

impl Wire for Unreadable {
    fn request(&self, operation: &str, input: &mut Value) -> Option<(&'static str, Value)> {
        if operation == "Query" && input["IndexName"] == self.0 {
            input["IndexName"] = "missing".into();
        }
        None
    }
}

#[tokio::test]
async fn an_index_that_cannot_be_read_does_not_delay_the_other() {
    for unreadable in ["late", "due"] {
        let (app, mut workers) = start().await;
        invited(&app, &mut workers).await;
        app.advance(LATER);
        workers.reconcile().await;
        app.advance(LIFETIME);
        let lost = "lost@example.com";
        app.invite(lost).await;
        workers.drop_stream_records().await;
        app.advance(LATER);
        app.faults.wire(Arc::new(Unreadable(unreadable)));
        let round = run_as("reconcile-deliveries", reconcile_deliveries::handle(&workers.courier, "{}"));
        round.await.expect_err("the alarm must trigger");
        let (emailed, expired) = (workers.inbox.emails().len() == 2, workers.event_types().contains(&"expired".to_owned()));
        assert_eq!((emailed, expired), (unreadable == "due", unreadable == "late"), "{unreadable}");
    }
}

#[tokio::test]
async fn a_round_that_cannot_read_an_index_does_not_log_that_nothing_is_overdue() {
    let (app, workers) = start().await;
    let (lines, _guard) = Lines::as_deployed();
    let round = || run_as("reconcile-deliveries", reconcile_deliveries::handle(&workers.courier, "{}"));
    let overdue = || {
        let logged = lines.take();
        let mut lines = logged.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        lines.find(|line| line["message"] == "round done").expect("the round is logged")["overdue_seconds"].clone()
    };
    round().await.expect("the table answers");
    assert_eq!(overdue(), 0);
    app.faults.wire(Arc::new(Unreadable("due")));
    round().await.expect_err("the alarm must trigger");
    assert_eq!(overdue(), Value::Null);
}

/// If the events that wait in the one fill a round, the emails in the other must not wait for it always.
#[tokio::test]
async fn each_minute_starts_with_another_shard_of_another_index() {
    let (app, workers) = start().await;
    let mut first = BTreeSet::new();
    for _ in 0..8 {
        let _ = app.faults.take_requests();
        workers.reconcile().await;
        let (_, query) = app.faults.take_requests().swap_remove(0);
        first.insert((query["IndexName"].to_string(), query["ExpressionAttributeValues"][":shard"].to_string()));
        app.advance(COOLDOWN);
    }
    assert_eq!(first.len(), 8, "{first:?}");
}
