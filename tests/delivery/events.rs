//! Published events.

use std::{collections::BTreeMap, time::Duration};

use local::events::Behaviour;
use serde_json::{Value, json};
use shared::{
    domain::{Timestamp, settings::EXTERNAL_ID_MARGIN},
    store::InvitationKey,
};
use support::{ACCOUNT, Call, TestApp, Workers, workers::process_due};

use crate::helpers::{COOLDOWN, EMAIL, LATER, LIFETIME, invited, resend, revoke, start, use_link};

/// The smallest step of the clock.
const TICK: Duration = Duration::from_millis(1);

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
async fn an_event_shows_the_role_and_the_expiry_of_its_time_however_often_it_is_published() {
    let (app, mut workers) = start().await;
    // Every event is accepted but the reply is lost, so it is published again after later changes.
    workers.bus.answer_with(|_| Behaviour::AcceptAndDrop);
    let (id, token) = invited(&app, &mut workers).await;
    let first = app.now().floor_to_second().plus(LIFETIME).to_string();
    let change = |body: Value| Call::post(&format!("/invitations/{id}")).json(&body).key(&app.full);
    app.advance(LATER);
    let second = app.now().floor_to_second().plus(2 * LIFETIME).to_string();
    app.send(change(json!({ "roleID": "read-only", "expiry": second }))).await.expect(200);
    workers.deliver().await;
    app.advance(LATER);
    app.send(change(json!({ "roleID": "guest" }))).await.expect(200);
    workers.deliver().await;
    app.advance(LATER);
    use_link(&app, "accept", &token).await.expect(200);
    workers.bus.answer_with(|_| Behaviour::Accept);
    app.advance(LATER);
    workers.reconcile().await;

    let mut published: BTreeMap<u64, Vec<Value>> = BTreeMap::new();
    for event in workers.bus.events() {
        published.entry(event.detail["sequence"].as_u64().unwrap()).or_default().push(event.detail);
    }
    let expected = [
        ("created", "full-access", Some(&first)),
        ("changed", "read-only", Some(&second)),
        ("changed", "guest", Some(&second)),
        ("accepted", "guest", None),
    ];
    assert_eq!(published.len(), expected.len());
    for ((sequence, copies), (kind, role, expiry)) in published.into_iter().zip(expected) {
        assert!(copies.len() > 1 || kind == "accepted", "{sequence} was published once");
        assert!(copies.iter().all(|copy| *copy == copies[0]), "{copies:?}");
        let invitation = &copies[0]["invitation"];
        assert_eq!((&copies[0]["type"], &invitation["roleID"]), (&json!(kind), &json!(role)));
        assert_eq!(invitation.get("expiry"), expiry.map(|expiry| json!(expiry)).as_ref(), "{sequence}");
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

/// Sets the external id of an account.
async fn set_external_id(app: &TestApp, account: &str, id: &str) {
    let set = app.manage_settings(&json!({ "action": "set", "account": account, "externalID": id })).await;
    assert_eq!(set["externalID"], id);
}

/// The external id in each published event, by the event's id. Every copy must be the same.
fn external_ids(workers: &Workers) -> BTreeMap<String, Value> {
    let mut details = BTreeMap::new();
    for event in workers.bus.events() {
        let id = event.detail["id"].as_str().expect("an id").to_owned();
        let known = details.entry(id).or_insert_with(|| event.detail.clone());
        assert_eq!(*known, event.detail, "a copy differs");
    }
    details.into_iter().map(|(id, detail)| (id, detail["externalID"].clone())).collect()
}

#[tokio::test]
async fn every_event_of_a_created_account_carries_its_external_id() {
    let (app, mut workers) = start().await;
    let created = app.manage_settings(&json!({ "action": "create", "externalID": "Org/7" })).await;
    let account = created["account"].as_str().expect("an account");
    let key = app.new_key(account, "full-access").await;
    app.send(Call::create(EMAIL, "full-access").key(&key)).await.expect(201);
    workers.deliver().await;
    use_link(&app, "accept", &workers.last_token(EMAIL)).await.expect(200);
    workers.deliver().await;
    // Its neighbour has none.
    app.invite(EMAIL).await;
    workers.deliver().await;
    let events = workers.bus.events();
    let shown = |name: &str| events.iter().map(|event| event.detail[name].clone()).collect::<Vec<_>>();
    assert_eq!(shown("account"), [account, account, ACCOUNT]);
    assert_eq!(shown("externalID"), [json!("Org/7"), json!("Org/7"), Value::Null]);
    assert!(events[2].detail.get("externalID").is_none());
}

#[tokio::test]
async fn an_event_published_again_after_the_external_id_was_set_is_the_same_as_before() {
    let (app, mut workers) = start().await;
    // Events are published, but the replies are lost, so they are published again later.
    workers.bus.answer_with(|_| Behaviour::AcceptAndDrop);
    let (id, token) = invited(&app, &mut workers).await;
    set_external_id(&app, ACCOUNT, "acme").await;
    app.advance(EXTERNAL_ID_MARGIN - TICK);
    resend(&app, &id).await.expect_error(429, "resend-cooldown");
    let other = crate::helpers::id(&app.invite("last.without@example.com").await);
    workers.deliver().await;
    app.advance(TICK);
    use_link(&app, "accept", &token).await.expect(200);
    workers.deliver().await;
    for _ in 0..2 {
        app.advance(LATER);
        workers.reconcile().await;
    }
    workers.bus.answer_with(|_| Behaviour::Accept);
    app.advance(LATER);
    workers.reconcile().await;
    assert!(workers.bus.events().len() > 6, "every event was published several times");
    let expected = [(format!("{id}-1"), Value::Null), (format!("{id}-2"), json!("acme")), (format!("{other}-1"), Value::Null)];
    assert_eq!(external_ids(&workers), expected.into());
}

#[tokio::test]
async fn setting_the_same_external_id_again_changes_no_event() {
    let (app, mut workers) = start().await;
    set_external_id(&app, ACCOUNT, "acme").await;
    app.advance(EXTERNAL_ID_MARGIN);
    workers.bus.answer_with(|_| Behaviour::AcceptAndDrop);
    let (id, _) = invited(&app, &mut workers).await;
    app.advance(LATER);
    set_external_id(&app, ACCOUNT, "acme").await;
    app.manage_settings(&json!({ "action": "set", "account": ACCOUNT, "name": "Example" })).await;
    workers.bus.answer_with(|_| Behaviour::Accept);
    workers.reconcile().await;
    assert!(workers.bus.events().len() > 1);
    assert_eq!(external_ids(&workers), [(format!("{id}-1"), json!("acme"))].into());
}

#[tokio::test]
async fn the_settings_are_read_once_for_an_event_and_its_email_and_not_without_work() {
    let (app, workers) = start().await;
    let id = crate::helpers::id(&app.invite(EMAIL).await);
    let key = InvitationKey { account: ACCOUNT.parse().expect("an account"), id: id.parse().expect("an id") };
    let reads = || {
        let requests = app.faults.take_requests();
        let of = |prefix: &str| {
            requests.iter().filter(|(_, input)| input["Key"]["pk"]["S"].as_str().is_some_and(|pk| pk.starts_with(prefix))).count()
        };
        (of("SETTINGS#"), of("A#"))
    };
    let _ = reads();
    process_due(&workers.courier, &key).await.expect("the table answers");
    assert_eq!((reads().0, workers.inbox.emails().len(), workers.event_types()), (1, 1, vec!["created".to_owned()]));
    process_due(&workers.courier, &key).await.expect("the table answers");
    assert_eq!(reads(), (0, 1), "nothing is due");
    revoke(&app, &id).await.expect(200);
    let _ = reads();
    process_due(&workers.courier, &key).await.expect("the table answers");
    assert_eq!((reads().0, workers.event_types().len()), (1, 2));
}
