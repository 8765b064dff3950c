use axum::http::header::{HeaderName, HeaderValue as Value};
use local::{
    engine::{Engine, Storage},
    iam::{Deployment, Template},
    server::free_port,
};

use super::*;

struct Fixture {
    endpoint: TableEndpoint,
    _engine: Engine,
}

impl Fixture {
    fn start() -> Self {
        let template = Template::parse(include_str!("../../../../template.yaml")).unwrap();
        let deployment = Deployment::of(&|name| Some(if name == "ONLY_ACCOUNT" { "*" } else { "invitations" }.to_owned()));
        let engine = Engine::start(free_port().unwrap(), Storage::Memory).unwrap();
        let guard = Guard::new(&template, &deployment).unwrap();
        let endpoint = TableEndpoint::start(free_port().unwrap(), engine.endpoint(), guard).map_err(|p| p.to_string()).unwrap();
        Self { endpoint, _engine: engine }
    }

    /// Status and body of the reply to a read of the table by this access key.
    async fn get(&self, key: &str, partition: &str, more: &[(HeaderName, &'static str)]) -> (u16, String) {
        let body = json!({ "TableName": "invitations", "Key": { "pk": { "S": partition }, "sk": { "S": "x" } } });
        let signature =
            format!("AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0");
        let mut request = Request::post(self.endpoint.url())
            .header("x-amz-target", "DynamoDB_20120810.GetItem")
            .header("content-type", "application/x-amz-json-1.0")
            .header("authorization", signature)
            .header("x-amz-date", "20260101T000000Z")
            .body(Body::from(body.to_string()))
            .unwrap();
        for (name, value) in more {
            request.headers_mut().insert(name, Value::from_static(value));
        }
        let reply = Client::builder(TokioExecutor::new()).build_http::<Body>().request(request).await.unwrap();
        let status = reply.status().as_u16();
        let body = to_bytes(Body::new(reply.into_body()), MAX_REQUEST).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policies_of_a_function_decide_before_the_engine() {
    let it = Fixture::start();
    // The engine has no table, so what is allowed is not found.
    for (key, partition, expected) in [
        ("describe-invitation", "A#1", "ResourceNotFoundException"),
        ("local", "A#1", "ResourceNotFoundException"),
        ("describe-invitation", "SETTINGS#1", "AccessDeniedException"),
        ("accept-page", "A#1", "AccessDeniedException"),
        ("AKIAIOSFODNN7EXAMPLE", "A#1", "UnrecognizedClientException"),
    ] {
        let (status, body) = it.get(key, partition, &[]).await;
        assert_eq!(status, 400, "{key} {partition}");
        assert!(body.contains(expected), "{key} {partition}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_a_browser_reaches_the_table() {
    let it = Fixture::start();
    for header in [(ORIGIN, "https://website.example"), (ORIGIN, "http://localhost:3000"), (ORIGIN, "null"), (HOST, "website.example:8000")]
    {
        let (status, body) = it.get("local", "A#1", std::slice::from_ref(&header)).await;
        assert_eq!(status, 403, "{header:?}");
        assert!(body.contains("Browsers must not"), "{body}");
    }
    for host in ["localhost:8000", "127.0.0.1", "[::1]:8000"] {
        assert_eq!(it.get("local", "A#1", &[(HOST, host)]).await.0, 400, "{host}");
    }
}
