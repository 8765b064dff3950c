use std::time::Duration;

use aws_sdk_sesv2::{
    Client,
    error::ProvideErrorMetadata,
    operation::send_email::{SendEmailError, SendEmailOutput, builders::SendEmailFluentBuilder},
    types::{Body, Content, Destination, EmailContent, Message, MessageHeader, MessageTag, Template},
};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Behaviour, Inbox, feedback};
use crate::{client::config_without_retries, iam::Guard};

/// An inbox, and a client for it that does not retry.
fn inbox() -> (Inbox, Client) {
    let inbox = Inbox::on_free_port().expect("an inbox starts");
    let client = Client::new(&config_without_retries(inbox.endpoint()));
    (inbox, client)
}

fn text(text: &str) -> Content {
    Content::builder().data(text).charset("UTF-8").build().expect("it has data")
}

fn tag(name: &str, value: &str) -> MessageTag {
    MessageTag::builder().name(name).value(value).build().expect("it is whole")
}

/// An email to `to`.
fn email(client: &Client, to: &str) -> SendEmailFluentBuilder {
    let message = Message::builder()
        .subject(text("Grüße"))
        .body(Body::builder().text(text("Hello")).html(text("<p>Hello</p>")).build())
        .headers(MessageHeader::builder().name("Auto-Submitted").value("auto-generated").build().expect("it is whole"))
        .build();
    client
        .send_email()
        .from_email_address("Example <invitations@example.com>")
        .destination(Destination::builder().to_addresses(to).build())
        .content(EmailContent::builder().simple(message).build())
        .email_tags(tag("account", "012345678912"))
        .configuration_set_name("local")
}

async fn error(email: SendEmailFluentBuilder) -> SendEmailError {
    email.send().await.expect_err("it is refused").into_service_error()
}

#[tokio::test]
async fn an_email_is_recorded_complete() {
    let (inbox, client) = inbox();
    let SendEmailOutput { message_id, .. } = email(&client, "a@b.example").send().await.expect("it is accepted");
    let emails = inbox.emails();
    let [email] = &emails[..] else { panic!("expected one email: {emails:?}") };
    assert_eq!(Some(&email.message_id), message_id.as_ref());
    assert_eq!((email.from.as_str(), &email.to[..]), ("Example <invitations@example.com>", &["a@b.example".to_owned()][..]));
    assert_eq!(email.subject, "Grüße");
    assert_eq!((email.text.as_deref(), email.html.as_deref()), (Some("Hello"), Some("<p>Hello</p>")));
    assert_eq!(email.headers, [("Auto-Submitted".to_owned(), "auto-generated".to_owned())]);
    assert_eq!(email.tags.iter().collect::<Vec<_>>(), [(&"account".to_owned(), &"012345678912".to_owned())]);
    assert_eq!(email.configuration_set.as_deref(), Some("local"));
    assert!(email.time.elapsed().expect("it is in the past") < Duration::from_secs(60));
}

#[tokio::test]
async fn the_client_reads_errors_as_those_of_ses() {
    let (inbox, client) = inbox();
    inbox.answer_with(|_| Behaviour::Error { status: 429, code: "TooManyRequestsException" });
    assert!(error(email(&client, "a@b.example")).await.is_too_many_requests_exception());
    inbox.answer_with(|_| Behaviour::Error { status: 400, code: "MessageRejected" });
    let refused = error(email(&client, "a@b.example")).await;
    assert!(refused.is_message_rejected());
    assert_eq!(refused.message(), Some("Scripted error."));
    inbox.answer_with(|_| Behaviour::Error { status: 500, code: "InternalFailure" });
    assert_eq!(error(email(&client, "a@b.example")).await.code(), Some("InternalFailure"));
    assert_eq!(inbox.emails(), []);
}

