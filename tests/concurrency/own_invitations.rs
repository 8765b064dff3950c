//! People who list, accept and decline their invitations while others change them, and while replies are lost.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use shared::{domain::link::LinkKeys, store::InvitationKey};
use support::{
    ACCOUNT, Call, People, Response, TestApp,
    faults::Fault::{self, ConflictAfterwards, ConnectionRefused, Error, ErrorAfterwards, ReplyLost, TimedOut},
    random::Random,
};

use crate::common::{assert_consistent, describe, ids, number, processes, race, staggered, stored, text};

const EMAIL: &str = "ann@example.com";

/// Invites [`EMAIL`] with a key, and returns the id.
async fn invite(app: &TestApp, key: &str) -> String {
    app.send(Call::create(EMAIL, "full-access").key(key)).await.expect(201).str("id")
}

fn by_id(verb: &str, account: &str, id: &str) -> Call {
    Call::post(&format!("/invitations/{verb}")).json(&json!({ "id": id, "account": account }))
}

/// The token of an invitation's link, as its email has it.
async fn link(app: &TestApp, id: &str) -> String {
    let keys: LinkKeys = app.variable("LINK_KEYS").expect("keys").parse().expect("keys");
    let key = InvitationKey { account: ACCOUNT.parse().expect("an account"), id: id.parse().expect("an id") };
    let invitation = app.store().load(&key).await.expect("the table works").expect("it is there").invitation;
    keys.token(&key.account, key.id, &invitation.link).expect("the key is there").reveal()
}

