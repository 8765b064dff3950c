//! `revoke-invitations`: revokes all open invitations that match.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use support::{ACCOUNT, Call, TestApp, Workers, faults::Fault, logged::Lines};

use crate::{
    helpers::{COOLDOWN, LIFETIME, delete, describe, differences, invitation_row, row, table, text, with},
    template::list,
};

/// An event for [`ACCOUNT`].
fn event(fields: Value) -> Value {
    with(&json!({ "account": ACCOUNT }), fields)
}

/// Invites an address with a key and returns the resource.
async fn invite(app: &TestApp, key: &str, email: &str, role: &str) -> Value {
    app.send(Call::create(email, role).key(key)).await.expect(201).json()
}

/// The addresses of the account's invitations in a state.
async fn addresses(app: &TestApp, state: &str) -> BTreeSet<String> {
    let page = app.send(Call::get(&format!("/invitations?state={state}&limit=100")).key(&app.full)).await.expect(200).json();
    list(&page["invitations"]).map(|it| text(it, "email")).collect()
}

#[tokio::test]
async fn exactly_the_invitations_that_match_all_given_fields_are_revoked() {
    for given in 1..8 {
        let app = TestApp::start().await;
        let second = app.new_key(ACCOUNT, "full-access").await;
        let mut inviter = String::new();
        // Each address has the key, the role or the domain of the revocation if its digit has the bit.
        for bits in 0..8 {
            let key = if bits & 1 != 0 { &app.full } else { &second };
            let role = if bits & 2 != 0 { "full-access" } else { "read-only" };
            let invited = invite(&app, key, &format!("user-{bits}@example.com"), role).await;
            if bits & 1 != 0 {
                inviter = text(&invited, "invitedBy");
            }
        }
        invite(&app, &app.other, "user-7@example.com", "full-access").await;
        let mut fields = json!({});
        if given & 1 != 0 {
            fields["invitedBy"] = inviter.into();
        }
        if given & 2 != 0 {
            fields["roleID"] = "full-access".into();
        }
        if given & 4 != 0 {
            fields["email"] = " User-7@EXAMPLE.com".into();
        }
        let matching = (0..8).filter(|bits| bits & given & 3 == given & 3 && (given & 4 == 0 || *bits == 7));
        let expected: BTreeSet<String> = matching.map(|bits| format!("user-{bits}@example.com")).collect();
        assert_eq!(app.revoke(&event(fields)).await, json!({ "revoked": expected.len() }), "{given}");
        let others = (0..8).map(|bits| format!("user-{bits}@example.com")).filter(|email| !expected.contains(email)).collect();
        assert_eq!((addresses(&app, "revoked").await, addresses(&app, "invited").await), (expected, others), "{given}");
        let of_other = app.send(Call::get("/invitations?state=invited").key(&app.other)).await.expect(200).json();
        assert_eq!(list(&of_other["invitations"]).count(), 1, "another account's invitation of the same address");
    }
}

#[tokio::test]
async fn an_invitation_is_revoked_like_by_its_account() {
    let app = TestApp::start().await;
    let [one, two] = [app.invite("user.one@example.com").await, app.invite("user.two@example.com").await].map(|it| text(&it, "id"));
    let before = [invitation_row(&app, &one).await, invitation_row(&app, &two).await];
    app.advance(COOLDOWN);
    app.send(Call::set_state(&one, "revoked").key(&app.full)).await.expect(200);
    assert_eq!(app.revoke(&event(json!({ "email": "user.two@example.com" }))).await, json!({ "revoked": 1 }));

    let after = [invitation_row(&app, &one).await, invitation_row(&app, &two).await];
    let changed = differences(&before[0], &after[0]);
    assert_eq!(changed, differences(&before[1], &after[1]));
    for attribute in changed.iter().filter(|attribute| !["ops", "by_state", "shard"].contains(&attribute.as_str())) {
        assert_eq!(after[0].get(attribute), after[1].get(attribute), "{attribute}");
    }
    assert_eq!(text(&after[1], "by_state"), text(&after[0], "by_state").replace(&one, &two));
    assert_eq!(list(&after[1]["ops"]).count(), 2);
    for id in [&one, &two] {
        let shown = describe(&app, id).await;
        assert_eq!((text(&shown, "state"), text(&shown, "revokedAt")), ("revoked".to_owned(), app.now().to_string()));
    }
    assert_eq!(row(&app, "P#user.two@example.com").await, None, "the address can be invited again");
    app.invite("user.two@example.com").await;
}