#[tokio::test]
async fn the_response_can_depend_on_the_email_and_change() {
    let (inbox, client) = inbox();
    let mut left = 1;
    inbox.answer_with(move |email| {
        if email.to == ["slow@b.example"] && left > 0 {
            left -= 1;
            return Behaviour::Error { status: 429, code: "TooManyRequestsException" };
        }
        Behaviour::Accept
    });
    email(&client, "quick@b.example").send().await.expect("it is accepted");
    email(&client, "slow@b.example").send().await.expect_err("it is refused");
    email(&client, "slow@b.example").send().await.expect("it is accepted the second time");
    let to: Vec<_> = inbox.emails().into_iter().flat_map(|email| email.to).collect();
    assert_eq!(to, ["quick@b.example", "slow@b.example"]);
}

#[tokio::test]
async fn an_email_can_be_accepted_without_a_response() {
    let (inbox, client) = inbox();
    inbox.answer_with(|_| Behaviour::AcceptAndDrop);
    let lost = email(&client, "a@b.example").send().await.expect_err("there is no response");
    assert!(lost.as_service_error().is_none(), "{lost:?}");
    assert_eq!(inbox.emails().len(), 1);
    inbox.answer_with(|_| Behaviour::Accept);
    email(&client, "a@b.example").send().await.expect("the inbox still answers");
}

#[tokio::test]
async fn a_request_can_hang() {
    let (inbox, client) = inbox();
    inbox.answer_with(|_| Behaviour::Hang);
    let waited = timeout(Duration::from_millis(200), email(&client, "a@b.example").send()).await;
    waited.expect_err("there is no response");
    assert_eq!(inbox.emails(), []);
}

#[tokio::test]
async fn invalid_emails_are_rejected() {
    let (inbox, client) = inbox();
    let recipient = |address: &str| email(&client, address);
    let good = || email(&client, "a@b.example");
    let content = |message: Message| good().content(EmailContent::builder().simple(message).build());
    let body = || Body::builder().text(text("Hello")).build();
    let bare = Content::builder().data("Grüße").build().expect("it has data");
    let header = |name: &str, value: &str| MessageHeader::builder().name(name).value(value).build().expect("it is whole");
    let headed =
        |headers: Vec<MessageHeader>| content(Message::builder().subject(text("Hello")).body(body()).set_headers(Some(headers)).build());
    let template = Template::builder().template_name("welcome").build();
    for refused in [
        recipient("nobody"),
        recipient("gr\u{fc}n@b.example"),
        recipient("a@b.example\r\nBcc: c@d.example"),
        recipient("Two Words@b.example"),
        good().from_email_address("M\u{fc}ller <a@b.example>"),
        good().reply_to_addresses("nobody"),
        good().destination(Destination::builder().build()),
        good().destination(Destination::builder().to_addresses("a@b.example").cc_addresses("c@d.example").build()),
        good().email_tags(tag("name", "a value")),
        good().email_tags(tag("account", "again")),
        content(Message::builder().subject(text("Two\nlines")).body(body()).build()),
        content(Message::builder().subject(bare).body(body()).build()),
        content(Message::builder().subject(text("No parts")).body(Body::builder().build()).build()),
        headed(vec![header("Two words", "x")]),
        headed(vec![header("Colon:", "x")]),
        headed(vec![header("Empty", "")]),
        headed(vec![header("Two-Lines", "x\r\nBcc: c@d.example")]),
        headed(vec![header(&"n".repeat(127), "x")]),
        headed(vec![header("Long", &"x".repeat(871))]),
        headed(vec![header("Many", "x"); 16]),
        good().content(EmailContent::builder().template(template).build()),
    ] {
        let request = format!("{refused:?}");
        assert!(error(refused).await.is_bad_request_exception(), "{request}");
    }
    assert_eq!(inbox.emails(), []);
}

#[tokio::test]
async fn other_operations_are_unknown() {
    let (_inbox, client) = inbox();
    let refused = client.get_account().send().await.expect_err("it is not supported").into_service_error();
    assert_eq!(refused.code(), Some("UnknownOperationException"));
}

