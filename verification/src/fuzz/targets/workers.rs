//! The functions that the stream and SES invoke.

use std::sync::Arc;

use functions::{
    delivery::{
        courier::{Courier, bus::Bus, mailer::Mailer},
        deliver_invitations,
        record_feedback::{self, Feedback, Recorded},
        worker::{Failed, invoke},
    },
    texts::Texts,
};
use serde_json::{Value, json};
use shared::config::read_default_settings;

use super::http::runtime;
use support::random::Random;

use crate::fuzz::{
    corpus::mutated_event,
    table::{ACCOUNT, Table, config, delivery_config, sdk_config, store, to_json, variable},
    target::{Target, Verdict},
};

pub(super) fn deliver() -> Box<dyn Target> {
    let table = Arc::new(Table::new());
    let records = |ids: &[usize]| {
        let record = |at: &usize| {
            let row = to_json(&shared::store::item::to_row(&table.invitations[*at], None));
            json!({
                "eventID": "1", "eventName": "MODIFY", "eventSource": "aws:dynamodb", "awsRegion": "ca-1",
                "dynamodb": {
                    "ApproximateCreationDateTime": 1_900_000_000, "Keys": { "pk": row["pk"], "sk": row["sk"] }, "NewImage": row,
                    "SequenceNumber": format!("{at}00000000000000000001"), "SizeBytes": 900, "StreamViewType": "NEW_AND_OLD_IMAGES",
                },
            })
        };
        json!({ "Records": ids.iter().map(record).collect::<Vec<_>>() })
    };
    let corpus = vec![records(&[0]), records(&[1]), records(&[1, 2, 3]), records(&[])];
    let sdk = sdk_config(&table);
    let texts = Texts::load(None).expect("the built-in texts are valid");
    let (bus, mailer) = (Bus::new(&sdk, "events".to_owned(), config().urns), Mailer::new(&sdk, delivery_config(), texts));
    let defaults = read_default_settings(&variable).expect("the configuration is valid");
    let courier = Courier::new(store(&table), mailer, bus, defaults, None);
    let runtime = runtime();
    Box::new(WorkerTarget {
        corpus,
        invoke: move |event: &str| {
            let answer = runtime.block_on(invoke(Ok(&courier), event, &deliver_invitations::handle))?;
            // The stub never fails, so no record may be retried.
            if answer.batch_item_failures.is_empty() { Ok(true) } else { Err(Failed(format!("records are to be retried: {answer:?}"))) }
        },
    })
}

pub(super) fn feedback() -> Box<dyn Target> {
    let table = Arc::new(Table::new());
    let id = table.invitations[1].resource.id.to_string();
    let report = |kind: &str, field: &str, value: Value| {
        let tags = json!({ "account": [ACCOUNT], "invitation": [id], "sending": ["1"], "ses:configuration-set": ["mails"] });
        let email = json!({ "timestamp": "2030-03-17T17:46:40.000Z", "messageId": "m", "destination": ["a@b.example"], "tags": tags });
        json!({ "version": "0", "source": "aws.ses", "detail-type": "x", "detail": { "eventType": kind, "mail": email, field: value } })
    };
    let time = "2030-03-17T17:46:40.000Z";
    let mut of_reminder = report("Bounce", "bounce", json!({ "bounceType": "Permanent", "timestamp": "2030-03-17T17:46:40.000Z" }));
    of_reminder["detail"]["mail"]["tags"]["kind"] = json!(["reminder"]);
    let corpus = vec![
        of_reminder,
        report("Send", "send", json!({})),
        report("Delivery", "delivery", json!({ "timestamp": time, "smtpResponse": "250 ok" })),
        report("Bounce", "bounce", json!({ "bounceType": "Permanent", "bounceSubType": "General", "timestamp": time })),
        report("Complaint", "complaint", json!({ "complaintFeedbackType": "abuse", "timestamp": time })),
        report("DeliveryDelay", "deliveryDelay", json!({ "delayType": "MailboxFull", "timestamp": time })),
        report("Reject", "reject", json!({ "reason": "Bad content" })),
    ];
    let feedback = Feedback { store: store(&table), retention: None };
    let runtime = runtime();
    Box::new(WorkerTarget {
        corpus,
        invoke: move |event: &str| Ok(runtime.block_on(invoke(Ok(&feedback), event, &record_feedback::handle))? == Recorded::Recorded),
    })
}

struct WorkerTarget<A> {
    corpus: Vec<Value>,
    /// Whether the event was accepted, or why the function failed.
    invoke: A,
}

impl<A: Fn(&str) -> Result<bool, Failed>> Target for WorkerTarget<A> {
    fn make(&self, random: &mut Random) -> String {
        mutated_event(random, &self.corpus)
    }

    fn check(&self, event: &str) -> Verdict {
        match (self.invoke)(event) {
            Ok(true) => Verdict::Accepted,
            Ok(false) => Verdict::Rejected,
            // A parser's error names a position in the event, and must not quote it.
            Err(Failed(why)) if why.starts_with("not a") && why.len() < 150 => Verdict::Rejected,
            Err(Failed(why)) => Verdict::Violation(why),
        }
    }
}