#[tokio::test]
async fn closed_and_expired_invitations_are_left_as_they_are() {
    let app = TestApp::start().await;
    let expired = text(&app.invite("user.0@example.com").await, "id");
    app.advance(LIFETIME);
    let mut closed = vec![expired];
    for (number, state) in ["accepted", "declined"].into_iter().enumerate() {
        let id = text(&app.invite(&format!("user.{}@example.com", number + 1)).await, "id");
        app.close_as_invitee(&id, state).await;
        closed.push(id);
    }
    let revoked = text(&app.invite("user.3@example.com").await, "id");
    app.send(Call::set_state(&revoked, "revoked").key(&app.full)).await.expect(200);
    closed.push(revoked);
    let open = text(&app.invite("user.4@example.com").await, "id");
    // Its address has been lost to another invitation, by a clock that is ahead: it has expired.
    let lost = text(&app.invite("user.5@example.com").await, "id");
    delete(&app, &format!("A#{ACCOUNT}"), "P#user.5@example.com").await;
    closed.push(lost);
    app.advance(COOLDOWN);

    let mut before = table(&app).await;
    for number in [0, 1, 2, 3, 5] {
        let fields = json!({ "email": format!("user.{number}@example.com") });
        assert_eq!(app.revoke(&event(fields)).await, json!({ "revoked": 0 }), "{number}");
    }
    assert_eq!(app.revoke(&event(json!({ "roleID": "full-access" }))).await, json!({ "revoked": 1 }));
    let mut after = table(&app).await;
    let key = (format!("A#{ACCOUNT}"), format!("I#{open}"));
    assert_eq!(text(&after.remove(&key).expect("its row"), "st"), "revoked");
    before.remove(&key);
    before.remove(&(format!("A#{ACCOUNT}"), "P#user.4@example.com".to_owned())).expect("its lock");
    assert_eq!(after, before);
}

