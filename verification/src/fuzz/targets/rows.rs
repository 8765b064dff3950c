//! Rows of the table, as a restored backup, another version or a manual repair may leave them.

use functions::http::output;
use serde_json::Value;
use shared::{
    domain::{
        Invitation, Urns,
        delivery::{Delivery, DeliveryStatus},
        reminder::RemindBefore,
    },
    store::item,
};
use support::random::Random;

use crate::fuzz::{
    corpus::mutated_event,
    table::{Table, config, from_json, now, to_json},
    target::{Target, Verdict},
};

pub(super) fn row() -> Box<dyn Target> {
    let invitations = Table::new().invitations;
    let sent = |it: &Invitation| it.with_reminder(RemindBefore::default()).delivered(it.link.version, delivered());
    let planned = invitations.iter().map(sent);
    let reminded = invitations.iter().map(|it| sent(it).reminded(it.link.version, now()));
    let corpus = invitations.iter().cloned().chain(planned).chain(reminded).map(|it| to_json(&item::to_row(&it, None))).collect();
    Box::new(Rows { corpus, urns: config().urns })
}

fn delivered() -> Delivery {
    Delivery { status: DeliveryStatus::Delivered, at: now(), reason: None }
}

struct Rows {
    corpus: Vec<Value>,
    urns: Urns,
}

impl Target for Rows {
    fn make(&self, random: &mut Random) -> String {
        mutated_event(random, &self.corpus)
    }

    fn check(&self, row: &str) -> Verdict {
        let row = serde_json::from_str(row).ok().as_ref().and_then(from_json);
        let Some(Ok(invitation)) = row.map(item::from_row) else { return Verdict::Rejected };
        // The queries of the delivery functions, and the response body.
        let queries = (invitation.due(), invitation.needs_stream(), invitation.due_email(now()), invitation.expiry_is_due(now()));
        let shown = output::invitation(&invitation.resource, now(), &self.urns);
        if serde_json::from_str::<Value>(&shown).is_err() {
            return Verdict::Violation(format!("{queries:?}, but the response body is not JSON: {shown}"));
        }
        match item::from_row(item::to_row(&invitation, None)) {
            Ok(again) if again == invitation => Verdict::Accepted,
            again => Verdict::Violation(format!("{invitation:?} becomes {again:?} after a round trip")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::row;
    use crate::fuzz::{
        table::{Table, to_json},
        target::Verdict,
    };

    /// A regression: `tries` of 0, which the service never writes, was read as an attempt, and then written without it.
    #[test]
    fn zero_tries_survive_a_round_trip() {
        let mut row_with_zero = to_json(&shared::store::item::to_row(&Table::new().invitations[1], None));
        row_with_zero["tries"] = json!({ "N": "0" });
        assert_eq!(row().check(&row_with_zero.to_string()), Verdict::Accepted);
    }
}
