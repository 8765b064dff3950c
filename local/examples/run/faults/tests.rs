use local::engine::{Engine, Storage};

use super::*;

/// How often of `of` times `list-tables` fails at the first attempt, and what was counted.
async fn fail(percent: u32, begun: bool, of: u32) -> (u32, Value) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let engine = Engine::start(listener, Storage::Memory).unwrap();
    let faults = Faults::open(engine.endpoint(), percent).map_err(|problem| problem.to_string()).unwrap();
    if begun {
        faults.begin();
    }
    let client: Client<HttpConnector, Body> = Client::builder(TokioExecutor::new()).build_http();
    let mut failed = 0;
    for _ in 0..of {
        let request = Request::post(faults.endpoint())
            .header("x-amz-target", "DynamoDB_20120810.ListTables")
            .header("content-type", "application/x-amz-json-1.0")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
            )
            .header("x-amz-date", "20260101T000000Z")
            .body(Body::from("{}"))
            .unwrap();
        match client.request(request).await {
            Ok(reply) if reply.status() == StatusCode::OK => {
                let body = to_bytes(Body::new(reply.into_body()), LARGEST).await.unwrap();
                assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), json!({ "TableNames": [] }));
            }
            _ => failed += 1,
        }
    }
    let counts = client.get(faults.endpoint().parse().unwrap()).await.unwrap().into_body();
    (failed, serde_json::from_slice(&to_bytes(Body::new(counts), LARGEST).await.unwrap()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_happens_before_they_begin() {
    let (failed, counts) = fail(100, false, 20).await;
    assert_eq!((failed, &counts["requests"]), (0, &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_happens_and_is_counted() {
    let (failed, counts) = fail(100, true, 120).await;
    let met = |name: &str| counts["met"][name].as_u64().unwrap();
    assert_eq!(counts["requests"], 120);
    // Each misses 120 draws of 6 once in three thousand million runs.
    assert!(ALL.iter().all(|(_, name)| met(name) > 0), "{counts}");
    assert_eq!(ALL.iter().map(|(_, name)| met(name)).sum::<u64>(), 120);
    assert_eq!(u64::from(failed), 120 - met("late"), "a late request is answered, and no other: {counts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_the_requests_meets_one() {
    let (failed, counts) = fail(30, true, 200).await;
    let met: u64 = ALL.iter().map(|(_, name)| counts["met"][*name].as_u64().unwrap()).sum();
    assert!((20..=110).contains(&met), "{counts}");
    assert_eq!(u64::from(failed), met - counts["met"]["late"].as_u64().unwrap());
}

#[tokio::test]
async fn a_refused_transaction_names_a_reason_for_each_of_its_items() {
    let reply = refusal(&Bytes::from(r#"{"TransactItems":[{},{},{}]}"#));
    let body: Value = serde_json::from_slice(&to_bytes(reply.into_body(), LARGEST).await.unwrap()).unwrap();
    assert_eq!(body["CancellationReasons"], json!([{ "Code": "TransactionConflict" }, { "Code": "None" }, { "Code": "None" }]));
}
