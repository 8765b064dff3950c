//! What the functions may cost at most: one table of rules.
//!
//! Rules about times are reported and break nothing, because times depend on the machine and on what else it does. All other
//! figures are repeatable, and a broken rule about one fails the run.

mod rules;

use crate::{
    baseline::Baseline,
    counter::Counter,
    results::{FLOOR, Kind, Measured, Outcome, Results, Verdict},
};
use rules::{Bar, RULES, Rule, Who};

/// What the rules say about a run.
#[must_use]
pub fn classify(results: &Results, baseline: &Baseline) -> Vec<Verdict> {
    let own = results.subjects.iter().filter(|subject| subject.kind != Kind::Peer);
    own.flat_map(|subject| RULES.iter().filter(|rule| applies(rule.who, subject)).map(|rule| verdict(rule, subject, results, baseline)))
        .collect()
}

fn applies(who: Who, subject: &Measured) -> bool {
    match who {
        Who::Own => true,
        Who::Http => subject.kind == Kind::Http,
        Who::Only(ids) => ids.contains(&subject.id.as_str()),
    }
}

fn verdict(rule: &Rule, subject: &Measured, results: &Results, baseline: &Baseline) -> Verdict {
    let value = (rule.value)(subject);
    let of_floor = || results.subject(FLOOR).and_then(rule.value);
    let of_baseline = |figure: rules::Expected| figure(baseline, results.machine.counter, &subject.id);
    // Without a peer there is no floor, and another machine's counter has no baseline: then there is nothing to classify by.
    let (bar, stretch, exact, excused) = match rule.bar {
        Bar::Floor(bar, stretch) => {
            (of_floor().map(|floor| floor * bar), of_floor().map(|floor| floor * stretch), false, results.subject(FLOOR).is_none())
        }
        Bar::Most(bar, stretch) => (Some(bar), stretch, false, false),
        Bar::Each(bar) => (bar(&subject.id), None, false, false),
        Bar::Baseline(expected, margin) => {
            let counter = results.machine.counter;
            // The emulated processor is the same everywhere, so its figures have to be there.
            let excused = counter != Counter::Callgrind && !baseline.instructions.contains_key(&counter);
            (of_baseline(expected).map(|expected| expected * margin), None, false, excused)
        }
        Bar::Exactly(expected) => (of_baseline(expected), None, true, false),
    };
    let outcome = match (value, bar) {
        (Some(value), Some(bar)) if exact && (value - bar).abs() > 1e-9 => Outcome::Broken,
        (Some(value), Some(bar)) if !exact && value > bar => Outcome::Broken,
        (Some(value), Some(_)) if stretch.is_some_and(|stretch| value <= stretch) => Outcome::Stretch,
        (Some(_), Some(_)) => Outcome::Met,
        _ if excused || !rule.binding => Outcome::NotJudged,
        _ => Outcome::Broken,
    };
    Verdict {
        subject: subject.id.clone(),
        figure: rule.figure.to_owned(),
        value,
        bar,
        rule: rule.bar.to_string(),
        stretch,
        outcome,
        binding: rule.binding,
    }
}

#[cfg(test)]
mod tests;