/// The events of an email to `to`.
async fn feedback_for(to: &str) -> Vec<Value> {
    let (inbox, client) = inbox();
    email(&client, to).send().await.expect("it is accepted");
    feedback::events(&inbox.emails()[0])
}

#[tokio::test]
async fn the_recipient_selects_the_feedback() {
    for (to, expected) in [
        ("a@b.example", &[("Email Delivered", "Delivery")][..]),
        ("bounce.1@b.example", &[("Email Bounced", "Bounce")]),
        ("soft@b.example", &[("Email Bounced", "Bounce")]),
        ("complaint@b.example", &[("Email Delivered", "Delivery"), ("Email Complaint Received", "Complaint")]),
        ("not-spam@b.example", &[("Email Delivered", "Delivery"), ("Email Complaint Received", "Complaint")]),
        ("Ann <reject@b.example>", &[("Email Rejected", "Reject")]),
        ("delay@b.example", &[("Email Delivery Delayed", "DeliveryDelay")]),
    ] {
        let events = feedback_for(to).await;
        let kinds: Vec<_> =
            events.iter().map(|e| (e["detail-type"].as_str().unwrap(), e["detail"]["eventType"].as_str().unwrap())).collect();
        assert_eq!(kinds, expected, "{to}");
    }
    assert_eq!(feedback_for("bounce@b.example").await[0]["detail"]["bounce"]["bounceType"], "Permanent");
    assert_eq!(feedback_for("soft@b.example").await[0]["detail"]["bounce"]["bounceType"], "Transient");
    assert_eq!(feedback_for("complaint@b.example").await[1]["detail"]["complaint"]["complaintFeedbackType"], "abuse");
    assert_eq!(feedback_for("not-spam@b.example").await[1]["detail"]["complaint"]["complaintFeedbackType"], "not-spam");
}

#[tokio::test]
async fn feedback_contains_the_message_id_and_the_tags() {
    let (inbox, client) = inbox();
    email(&client, "Ann <bounce@b.example>").send().await.expect("it is accepted");
    let taken = &inbox.emails()[0];
    let event = &feedback::events(taken)[0];
    assert_eq!(event["source"], "aws.ses");
    assert_eq!(event["detail"]["mail"]["messageId"], taken.message_id.as_str());
    assert_eq!(event["detail"]["mail"]["destination"], json!(["bounce@b.example"]));
    assert_eq!(event["detail"]["mail"]["tags"], json!({ "account": ["012345678912"], "ses:configuration-set": ["local"] }));
    assert_eq!(event["detail"]["bounce"]["bouncedRecipients"][0]["emailAddress"], "bounce@b.example");
    let time = event["time"].as_str().expect("a time");
    assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
}

#[tokio::test]
async fn a_guarded_inbox_refuses_what_the_policies_do_not_allow() {
    let (inbox, client) = inbox();
    inbox.guard_by(Guard::for_tests());
    let as_function = |name: &'static str| {
        let credentials = aws_sdk_sesv2::config::Credentials::new(name, "secret", None, None, "tests");
        let config = client.config().to_builder().credentials_provider(credentials);
        Client::from_conf(config.build())
    };
    let refused = error(email(&as_function("create-invitation"), "a@b.example")).await;
    assert_eq!(refused.code(), Some("AccessDeniedException"));
    assert!(refused.message().is_some_and(|message| message.contains("is not authorized to perform: ses:SendEmail")), "{refused:?}");
    let foreign = email(&as_function("deliver-invitations"), "a@b.example").from_email_address("other@example.com");
    assert_eq!(error(foreign).await.code(), Some("AccessDeniedException"));
    assert!(inbox.emails().is_empty());
    email(&as_function("deliver-invitations"), "a@b.example").send().await.expect("it is allowed");
    assert_eq!(inbox.emails().len(), 1);
}