#[tokio::test]
async fn repeating_a_revocation_changes_nothing() {
    let app = TestApp::start().await;
    let inviter = text(&app.invite("user.one@example.com").await, "invitedBy");
    app.invite("user.two@example.com").await;
    let revocation = event(json!({ "invitedBy": inviter }));
    assert_eq!(app.revoke(&revocation).await, json!({ "revoked": 2 }));
    let before = table(&app).await;
    app.advance(COOLDOWN);
    assert_eq!(app.revoke(&revocation).await, json!({ "revoked": 0 }));
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn a_field_that_is_null_or_empty_is_an_error_and_not_left_out() {
    let app = TestApp::start().await;
    app.invite("user.one@example.com").await;
    // A rule makes such events if its event lacks the property.
    for field in ["invitedBy", "email"] {
        for value in [json!(null), json!("")] {
            let mut revocation = event(json!({ "roleID": "full-access" }));
            revocation[field] = value;
            let answer = app.revoke(&revocation).await;
            assert_eq!((&answer["code"], &answer["field"]), (&json!("invalid-field"), &json!(field)), "{answer}");
        }
    }
    assert_eq!(addresses(&app, "invited").await.len(), 1);
}

#[tokio::test]
async fn a_call_without_time_revokes_a_few_and_says_where_to_continue() {
    let app = TestApp::start().await;
    let second = app.new_key(ACCOUNT, "full-access").await;
    let mut inviter = String::new();
    for number in 0..30 {
        let key = if number % 3 == 0 { &app.full } else { &second };
        let invited = invite(&app, key, &format!("user-{number}@example.com"), "full-access").await;
        if number % 3 == 0 {
            inviter = text(&invited, "invitedBy");
        }
    }
    let hurried = app.revocations(Duration::ZERO);
    let mut revocation = event(json!({ "invitedBy": inviter }));
    let mut counts = Vec::new();
    loop {
        let answer = TestApp::revoke_over(&hurried, &revocation).await;
        counts.push(answer["revoked"].as_u64().expect("a number"));
        let Some(next) = answer.get("next") else { break };
        let other = with(&revocation, json!({ "roleID": "full-access", "cursor": next }));
        let refused = TestApp::revoke_over(&hurried, &other).await;
        assert_eq!((&refused["code"], &refused["field"]), (&json!("invalid-field"), &json!("cursor")), "another revocation's cursor");
        revocation["cursor"] = next.clone();
    }
    assert_eq!(counts, [4, 4, 2]);
    assert_eq!(addresses(&app, "revoked").await.len(), 10);
    // A cursor may be used again, and is not needed.
    assert_eq!(TestApp::revoke_over(&hurried, &revocation).await, json!({ "revoked": 0 }));
    let by_role = event(json!({ "roleID": "full-access" }));
    for expected in [4, 4, 4, 4, 4] {
        assert_eq!(TestApp::revoke_over(&hurried, &by_role).await["revoked"], expected);
    }
    assert_eq!(TestApp::revoke_over(&hurried, &by_role).await, json!({ "revoked": 0 }));
}

#[tokio::test]
async fn a_few_invitations_are_read_and_revoked_at_a_time() {
    let app = TestApp::start().await;
    for number in 0..10 {
        app.invite(&format!("user-{number}@example.com")).await;
    }
    let _ = app.faults.take_operations();
    assert_eq!(app.revoke(&event(json!({ "roleID": "full-access" }))).await, json!({ "revoked": 10 }));
    let operations = app.faults.take_operations();
    let between = operations.split(|operation| operation == "Query").skip(1).map(<[String]>::len);
    // For each a read and a transaction. Then nothing is left.
    assert_eq!(between.collect::<Vec<_>>(), [8, 8, 4, 0], "{operations:?}");
}

#[tokio::test]
async fn a_call_that_fails_half_way_is_an_error_and_the_next_one_revokes_the_rest() {
    let app = TestApp::start().await;
    for number in 0..10 {
        app.invite(&format!("user-{number}@example.com")).await;
    }
    let revocation = event(json!({ "roleID": "full-access" }));
    let (lines, _guard) = Lines::as_deployed();
    // The fifth of ten, so the second of the three groups of four.
    app.faults.transactions([Fault::None, Fault::None, Fault::None, Fault::None, Fault::Error(400, "AccessDeniedException")]);
    assert_eq!(app.revoke(&revocation).await["code"], "internal-error");
    assert_eq!(addresses(&app, "revoked").await.len(), 7);
    app.faults.always(Fault::Error(500, "InternalServerError"));
    assert_eq!(app.revoke(&revocation).await["code"], "unavailable");
    app.faults.clear();
    assert_eq!(app.revoke(&revocation).await, json!({ "revoked": 3 }));

    let logged = lines.take();
    let lines: Vec<Value> = logged.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    let done: Vec<_> = lines.iter().filter(|line| line["message"] == "invitations revoked").collect();
    assert_eq!(done.iter().map(|line| &line["revoked"]).collect::<Vec<_>>(), [&json!(7), &json!(0), &json!(3)]);
    assert_eq!(done.iter().map(|line| &line["complete"]).collect::<Vec<_>>(), [&json!(false), &json!(false), &json!(true)]);
    assert!(done.iter().all(|line| line["account"] == ACCOUNT && line["invocation"] == "invocation-1"), "{logged}");
    assert_eq!(lines.iter().filter(|line| line["message"] == "failed" && line["level"] == "ERROR").count(), 2);
}

#[tokio::test]
async fn the_log_of_a_rejected_event_has_its_code_and_nothing_of_the_event() {
    let app = TestApp::start().await;
    let (lines, _guard) = Lines::as_deployed();
    app.revoke(&event(json!({ "email": "canary" }))).await;
    app.revoke(&event(json!({ "canary": "canary" }))).await;
    app.revoke(&event(json!({ "email": "canary@example.com", "invitedBy": format!("urn:a:identity:b:{ACCOUNT}:user/acme:canary") }))).await;
    let logged = lines.take();
    assert!(!logged.contains("canary"), "{logged}");
    let lines: Vec<Value> = logged.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    let shown = |line: &Value| ["level", "message", "code"].map(|field| line[field].as_str().unwrap_or_default().to_owned());
    assert_eq!(shown(&lines[0]), ["WARN", "rejected", "invalid-field"]);
    assert_eq!(shown(&lines[1]), ["WARN", "rejected", "missing-field"]);
    assert_eq!(shown(&lines[2]), ["INFO", "invitations revoked", ""]);
}

#[tokio::test]
async fn each_revocation_is_published_once_and_no_email_is_sent_after_it() {
    let app = TestApp::start().await;
    let mut workers = Workers::of(&app).await;
    let emailed = text(&app.invite("user.one@example.com").await, "id");
    workers.deliver().await;
    let token = workers.last_token("user.one@example.com");
    let not_emailed = text(&app.invite("user.two@example.com").await, "id");
    assert_eq!(app.revoke(&event(json!({ "roleID": "full-access" }))).await, json!({ "revoked": 2 }));
    assert_eq!(app.revoke(&event(json!({ "roleID": "full-access" }))).await, json!({ "revoked": 0 }));
    workers.deliver().await;
    app.advance(COOLDOWN * 10);
    workers.reconcile().await;

    let events = workers.bus.events();
    let revoked: Vec<_> = events.iter().filter(|event| event.detail["type"] == "revoked").collect();
    let ids: BTreeSet<String> = revoked.iter().map(|event| text(&event.detail["invitation"], "id")).collect();
    assert_eq!((revoked.len(), ids), (2, [emailed, not_emailed].into()));
    assert!(revoked.iter().all(|event| event.detail_type == "Invitation Revoked" && event.detail["sequence"] == 2), "{revoked:?}");
    assert_eq!(workers.inbox.emails().len(), 1, "the second invitation was revoked before its email");
    app.send(Call::holder("accept", &token)).await.expect_error(400, "already-revoked");
}

#[tokio::test]
async fn only_what_was_created_after_a_time_is_revoked_if_one_is_given() {
    let app = TestApp::start().await;
    let before = invite(&app, &app.full, "before@example.com", "full-access").await;
    app.advance(Duration::from_secs(1));
    let leaked = app.now();
    invite(&app, &app.full, "after@example.com", "full-access").await;
    // A resend does not make an invitation younger.
    app.advance(COOLDOWN);
    app.send(Call::post(&format!("/invitations/{}", text(&before, "id"))).key(&app.full)).await.expect(200);
    let given = json!({ "invitedBy": before["invitedBy"], "createdAfter": leaked.to_string() });
    assert_eq!(app.revoke(&event(given)).await, json!({ "revoked": 1 }));
    assert_eq!(addresses(&app, "revoked").await, BTreeSet::from(["after@example.com".to_owned()]));
    assert_eq!(addresses(&app, "invited").await, BTreeSet::from(["before@example.com".to_owned()]));
    let alone = app.revoke(&event(json!({ "createdAfter": leaked.to_string() }))).await;
    assert_eq!(alone["message"], "invitedBy: is required, or email or roleID instead");
}