/// The status of a response, with the code of an error or the state.
fn summary(response: &Response) -> (u16, String) {
    let body = response.json();
    (response.status, body["code"].as_str().or(body["state"].as_str()).unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_accept_by_id_an_accept_by_link_and_a_revocation_exactly_one_closes_the_invitation() {
    let (app, people) = People::start().await;
    let processes = processes(&app, 3);
    let person = people.token(&app, EMAIL);
    let mut outcomes = BTreeSet::new();
    for round in 0..36_u64 {
        let id = invite(&app, &app.full).await;
        let calls = [
            by_id("accept", ACCOUNT, &id).bearer(&person),
            Call::holder("accept", &link(&app, &id).await),
            Call::set_state(&id, "revoked").key(&app.full),
        ];
        // Each of them is the last one in some rounds.
        let delays =
            [[0, 0, 0], [6, 0, 0], [0, 6, 0], [0, 0, 6], [3, 6, 0], [6, 3, 0]][usize::try_from(round % 6).expect("a small number")];
        let responses = staggered(&processes, delays.into_iter().zip(calls)).await;
        let [by_id, by_link, revoked] = [0, 1, 2].map(|n| summary(&responses[n]));
        let described = describe(&app, &id).await;
        let accepted_by = described["acceptedBy"].as_str();
        let (accepted, closed) = ((200, "accepted".to_owned()), |code: &str| (400, code.to_owned()));
        let outcome = match (described["state"].as_str(), accepted_by) {
            (Some("accepted"), Some(urn)) => {
                assert!(urn.ends_with("user/acme:ann@example.com"), "{urn}");
                // The holder of the link learns that it is accepted.
                assert_eq!((by_id, by_link, revoked), (accepted.clone(), accepted, closed("already-accepted")));
                "the person"
            }
            (Some("accepted"), None) => {
                assert_eq!((by_id, by_link, revoked), (closed("already-accepted"), accepted, closed("already-accepted")));
                "the holder of the link"
            }
            (Some("revoked"), None) => {
                assert_eq!((by_id, by_link, revoked), (closed("already-revoked"), closed("already-revoked"), (200, "revoked".to_owned())));
                "the account"
            }
            other => panic!("{other:?}: {responses:?}"),
        };
        outcomes.insert(outcome);
        assert_eq!(number(&stored(&app, &id).await, "rev"), 2, "one of them wrote");
        assert!(app.rows_of(ACCOUNT, "P#").await.is_empty(), "the address can be invited again");
    }
    assert!(outcomes.len() > 1, "the race has more than one outcome: {outcomes:?}");
    assert_consistent(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_concurrent_accepts_of_one_person_all_succeed_and_are_one() {
    let (app, people) = People::start().await;
    let id = invite(&app, &app.full).await;
    let (person, link) = (people.token(&app, EMAIL), link(&app, &id).await);
    let call = |n: usize| if n.is_multiple_of(2) { by_id("accept", ACCOUNT, &id) } else { Call::holder("accept", &link) };
    let responses = race(&processes(&app, 4), (0..40).map(|n| call(n).bearer(&person))).await;
    assert!(responses.iter().all(|response| summary(response) == (200, "accepted".to_owned())), "{responses:?}");
    assert_eq!(number(&stored(&app, &id).await, "rev"), 2);
    assert_consistent(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_people_with_one_address_one_accepts() {
    let (app, people) = People::start().await;
    let processes = processes(&app, 4);
    let tokens = ["one", "two"].map(|subject| people.token_with(&app, EMAIL, &json!({ "sub": subject })));
    for _ in 0..12 {
        let id = invite(&app, &app.full).await;
        let responses = race(&processes, (0..8).map(|n| by_id("accept", ACCOUNT, &id).bearer(&tokens[n % 2]))).await;
        let winner = usize::from(describe(&app, &id).await["acceptedBy"].as_str().is_some_and(|urn| urn.ends_with(":two")));
        for (n, response) in responses.iter().enumerate() {
            let expected = if n % 2 == winner { (200, "accepted") } else { (400, "already-accepted") };
            assert_eq!(summary(response), (expected.0, expected.1.to_owned()));
        }
    }
    assert_consistent(&app).await;
}

/// What the writers have done to the invitations so far.
#[derive(Default)]
struct History {
    /// The response to its creation has arrived.
    created: BTreeSet<String>,
    /// The request to close it was sent.
    closing: BTreeSet<String>,
    /// The response to that has arrived.
    closed: BTreeSet<String>,
}

/// Invites [`EMAIL`] to an account again and again, and resends and closes the invitations.
async fn churn(app: Arc<TestApp>, history: Arc<Mutex<History>>, (account, person): (String, String), seed: u64) {
    let key = app.new_key(&account, "full-access").await;
    let mut random = Random::new(seed);
    for _ in 0..25 {
        let id = invite(&app, &key).await;
        history.lock().expect("no panic").created.insert(id.clone());
        for _ in 0..random.below(3) {
            app.send(Call::post(&format!("/invitations/{id}")).key(&key)).await.expect(200);
        }
        history.lock().expect("no panic").closing.insert(id.clone());
        let close = match random.below(3) {
            0 => Call::set_state(&id, "revoked").key(&key),
            1 => by_id("accept", &account, &id).bearer(&person),
            _ => by_id("decline", &account, &id).bearer(&person),
        };
        app.send(close).await.expect(200);
        history.lock().expect("no panic").closed.insert(id);
        app.advance(Duration::from_millis(700));
    }
}

/// Reads all pages of [`EMAIL`].
async fn walk(app: &TestApp, person: &str, limit: usize) -> Vec<Value> {
    let (mut read, mut cursor) = (Vec::new(), String::new());
    for _ in 0..200 {
        let call = Call::get(&format!("/invitations/mine?limit={limit}{cursor}")).bearer(person);
        let mut page = app.send(call).await.expect(200).json();
        read.extend(serde_json::from_value::<Vec<Value>>(page["invitations"].take()).expect("a list"));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return read,
        }
    }
    panic!("paging does not end")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_listed_was_open_during_the_request_and_what_is_open_throughout_is_listed() {
    let (app, people) = People::with(&[("SEND_QUOTA", "10000"), ("RESEND_COOLDOWN_SECONDS", "0"), ("MAX_SENDS", "20")]).await;
    let app = Arc::new(app);
    let person = people.token(&app, EMAIL);
    // These stay open and keep their places.
    let mut steady = BTreeSet::new();
    for number in 0..5 {
        let key = app.new_key(&format!("9{number:011}"), "full-access").await;
        steady.insert(invite(&app, &key).await);
        app.advance(Duration::from_secs(1));
    }
    let history = Arc::new(Mutex::new(History::default()));
    let running = Arc::new(AtomicBool::new(true));
    let reader = tokio::spawn({
        let (app, history, running, person) = (Arc::clone(&app), Arc::clone(&history), Arc::clone(&running), person.clone());
        let (steady, mut reads) = (steady.clone(), 0);
        async move {
            while running.load(Ordering::SeqCst) || reads < 3 {
                let (created, closed) = {
                    let history = history.lock().expect("no panic");
                    (history.created.clone(), history.closed.clone())
                };
                let page = app.send(Call::get("/invitations/mine?limit=100").bearer(&person)).await.expect(200).json();
                let listed = page["invitations"].as_array().expect("a list");
                let listed_ids: BTreeSet<String> = ids(listed).into_iter().collect();
                assert_eq!(listed_ids.len(), listed.len(), "each once");
                assert!(listed.iter().all(|it| it["state"] == "invited" && it["email"] == EMAIL), "{listed:?}");
                assert!(listed_ids.is_disjoint(&closed), "closed before the request: {:?}", listed_ids.intersection(&closed));
                let closing = history.lock().expect("no panic").closing.clone();
                let throughout: BTreeSet<&String> = created.difference(&closing).chain(&steady).collect();
                // The local index is never behind.
                assert!(throughout.iter().all(|id| listed_ids.contains(*id)), "open throughout: {throughout:?}, listed: {listed_ids:?}");
                // Page by page, those that keep their places appear exactly once.
                let walked = ids(&walk(&app, &person, 2).await);
                let seen: Vec<&String> = walked.iter().filter(|id| steady.contains(*id)).collect();
                assert_eq!(seen.len(), steady.len(), "{walked:?}");
                assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), steady.iter().collect());
                reads += 1;
            }
            reads
        }
    });
    let writers = (0..4).map(|number| {
        let account = format!("{number:012}");
        tokio::spawn(churn(Arc::clone(&app), Arc::clone(&history), (account, person.clone()), number))
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("no writer fails");
    }
    running.store(false, Ordering::SeqCst);
    let reads = reader.await.expect("the reader does not fail");
    assert_eq!(history.lock().expect("no panic").closed.len(), 100);
    let left: BTreeSet<String> = ids(&walk(&app, &person, 3).await).into_iter().collect();
    assert_eq!(left, steady, "after {reads} reads");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_by_id_whose_reply_is_lost_succeeds_and_is_one() {
    for verb in ["accept", "decline"] {
        for faults in [
            vec![ReplyLost],
            vec![ErrorAfterwards],
            vec![ConflictAfterwards],
            vec![TimedOut, ReplyLost],
            vec![ConnectionRefused, ReplyLost],
            // The SDK gives up, and the operation reads back.
            vec![ReplyLost; 3],
        ] {
            let (app, people) = People::start().await;
            let id = invite(&app, &app.full).await;
            app.faults.transactions(faults.clone());
            let response = app.send(by_id(verb, ACCOUNT, &id).bearer(&people.token(&app, EMAIL))).await;
            let state = if verb == "accept" { "accepted" } else { "declined" };
            assert_eq!((summary(&response), app.faults.left()), ((200, state.to_owned()), 0), "{faults:?}");
            let row = stored(&app, &id).await;
            assert_eq!((text(&row, "st"), number(&row, "rev"), row.contains_key("accepted_by")), (state, 2, verb == "accept"));
            assert!(app.rows_of(ACCOUNT, "P#").await.is_empty());
            assert_consistent(&app).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_failed_is_a_503_and_changes_nothing() {
    for fault in [ConnectionRefused, Error(500, "InternalServerError"), Error(400, "ThrottlingException")] {
        let (app, people) = People::start().await;
        let id = invite(&app, &app.full).await;
        let before = app.rows().await;
        let person = people.token(&app, EMAIL);
        // The keys of the issuer are read first; then they are cached.
        app.send(by_id("accept", ACCOUNT, &"0".repeat(32)).bearer(&person)).await.expect(404);
        app.faults.transactions(vec![fault.clone(); 40]);
        app.send(by_id("accept", ACCOUNT, &id).bearer(&person)).await.expect_error(503, "unavailable");
        app.faults.clear();
        let after = app.rows().await;
        assert!(after.len() == before.len() && after.iter().all(|row| before.contains(row)), "{fault:?}");
        app.send(by_id("accept", ACCOUNT, &id).bearer(&person)).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_survives_lost_replies_and_fails_as_a_whole() {
    let (app, people) = People::start().await;
    let id = invite(&app, &app.full).await;
    let list = Call::get("/invitations/mine").bearer(&people.token(&app, EMAIL));
    app.send(list.clone()).await.expect(200);
    for faults in [vec![ReplyLost], vec![Fault::None, ReplyLost], vec![ErrorAfterwards, Fault::None, ErrorAfterwards]] {
        app.faults.next(faults);
        let page = app.send(list.clone()).await.expect(200).json();
        assert_eq!((ids(page["invitations"].as_array().expect("a list")), app.faults.left()), (vec![id.clone()], 0));
    }
    for read in 0..2 {
        app.faults.next(vec![Fault::None; read].into_iter().chain(vec![Error(500, "InternalServerError"); 3]));
        let failed = app.send(list.clone()).await.expect_error(503, "unavailable");
        assert_eq!((failed.header("retry-after"), app.faults.left()), (Some("2"), 0));
    }
    app.faults.next([Error(400, "AccessDeniedException")]);
    app.send(list.clone()).await.expect_error(500, "internal-error");
    app.send(list).await.expect(200);
}
