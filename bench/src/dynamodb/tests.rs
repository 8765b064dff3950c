use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::{
    body::Bytes,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

use super::*;

const TABLE: &str = "invitations";

async fn database() -> DynamoDb {
    let database = DynamoDb::start().await.unwrap();
    let template = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml")).unwrap();
    database.create_table(TABLE, &template).await.unwrap();
    database
}

/// A connection that trusts only the database's authority.
async fn connect(database: &DynamoDb) -> SendRequest<Full<Bytes>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(database.ca_file()).unwrap()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&tokio_rustls::rustls::version::TLS13]);
    let config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
    let address = database.endpoint_tls().replace("https://localhost", "127.0.0.1");
    let stream = TcpStream::connect(address).await.unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn get(connection: &mut SendRequest<Full<Bytes>>) -> Value {
    let body = serde_json::json!({ "TableName": TABLE, "Key": { "pk": { "S": "A#1" }, "sk": { "S": "I#1" } }, "ConsistentRead": true });
    let request = hyper::Request::post("/")
        .header("host", "localhost")
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "DynamoDB_20120810.GetItem")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=local/20250829/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
        )
        .header("x-amz-date", "20250829T125323Z")
        .body(Full::new(Bytes::from(body.to_string())));
    let response = connection.send_request(request.unwrap()).await.unwrap();
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

#[tokio::test]
async fn requests_and_handshakes_are_counted() {
    let database = database().await;
    assert_eq!(database.counts(), Counts::default(), "the table was not created through the proxy");
    let mut connection = connect(&database).await;
    get(&mut connection).await;
    get(&mut connection).await;
    let counts = database.counts();
    assert!(!counts.engine.is_zero(), "the engine takes some time");
    let requests = [("GetItem".to_owned(), 2)].into();
    let expected = Counts { requests, connections: 1, handshakes: 1, engine: counts.engine, capacity: Capacity::default() };
    assert_eq!(counts, expected);
    database.reset_counts();
    get(&mut connection).await;
    assert_eq!((database.counts().total(), database.counts().handshakes), (1, 0), "the connection is kept");
}

#[tokio::test]
async fn capacity_is_counted_on_request() {
    let database = database().await;
    let mut connection = connect(&database).await;
    assert_eq!(get(&mut connection).await.get("ConsumedCapacity"), None);
    database.count_capacity(true);
    assert_ne!(get(&mut connection).await.get("ConsumedCapacity"), None);
    assert_eq!(database.counts().capacity, Capacity { read: 1.0, write: 0.0 });
}
