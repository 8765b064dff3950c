//! Published events.

use std::collections::BTreeMap;

use local::events::Behaviour;
use serde_json::{Value, json};
use shared::domain::Timestamp;
use support::{ACCOUNT, Call};

use crate::helpers::{COOLDOWN, EMAIL, LATER, LIFETIME, invited, resend, revoke, start, use_link};

#[tokio::test]
async fn each_event_has_a_stable_id_and_the_next_sequence_number() {
    let (app, mut workers) = start().await;
    let (id, _) = invited(&app, &mut workers).await;
    let delivered = workers.last_email(EMAIL);
    workers.report(&delivered).await;
    app.advance(COOLDOWN);
    resend(&app, &id).await.expect(200);
    workers.deliver().await;
    use_link(&app, "accept", &workers.last_token(EMAIL)).await.expect(200);
    workers.deliver().await;
    assert_eq!(workers.event_types(), ["created", "delivered", "resent", "accepted"]);
    let events = workers.bus.events();
    for (key, event) in events.iter().enumerate() {
        assert_eq!(event.detail["sequence"], key + 1);
        assert_eq!(event.detail["id"], format!("{id}-{}", key + 1));
        assert_eq!((event.bus.as_str(), event.source.as_str()), ("events", "invitations"));
    }
}

#[tokio::test]
async fn an_event_names_the_change_and_the_invitation_but_no_person() {
    let (app, mut workers) = start().await;
    let created = app.now();
    let (id, token) = invited(&app, &mut workers).await;
    use_link(&app, "accept", &token).await.expect(200);
    app.advance(COOLDOWN);
    workers.deliver().await;
    let event = workers.bus.events().pop().unwrap();
    assert_eq!(event.detail_type, "Invitation Accepted");
    let urn = format!("urn:cloudone:identity:ca-1:{ACCOUNT}:invitation/{id}");
    assert_eq!(event.resources, std::slice::from_ref(&urn));
    let expected = json!({
        "id": format!("{id}-2"),
        "sequence": 2,
        "type": "accepted",
        "time": created.to_string(),
        "account": ACCOUNT,
        "invitation": {
            "id": id,
            "urn": urn,
            "roleID": "full-access",
            "created": created.to_string(),
            "invitedBy": event.detail["invitation"]["invitedBy"],
        },
    });
    assert_eq!(event.detail, expected);
}

#[tokio::test]
async fn an_event_shows_the_time_of_the_change_however_late_and_often_it_is_published() {
    let (app, mut workers) = start().await;
    let created = app.now();
    // Every event is accepted but the reply is lost, so it is published again after later changes.
    workers.bus.answer_with(|_| Behaviour::AcceptAndDrop);
    let (id, _) = invited(&app, &mut workers).await;
    let email = workers.last_email(EMAIL);
    let report = |kind: &str, details: Value| {
        let tags = json!({ "account": [ACCOUNT], "invitation": [id], "sending": [email.tags["sending"]] });
        let mut detail = json!({ "eventType": kind, "mail": { "tags": tags } });
        detail[kind.to_lowercase()] = details;
        json!({ "detail": detail }).to_string()
    };
    workers.report_event(&report("Bounce", json!({ "bounceType": "Transient", "bounceSubType": "MailboxFull" }))).await;
    let soft = app.now();
    app.advance(LATER);
    workers.deliver().await;
    workers.report_event(&report("Bounce", json!({ "bounceType": "Permanent", "bounceSubType": "NoEmail" }))).await;
    let hard = app.now();
    app.advance(LATER);
    workers.deliver().await;
    let resent = app.now();
    app.send(Call::post(&format!("/invitations/{id}?force=true")).key(&app.full)).await.expect(200);
    app.advance(LATER);
    workers.deliver().await;
    let accepted = app.now();
    let token = workers.last_token(EMAIL);
    let acceptance = json!({ "token": token, "principal": "user-1", "email": EMAIL });
    app.send(Call::post("/invitations/accept").json(&acceptance).key(&app.full)).await.expect(200);
    app.advance(LATER);
    workers.deliver().await;
    workers.bus.answer_with(|_| Behaviour::Accept);
    app.advance(LATER);
    workers.reconcile().await;

    let mut published: BTreeMap<u64, Vec<Value>> = BTreeMap::new();
    for event in workers.bus.events() {
        published.entry(event.detail["sequence"].as_u64().unwrap()).or_default().push(event.detail);
    }
    let expiry = |sent: Timestamp| sent.floor_to_second().plus(LIFETIME).to_string();
    let changing = [
        json!({ "expiry": expiry(created) }),
        json!({ "delivery": { "state": "soft-bounced", "time": soft.to_string(), "reason": "MailboxFull" } }),
        json!({ "delivery": { "state": "bounced", "time": hard.to_string(), "reason": "NoEmail" } }),
        json!({ "expiry": expiry(resent) }),
        json!({ "acceptedBy": "user-1" }),
    ];
    assert_eq!(published.len(), changing.len());
    let times = [created, soft, hard, resent, accepted];
    for (((sequence, copies), expected), time) in published.iter().zip(changing).zip(times) {
        assert!(copies.len() > 1 && copies.iter().all(|copy| *copy == copies[0]), "{sequence}: {copies:?}");
        assert_eq!(copies[0]["time"], time.to_string());
        let mut about = copies[0]["invitation"].clone();
        about.as_object_mut().unwrap().retain(|name, _| ["expiry", "delivery", "acceptedBy"].contains(&name.as_str()));
        assert_eq!(about, expected, "{sequence}");
    }
}

#[tokio::test]
async fn every_event_type_has_its_name() {
    let (app, mut workers) = start().await;
    for (email, verb) in [("bounce@example.com", ""), ("user.1@example.com", "decline"), ("user.2@example.com", "revoke")] {
        let id = crate::helpers::id(&app.invite(email).await);
        workers.deliver().await;
        workers.report(&workers.last_email(email)).await;
        match verb {
            "" => {}
            "revoke" => drop(revoke(&app, &id).await.expect(200)),
            verb => drop(use_link(&app, verb, &workers.last_token(email)).await.expect(200)),
        }
        workers.deliver().await;
    }
    let names: Vec<Value> = workers.bus.events().into_iter().map(|event| event.detail_type.into()).collect();
    let expected = ["Created", "Bounced", "Created", "Delivered", "Declined", "Created", "Delivered", "Revoked"];
    assert_eq!(names, expected.map(|name| Value::from(format!("Invitation {name}"))));
}

#[tokio::test]
async fn a_request_without_a_change_publishes_no_event() {
    let (app, mut workers) = start().await;
    let (id, token) = invited(&app, &mut workers).await;
    revoke(&app, &id).await.expect(200);
    workers.deliver().await;
    let published = workers.event_types();
    for _ in 0..3 {
        revoke(&app, &id).await.expect(200);
        use_link(&app, "accept", &token).await.expect_error(400, "already-revoked");
        use_link(&app, "lookup", &token).await.expect(200);
        workers.deliver().await;
    }
    assert_eq!(workers.event_types(), published);
}
