//! Rows of the table, as a restored backup, another version or a repairing hand may leave them.

use functions::http::output;
use serde_json::Value;
use shared::{domain::Urns, store::item};

use support::random::Random;

use crate::fuzz::{
    corpus::changed,
    table::{Table, config, from_json, now, to_json},
    target::{Target, Verdict},
};

pub(super) fn row() -> Box<dyn Target> {
    let corpus = Table::new().invitations.iter().map(|it| to_json(&item::to_row(it, None))).collect();
    Box::new(Rows { corpus, urns: config().urns })
}

struct Rows {
    corpus: Vec<Value>,
    urns: Urns,
}

impl Target for Rows {
    fn make(&self, random: &mut Random) -> String {
        changed(random, &self.corpus)
    }

    fn check(&self, row: &str) -> Verdict {
        let row = serde_json::from_str(row).ok().as_ref().and_then(from_json);
        let Some(Ok(invitation)) = row.map(item::from_row) else { return Verdict::Refused };
        // What the background asks of it, and what is shown of it.
        let asked = (invitation.due(), invitation.needs_stream(), invitation.mail_is_due(now()), invitation.expiry_is_due(now()));
        let shown = output::invitation(&invitation.resource(), now(), &self.urns);
        if serde_json::from_str::<Value>(&shown).is_err() {
            return Verdict::Broken(format!("{asked:?}, but what is shown is no JSON: {shown}"));
        }
        match item::from_row(item::to_row(&invitation, None)) {
            Ok(again) if again == invitation => Verdict::Accepted,
            again => Verdict::Broken(format!("{invitation:?} is written, and read {again:?}")),
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

    /// Found here: `tries` of 0, which the service does not write, was read with the rest of an attempt, and written without it.
    #[test]
    fn no_tries_are_none_however_they_are_written() {
        let mut mailed = to_json(&shared::store::item::to_row(&Table::new().invitations[1], None));
        mailed["tries"] = json!({ "N": "0" });
        assert_eq!(row().check(&mailed.to_string()), Verdict::Accepted);
    }
}
