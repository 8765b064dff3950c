use local::engine::{Engine, Storage};

use super::*;

/// As many as one page of `ListTables` has.
const MOST: u64 = 100;

/// What became of so many requests, each of which makes a table.
struct Made {
    /// Those that were answered with a success.
    told: u64,
    /// The tables that there are.
    done: u64,
    counts: Value,
}

impl Made {
    async fn of(requests: u64, percent: u32, begun: bool) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let engine = Engine::start(listener, Storage::Memory).unwrap();
        let faults = Faults::open(engine.endpoint(), percent).map_err(|problem| problem.to_string()).unwrap();
        if begun {
            faults.begin();
        }
        let mut told = 0;
        for number in 0..requests {
            let table = json!({
                "TableName": format!("table-{number}"),
                "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
                "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
                "BillingMode": "PAY_PER_REQUEST",
            });
            told += u64::from(ask(faults.endpoint(), "CreateTable", &table).await.is_some());
        }
        let tables = ask(engine.endpoint(), "ListTables", &json!({})).await.unwrap();
        let counts = Client::builder(TokioExecutor::new()).build_http::<Body>().get(faults.endpoint().parse().unwrap()).await.unwrap();
        Self { told, done: tables["TableNames"].as_array().unwrap().len() as u64, counts: json(counts).await }
    }

    fn met(&self, name: &str) -> u64 {
        self.counts["met"][name].as_u64().unwrap()
    }
}

/// The reply to one request, if it is a success.
async fn ask(endpoint: &str, operation: &str, body: &Value) -> Option<Value> {
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
    serde_json::from_slice(&to_bytes(Body::new(reply.into_body()), LARGEST).await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_happens_before_they_begin() {
    let made = Made::of(20, 100, false).await;
    assert_eq!((made.told, made.done, &made.counts["requests"]), (20, 20, &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_happens_is_counted_and_does_what_it_says() {
    let made = Made::of(MOST, 100, true).await;
    let counts = &made.counts;
    assert_eq!(counts["requests"], MOST);
    // One of the six misses a hundred draws in one of ten million runs.
    assert!(ALL.iter().all(|(_, name)| made.met(name) > 0), "{counts}");
    assert_eq!(ALL.iter().map(|(_, name)| made.met(name)).sum::<u64>(), MOST);
    assert_eq!(made.told, made.met("late"), "nothing but a late request is answered with a success: {counts}");
    assert_eq!(made.done, made.met("late") + made.met("replyLost") + made.met("errorAfterwards"), "{counts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_the_requests_meets_one_and_the_others_pass() {
    let made = Made::of(MOST, 30, true).await;
    let met: u64 = ALL.iter().map(|(_, name)| made.met(name)).sum();
    assert!((5..=65).contains(&met), "{}", made.counts);
    assert_eq!(made.told, MOST - met + made.met("late"));
}

#[tokio::test]
async fn a_refused_transaction_names_a_reason_for_each_of_its_items() {
    let reply = refusal(&Bytes::from(r#"{"TransactItems":[{},{},{}]}"#));
    let body: Value = serde_json::from_slice(&to_bytes(reply.into_body(), LARGEST).await.unwrap()).unwrap();
    assert_eq!(body["CancellationReasons"], json!([{ "Code": "TransactionConflict" }, { "Code": "None" }, { "Code": "None" }]));
}
