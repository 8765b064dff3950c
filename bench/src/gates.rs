//! The limits of the functions' costs: one table of rules.
//!
//! Rules about times are advisory, because times depend on the machine and its load. All other figures are repeatable, and a
//! failed rule about one fails the run.

mod rules;

use crate::{
    baseline::Baseline,
    counter::Counter,
    results::{FLOOR, Kind, Measured, Outcome, Results, Verdict},
};
use rules::{Committed, Limit, RULES, Rule, Scope};

/// The verdicts of all rules about a run.
#[must_use]
pub fn classify(results: &Results, baseline: &Baseline) -> Vec<Verdict> {
    let own = results.targets.iter().filter(|target| target.kind != Kind::Peer);
    own.flat_map(|target| RULES.iter().filter(|rule| applies(rule.scope, target)).map(|rule| verdict(rule, target, results, baseline)))
        .collect()
}

fn applies(scope: Scope, target: &Measured) -> bool {
    match scope {
        Scope::Own => true,
        Scope::Http => target.kind == Kind::Http,
        Scope::Only(ids) => ids.contains(&target.id.as_str()),
    }
}

fn verdict(rule: &Rule, target: &Measured, results: &Results, baseline: &Baseline) -> Verdict {
    let value = (rule.value)(target);
    let of_floor = || results.target(FLOOR).and_then(rule.value);
    let of_baseline = |figure: Committed| figure(baseline, results.machine.counter, &target.id);
    // Without peers there is no floor, and another machine's counter has no baseline: such rules are not evaluated.
    let (limit, stretch, exact, excused) = match rule.limit {
        Limit::TimesFloor(factor, stretch) => {
            (of_floor().map(|floor| floor * factor), of_floor().map(|floor| floor * stretch), false, results.target(FLOOR).is_none())
        }
        Limit::AtMost(limit, stretch) => (Some(limit), stretch, false, false),
        Limit::PerOperation(limit) => (limit(&target.id), None, false, false),
        Limit::TimesBaseline(figure, margin) => {
            let counter = results.machine.counter;
            // The emulated processor is the same everywhere, so its figures must exist.
            let excused = counter != Counter::Callgrind && !baseline.instructions.contains_key(&counter);
            (of_baseline(figure).map(|figure| figure * margin), None, false, excused)
        }
        Limit::Exactly(figure) => (of_baseline(figure), None, true, false),
    };
    let outcome = match (value, limit) {
        (Some(value), Some(limit)) if exact && (value - limit).abs() > 1e-9 => Outcome::Failed,
        (Some(value), Some(limit)) if !exact && value > limit => Outcome::Failed,
        (Some(value), Some(_)) if stretch.is_some_and(|stretch| value <= stretch) => Outcome::Stretch,
        (Some(_), Some(_)) => Outcome::Met,
        _ if excused || !rule.enforced => Outcome::NotEvaluated,
        _ => Outcome::Failed,
    };
    Verdict {
        target: target.id.clone(),
        figure: rule.figure.to_owned(),
        value,
        limit,
        rule: rule.limit.to_string(),
        stretch,
        outcome,
        enforced: rule.enforced,
    }
}

#[cfg(test)]
mod tests;
