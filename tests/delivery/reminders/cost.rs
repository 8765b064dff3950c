//! The write units of a reminder.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use shared::domain::courier::MARGIN;
use support::faults::wire::Wire;

use super::{HOUR, WAIT, settle};
use crate::helpers::{EMAIL, LATER, REMIND_BEFORE, invited, start_with};

/// Counts the write units that the engine reports.
#[derive(Debug, Default)]
struct Units(Mutex<f64>);

impl Units {
    fn take(&self) -> f64 {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Wire for Units {
    fn request(&self, operation: &str, input: &mut Value) -> Option<(&'static str, Value)> {
        if ["UpdateItem", "PutItem", "TransactWriteItems"].contains(&operation) {
            input["ReturnConsumedCapacity"] = "TOTAL".into();
        }
        None
    }

    fn reply(&self, _operation: &str, output: &mut Value) {
        let consumed = &output["ConsumedCapacity"];
        let all = consumed.as_array().cloned().unwrap_or_else(|| vec![consumed.clone()]);
        *self.0.lock().unwrap() += all.iter().filter_map(|it| it["CapacityUnits"].as_f64()).sum::<f64>();
    }
}

/// The reminder's time takes the place of the expiry in the index, so until then nothing is written for it.
#[tokio::test]
async fn a_reminder_costs_no_write_unit_until_it_is_sent() {
    for (setting, prompt, reminder) in [("0", true, 0.0), ("172800", true, 12.0), ("0", false, 0.0), ("172800", false, 12.0)] {
        let (app, mut workers) = start_with(&[("REMIND_BEFORE_SECONDS", setting)]).await;
        let units = Arc::new(Units::default());
        app.faults.wire(units.clone());
        invited(&app, &mut workers).await;
        if !prompt {
            app.advance(LATER);
            workers.reconcile().await;
        }
        workers.report(&workers.last_email(EMAIL)).await;
        workers.deliver().await;
        assert_eq!(units.take(), if prompt { 22.0 } else { 25.0 }, "as in docs/costs.md");
        app.advance(WAIT - HOUR);
        assert_eq!(workers.reconcile().await.processed, 0);
        app.advance(HOUR);
        settle(&mut workers).await;
        assert_eq!(units.take(), reminder, "{setting} {prompt}");
        app.advance(REMIND_BEFORE + MARGIN);
        settle(&mut workers).await;
        assert_eq!(workers.event_types().last().map(String::as_str), Some("expired"));
    }
}
