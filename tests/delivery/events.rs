//! The world is told what happened, so that it can act on it.

use serde_json::{Value, json};
use support::ACCOUNT;

use crate::help::{COOLDOWN, EMAIL, hold, invited, resend, revoke, start};

#[tokio::test]
async fn each_event_has_a_stable_id_and_the_next_number() {
    let (app, mut post) = start().await;
    let (id, _) = invited(&app, &mut post).await;
    let delivered = post.last_mail(EMAIL);
    post.report(&delivered).await;
    app.advance(COOLDOWN);
    resend(&app, &id).await.expect(200);
    post.deliver().await;
    hold(&app, "accept", &post.last_token(EMAIL)).await.expect(200);
    post.deliver().await;
    assert_eq!(post.happenings(), ["created", "delivered", "resent", "accepted"]);
    let events = post.bus.events();
    for (place, event) in events.iter().enumerate() {
        assert_eq!(event.detail["sequence"], place + 1);
        assert_eq!(event.detail["id"], format!("{id}-{}", place + 1));
        assert_eq!((event.bus.as_str(), event.source.as_str()), ("events", "invitations"));
    }
}

#[tokio::test]
async fn an_event_says_what_happened_to_which_invitation_and_shows_no_person() {
    let (app, mut post) = start().await;
    let created = app.now();
    let (id, token) = invited(&app, &mut post).await;
    hold(&app, "accept", &token).await.expect(200);
    app.advance(COOLDOWN);
    post.deliver().await;
    let event = post.bus.events().pop().unwrap();
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
            "expiry": created.floor_to_second().plus(crate::help::LIFETIME).to_string(),
            "invitedBy": event.detail["invitation"]["invitedBy"],
            "delivery": { "state": "sent", "time": created.to_string() },
        },
    });
    assert_eq!(event.detail, expected);
}

#[tokio::test]
async fn every_happening_has_its_name() {
    let (app, mut post) = start().await;
    for (email, verb) in [("bounce@example.com", ""), ("user.1@example.com", "decline"), ("user.2@example.com", "revoke")] {
        let id = crate::help::id(&app.invite(email).await);
        post.deliver().await;
        post.report(&post.last_mail(email)).await;
        match verb {
            "" => {}
            "revoke" => drop(revoke(&app, &id).await.expect(200)),
            verb => drop(hold(&app, verb, &post.last_token(email)).await.expect(200)),
        }
        post.deliver().await;
    }
    let names: Vec<Value> = post.bus.events().into_iter().map(|event| event.detail_type.into()).collect();
    let expected = ["Created", "Bounced", "Created", "Delivered", "Declined", "Created", "Delivered", "Revoked"];
    assert_eq!(names, expected.map(|name| Value::from(format!("Invitation {name}"))));
}

#[tokio::test]
async fn no_write_that_changes_nothing_tells_anything() {
    let (app, mut post) = start().await;
    let (id, token) = invited(&app, &mut post).await;
    revoke(&app, &id).await.expect(200);
    post.deliver().await;
    let told = post.happenings();
    for _ in 0..3 {
        revoke(&app, &id).await.expect(200);
        hold(&app, "accept", &token).await.expect_error(400, "already-revoked");
        hold(&app, "lookup", &token).await.expect(200);
        post.deliver().await;
    }
    assert_eq!(post.happenings(), told);
}
