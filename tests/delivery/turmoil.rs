//! Everything at once, on a table that fails now and then: in the end nothing is lost, and no mail is sent twice.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{BoxFuture, FutureExt, join_all};
use local::ses::feedback;
use shared::store::{Place, item};
use support::{ACCOUNT, Call, Response, faults::Fault, post::token};

use crate::help::{COOLDOWN, LATER, id, start};

#[tokio::test]
async fn whatever_happens_at_once_every_sending_is_settled_and_every_event_is_told() {
    let (app, mut post) = start().await;
    let emails: Vec<String> = (0..12).map(|number| format!("user.{number}@example.com")).collect();
    let mut ids = Vec::new();
    for email in &emails {
        ids.push(id(&app.invite(email).await));
    }
    let couriers = [post.another(&app), post.another(&app)];
    let places: Vec<Place> = ids.iter().map(|id| Place { account: ACCOUNT.parse().unwrap(), id: id.parse().unwrap() }).collect();
    for round in 0..8 {
        app.faults.sometimes(
            round + 1,
            15,
            vec![Fault::Refused, Fault::ReplyLost, Fault::ErrorAfterwards, Fault::Error(400, "ThrottlingException")],
        );
        let mails = post.inbox.mails();
        let mut work: Vec<BoxFuture<'_, ()>> = Vec::new();
        for (number, id) in ids.iter().enumerate() {
            for courier in &couriers {
                work.push(courier.settle(&places[number]).map(drop).boxed());
            }
            let call = match (number + round as usize) % 12 {
                0 => Some(Call::set_state(id, "revoked").key(&app.full)),
                1 | 4 | 7 | 10 => Some(Call::post(&format!("/invitations/{id}?force=true")).key(&app.full)),
                3 => mails.iter().rev().find(|mail| mail.to == [emails[number].clone()]).map(|mail| Call::holder("accept", &token(mail))),
                _ => None,
            };
            if let Some(call) = call {
                work.push(app.send(call).map(|_: Response| ()).boxed());
            }
        }
        join_all(work).await;
        app.faults.clear();
        for mail in &mails {
            let mut report = feedback::events(mail)[0].clone();
            let fate = ["Send", "Bounce", "Complaint", "Delivery"][(round % 4) as usize];
            report["detail"]["eventType"] = fate.into();
            report["detail"]["bounce"] = serde_json::json!({ "bounceType": "Permanent" });
            report["detail"]["complaint"] = serde_json::json!({});
            post.report_event(&report.to_string()).await;
        }
        app.advance(COOLDOWN);
    }
    post.lose_the_stream().await;
    for _ in 0..4 {
        app.advance(LATER);
        post.reconcile().await;
    }
    let mut told: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for event in post.bus.events() {
        let id = event.detail["invitation"]["id"].as_str().unwrap().to_owned();
        told.entry(id).or_default().insert(event.detail["sequence"].as_u64().unwrap());
    }
    let mut sendings: BTreeMap<(String, String), usize> = BTreeMap::new();
    for mail in post.inbox.mails() {
        *sendings.entry((mail.tags["invitation"].clone(), mail.tags["sending"].clone())).or_default() += 1;
    }
    assert!(sendings.len() > emails.len(), "some were sent again");
    assert!(sendings.values().all(|copies| *copies == 1), "SES answered each time: {sendings:?}");
    for row in app.rows_of(ACCOUNT, "I#").await {
        let invitation = item::from_row(row.clone()).unwrap();
        let id = invitation.id.to_string();
        assert!(invitation.outbox.events.is_empty(), "{id}");
        assert_eq!(told[&id], (1..=invitation.outbox.count).collect(), "{id}");
        assert!(invitation.delivery.is_some() || invitation.status != shared::domain::invitation::Status::Pending, "{id}");
        let sent = sendings.contains_key(&(id.clone(), invitation.link.version.to_string()));
        assert!(sent || invitation.delivery.is_none(), "{id}");
    }
}
