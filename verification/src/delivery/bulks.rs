//! What responses to bulks say, against the table.

use std::collections::{BTreeMap, BTreeSet};

use shared::domain::Invitation;
use support::Response;

use super::counts::{Counter, Counts};

/// The responses to the bulks of a round, by what the attempts of one have in common.
#[derive(Default)]
pub(super) struct Bulks(BTreeMap<String, Vec<Response>>);

impl Bulks {
    pub(super) fn add(&mut self, key: String, response: Response) {
        self.0.entry(key).or_default().push(response);
    }

    /// The violations: attempts of one bulk with different results, or an invitation in a response that is not in the table.
    pub(super) fn check(&self, invitations: &[Invitation], counts: &Counts) -> Vec<String> {
        let stored: BTreeSet<(String, &str)> =
            invitations.iter().map(|it| (it.resource.id.to_string(), it.resource.email.as_entered())).collect();
        let mut violations = Vec::new();
        for (key, responses) in &self.0 {
            let answered: Vec<&Response> = responses.iter().filter(|response| response.status == 200).collect();
            counts.add(Counter::Bulks, answered.len());
            counts.add(Counter::BulksUnanswered, responses.len() - answered.len());
            violations.extend(responses.iter().filter(|it| ![200, 503].contains(&it.status)).map(|it| format!("bulk {key}: {}", it.text)));
            let Some(first) = answered.first() else { continue };
            if answered.iter().any(|response| response.text != first.text) {
                violations.push(format!("attempts of bulk {key} have different results"));
            }
            let fresh = answered.iter().filter(|response| response.header("idempotent-replayed").is_none()).count();
            if fresh > 1 {
                violations.push(format!("{fresh} attempts of bulk {key} have recorded its results"));
            }
            let body = first.json();
            let created = body["results"].as_array().into_iter().flatten().filter(|result| result["status"] == 201);
            for invitation in created.map(|result| &result["invitation"]) {
                counts.add(Counter::BulkRows, 1);
                let [id, email] = ["id", "email"].map(|name| invitation[name].as_str().unwrap_or_default());
                if !stored.contains(&(id.to_owned(), email)) {
                    violations.push(format!("bulk {key} has created {id}, which does not exist"));
                }
            }
        }
        violations
    }
}
