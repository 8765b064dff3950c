//! Erasure of a person on request (T21).

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use support::{
    ACCOUNT, Call, OTHER_ACCOUNT, TestApp,
    faults::{Barrier, Fault},
};

use crate::helpers::{COOLDOWN, EMAIL, LATER, invited, resend, revoke, start, use_link};

async fn erase(app: &TestApp, account: &str, email: &str) -> Value {
    app.erase(&json!({ "account": account, "email": email })).await
}

#[tokio::test]
async fn t21_erasing_an_address_deletes_all_of_its_rows_and_no_others() {
    let (app, mut workers) = start().await;
    let (first, _) = invited(&app, &mut workers).await;
    revoke(&app, &first).await.expect(200);
    let keyed = Call::create(EMAIL, "read-only").key(&app.full).header("idempotency-key", "k1");
    app.send(keyed).await.expect(201);
    workers.deliver().await;
    let token = workers.last_token(EMAIL);
    let before = app.rows().await.len();
    app.invite("user.two@example.com").await;
    app.send(Call::create("user.three@example.com", "read-only").key(&app.full).header("idempotency-key", "k2")).await.expect(201);
    app.send(Call::create(EMAIL, "read-only").key(&app.other)).await.expect(201);
    let others = app.rows().await.len() - before;

    assert_eq!(erase(&app, ACCOUNT, "User.One@EXAMPLE.com").await, json!({ "erased": 2 }));
    let rows = app.rows().await;
    let about = |row: &&std::collections::HashMap<String, _>| format!("{row:?}").contains("user.one");
    let left: Vec<_> = rows.iter().filter(about).collect();
    assert!(left.iter().all(|row| format!("{row:?}").contains(OTHER_ACCOUNT)), "{left:?}");
    // Two invitations, one lock, one stored response.
    assert_eq!(rows.len(), before + others - 4);

    use_link(&app, "lookup", &token).await.expect_error(404, "not-found");
    use_link(&app, "accept", &token).await.expect_error(404, "not-found");
    workers.report(&workers.last_email(EMAIL)).await;
    workers.deliver().await;
    app.advance(LATER);
    workers.reconcile().await;
    assert_eq!(app.rows_of(ACCOUNT, "I#").await.len(), 2, "nothing recreates it");
    assert_eq!(erase(&app, ACCOUNT, EMAIL).await, json!({ "erased": 0 }));
    app.invite(EMAIL).await;
}

#[tokio::test]
async fn a_corrupt_stored_response_is_reported_and_keeps_no_other_row_from_being_erased() {
    let (app, mut workers) = start().await;
    invited(&app, &mut workers).await;
    let text = AttributeValue::S;
    let put = app.client.put_item().table_name(&app.table).item("pk", text(format!("A#{ACCOUNT}"))).item("inv", text("nobody".to_owned()));
    put.item("sk", text(format!("K#{}", "0".repeat(64)))).send().await.expect("the row can be written");
    assert_eq!(erase(&app, ACCOUNT, EMAIL).await["code"], "internal-error");
    let left: Vec<_> = app.rows().await.into_iter().filter(|row| format!("{row:?}").contains("user.one")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn rows_beyond_the_first_megabyte_are_erased_too() {
    let (app, mut workers) = start().await;
    let (id, _) = invited(&app, &mut workers).await;
    let text = AttributeValue::S;
    for number in 0..4 {
        // A query returns at most a megabyte.
        let put = app.client.put_item().table_name(&app.table).item("pk", text(format!("A#{ACCOUNT}"))).item("inv", text(id.clone()));
        let put = put.item("sk", text(format!("K#{}", number.to_string().repeat(64)))).item("large", text("x".repeat(350_000)));
        put.send().await.expect("the row can be written");
    }
    let _ = app.faults.take_operations();
    assert_eq!(erase(&app, ACCOUNT, EMAIL).await, json!({ "erased": 1 }));
    assert_eq!(app.rows_of(ACCOUNT, "K#").await.len(), 0);
    // Page by page: what the first page of responses shows is deleted before the second is read, so that memory stays flat.
    let operations = app.faults.take_operations();
    assert_eq!(operations[..4], ["Query", "Query", "Query", "DeleteItem"], "the address, its lock, the first page, a deletion");
    assert!(operations.iter().filter(|operation| *operation == "Query").count() > 4, "{operations:?}");
}

#[tokio::test]
async fn a_failed_erasure_is_an_error_and_the_next_one_completes_it() {
    let (app, mut workers) = start().await;
    // Its requests query and delete: invitations, the lock, responses, a response, an invitation, responses, the lock.
    for request in 0..7 {
        app.send(Call::create(EMAIL, "read-only").key(&app.full).header("idempotency-key", &request.to_string())).await.expect(201);
        workers.deliver().await;
        let failing = (0..request).map(|_| Fault::None).chain([Fault::Error(400, "AccessDeniedException")]);
        app.faults.next(failing);
        assert_eq!(erase(&app, ACCOUNT, EMAIL).await["code"], "internal-error", "{request}");
        assert_eq!(app.faults.left(), 0);
        // The fifth request deletes the invitation.
        assert_eq!(erase(&app, ACCOUNT, EMAIL).await, json!({ "erased": u8::from(request <= 4) }), "{request}");
        let left: Vec<_> = app.rows().await.into_iter().filter(|row| format!("{row:?}").contains("user.one")).collect();
        assert!(left.is_empty(), "{request}: {left:?}");
    }
}

#[tokio::test]
async fn a_resend_during_an_erasure_leaves_no_lock_behind() {
    let (app, mut workers) = start().await;
    // The resend comes before each of its requests from the first deletion on.
    for request in 3..6 {
        let (id, _) = invited(&app, &mut workers).await;
        app.advance(COOLDOWN);
        let barrier = Barrier::default();
        app.faults.next((0..request).map(|_| Fault::None).chain([Fault::Held(barrier.clone(), Box::new(Fault::None))]));
        let (erased, ()) = tokio::join!(erase(&app, ACCOUNT, EMAIL), async {
            barrier.arrived().await;
            let answer = resend(&app, &id).await;
            assert!([200, 404].contains(&answer.status), "{request}: {}", answer.text);
            barrier.open();
        });
        assert_eq!(erased, json!({ "erased": 1 }));
        let left: Vec<_> = app.rows().await.into_iter().filter(|row| format!("{row:?}").contains("user.one")).collect();
        assert!(left.is_empty(), "{request}: {left:?}");
        app.invite(EMAIL).await;
        erase(&app, ACCOUNT, EMAIL).await;
    }
}

#[tokio::test]
async fn an_invalid_erasure_is_rejected() {
    let (app, _) = start().await;
    assert_eq!(erase(&app, ACCOUNT, "nobody").await["code"], "invalid-field");
    assert_eq!(erase(&app, "1", EMAIL).await["field"], "account");
    assert_eq!(app.erase(&json!({ "account": ACCOUNT })).await["code"], "missing-field");
}
