use std::time::{Duration, SystemTime};

use aws_sdk_eventbridge::{
    Client,
    error::ProvideErrorMetadata,
    operation::put_events::PutEventsOutput,
    primitives::DateTime,
    types::{PutEventsRequestEntry, builders::PutEventsRequestEntryBuilder},
};
use serde_json::json;
use tokio::time::timeout;

use super::{Behaviour, Bus};
use crate::{client::config_without_retries, iam::Guard};

/// A bus, and a client for it that does not retry.
fn bus() -> (Bus, Client) {
    let bus = Bus::on_free_port().expect("a bus starts");
    let client = Client::new(&config_without_retries(bus.endpoint()));
    (bus, client)
}

fn event(kind: &str) -> PutEventsRequestEntryBuilder {
    PutEventsRequestEntry::builder().event_bus_name("local").source("invitations").detail_type(kind).detail(r#"{"id":"1"}"#)
}

async fn put(client: &Client, entries: Vec<PutEventsRequestEntryBuilder>) -> PutEventsOutput {
    let entries = entries.into_iter().map(PutEventsRequestEntryBuilder::build).collect();
    client.put_events().set_entries(Some(entries)).send().await.expect("the bus answers")
}

/// The error codes of the response, with none for an accepted entry.
fn codes(output: &PutEventsOutput) -> Vec<Option<&str>> {
    output.entries().iter().map(|entry| entry.error_code()).collect()
}

fn kinds(bus: &Bus) -> Vec<String> {
    bus.events().into_iter().map(|event| event.detail_type).collect()
}

#[tokio::test]
async fn events_are_recorded_complete() {
    let (bus, client) = bus();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let answer = put(&client, vec![event("Sent").time(DateTime::from(time)).resources("urn:x"), event("Accepted")]).await;
    assert_eq!((answer.failed_entry_count(), codes(&answer)), (0, vec![None, None]));

    let events = bus.events();
    let ids: Vec<_> = answer.entries().iter().filter_map(|entry| entry.event_id()).collect();
    assert_eq!(events.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ids);
    assert_eq!((events[0].bus.as_str(), events[0].source.as_str()), ("local", "invitations"));
    assert_eq!((events[0].detail_type.as_str(), &events[0].detail), ("Sent", &json!({ "id": "1" })));
    assert_eq!((events[0].time, &events[0].resources[..]), (time, &["urn:x".to_owned()][..]));
    assert!(events[1].time > time, "an event without a time has the time of acceptance");
}

#[tokio::test]
async fn some_entries_of_a_call_can_fail() {
    let (bus, client) = bus();
    bus.answer_with(|_| Behaviour::Fail { entries: vec![1], code: "ThrottlingException" });
    let answer = put(&client, vec![event("A"), event("B"), event("C")]).await;
    assert_eq!((answer.failed_entry_count(), codes(&answer)), (1, vec![None, Some("ThrottlingException"), None]));
    assert_eq!(kinds(&bus), ["A", "C"]);
}

#[tokio::test]
async fn invalid_entries_are_rejected_one_by_one() {
    let (bus, client) = bus();
    let nameless = PutEventsRequestEntry::builder().source("invitations").detail("{}");
    let entries = vec![event("A"), nameless, event("B").detail("no json"), event("C").source("aws.ses"), event("D").detail("[]")];
    let answer = put(&client, entries).await;
    let expected =
        [None, Some("InvalidArgument"), Some("MalformedDetail"), Some("NotAuthorizedForSourceException"), Some("MalformedDetail")];
    assert_eq!((answer.failed_entry_count(), codes(&answer)), (4, expected.to_vec()));
    assert_eq!(kinds(&bus), ["A"]);
}

#[tokio::test]
async fn a_whole_call_can_fail() {
    let (bus, client) = bus();
    let call = || client.put_events().entries(event("A").build());
    bus.answer_with(|_| Behaviour::Error { status: 500, code: "InternalException" });
    assert!(call().send().await.expect_err("it fails").into_service_error().is_internal_exception());
    let eleven = Some(vec![event("A").build(); 11]);
    let refused = client.put_events().set_entries(eleven).send().await.expect_err("these are too many").into_service_error();
    assert_eq!(refused.code(), Some("ValidationException"));
    bus.answer_with(|_| Behaviour::Hang);
    timeout(Duration::from_millis(200), call().send()).await.expect_err("there is no response");
    assert_eq!(bus.events(), []);

    bus.answer_with(|_| Behaviour::AcceptAndDrop);
    let lost = call().send().await.expect_err("there is no response");
    assert!(lost.as_service_error().is_none(), "{lost:?}");
    assert_eq!(kinds(&bus), ["A"]);
}

#[tokio::test]
async fn other_operations_are_unknown() {
    let (_bus, client) = bus();
    let refused = client.list_event_buses().send().await.expect_err("it is not supported").into_service_error();
    assert_eq!(refused.code(), Some("UnknownOperationException"));
}

#[tokio::test]
async fn a_guarded_bus_refuses_what_the_policies_do_not_allow() {
    let (bus, client) = bus();
    bus.guard_by(Guard::for_tests());
    let put = async |name: &'static str, source: &str| {
        let credentials = aws_sdk_eventbridge::config::Credentials::new(name, "secret", None, None, "tests");
        let client = Client::from_conf(client.config().to_builder().credentials_provider(credentials).build());
        let sent = client.put_events().entries(event("Sent").source(source).build()).send().await;
        sent.map(drop).map_err(|error| error.into_service_error().code().unwrap_or_default().to_owned())
    };
    assert_eq!(put("record-feedback", "invitations").await, Err("AccessDeniedException".to_owned()));
    assert_eq!(put("deliver-invitations", "other").await, Err("AccessDeniedException".to_owned()));
    assert_eq!(put("nobody", "invitations").await, Err("UnrecognizedClientException".to_owned()));
    assert!(bus.events().is_empty());
    assert_eq!(put("deliver-invitations", "invitations").await, Ok(()));
    assert_eq!(kinds(&bus), ["Sent"]);
}
