use local::engine::Engine;

use super::*;

/// The tables on one page of `ListTables`.
const MAX_TABLES: u64 = 100;

/// The outcome of requests that each create a table.
struct Outcome {
    /// Requests with a successful response.
    succeeded: u64,
    /// Tables that exist.
    tables: u64,
    counts: Value,
}

impl Outcome {
    async fn of(requests: u64, percent: u32, enabled: bool) -> Self {
        let engine = Engine::in_memory().unwrap();
        let faults = Faults::start(engine.endpoint(), percent).map_err(|problem| problem.to_string()).unwrap();
        if enabled {
            faults.enable();
        }
        let mut succeeded = 0;
        for number in 0..requests {
            let table = json!({
                "TableName": format!("table-{number}"),
                "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
                "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
                "BillingMode": "PAY_PER_REQUEST",
            });
            succeeded += u64::from(send(faults.endpoint(), "CreateTable", &table).await.is_some());
        }
        let tables = send(engine.endpoint(), "ListTables", &json!({})).await.unwrap();
        let counts = Client::builder(TokioExecutor::new()).build_http::<Body>().get(faults.endpoint().parse().unwrap()).await.unwrap();
        Self { succeeded, tables: tables["TableNames"].as_array().unwrap().len() as u64, counts: json(counts).await }
    }

    fn injected(&self, name: &str) -> u64 {
        self.counts["injected"][name].as_u64().unwrap()
    }
}

/// The response to one request, if it is successful.
async fn send(endpoint: &str, operation: &str, body: &Value) -> Option<Value> {
    let request = Request::post(endpoint)
        .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
        .header("content-type", "application/x-amz-json-1.0")
        .header("authorization", "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0")
        .header("x-amz-date", "20260101T000000Z")
        .body(Body::from(body.to_string()))
        .unwrap();
    let reply = Client::builder(TokioExecutor::new()).build_http::<Body>().request(request).await.ok()?;
    if reply.status() == StatusCode::OK { Some(json(reply).await) } else { None }
}

async fn json(reply: Response<Incoming>) -> Value {
    serde_json::from_slice(&to_bytes(Body::new(reply.into_body()), MAX_REQUEST).await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_fault_is_injected_before_faults_are_enabled() {
    let outcome = Outcome::of(20, 100, false).await;
    assert_eq!((outcome.succeeded, outcome.tables, &outcome.counts["requests"]), (20, 20, &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_fault_is_injected_and_counted() {
    let outcome = Outcome::of(MAX_TABLES, 100, true).await;
    let counts = &outcome.counts;
    assert_eq!(counts["requests"], MAX_TABLES);
    // One in ten million runs misses one of the six in a hundred draws.
    assert!(ALL.iter().all(|(_, name)| outcome.injected(name) > 0), "{counts}");
    assert_eq!(ALL.iter().map(|(_, name)| outcome.injected(name)).sum::<u64>(), MAX_TABLES);
    assert_eq!(outcome.succeeded, outcome.injected("late"), "only late requests succeed: {counts}");
    assert_eq!(outcome.tables, outcome.injected("late") + outcome.injected("replyLost") + outcome.injected("errorAfterwards"), "{counts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_requests_pass() {
    let outcome = Outcome::of(MAX_TABLES, 30, true).await;
    let injected: u64 = ALL.iter().map(|(_, name)| outcome.injected(name)).sum();
    assert!((5..=65).contains(&injected), "{}", outcome.counts);
    assert_eq!(outcome.succeeded, MAX_TABLES - injected + outcome.injected("late"));
}

#[tokio::test]
async fn a_rejected_transaction_names_a_reason_for_each_of_its_items() {
    let reply = rejection(&Bytes::from(r#"{"TransactItems":[{},{},{}]}"#));
    let body: Value = serde_json::from_slice(&to_bytes(reply.into_body(), MAX_REQUEST).await.unwrap()).unwrap();
    assert_eq!(body["CancellationReasons"], json!([{ "Code": "TransactionConflict" }, { "Code": "None" }, { "Code": "None" }]));
}
