//! The limits of the functions' costs: one table of rules.
//!
//! Rules about times are advisory, because times depend on the machine and its load. All other figures are repeatable, and a
//! failed rule about one fails the run.

mod rules;

use crate::{
    baseline::Baseline,
    counter::Counter,
    results::{Kind, Measured, Outcome, REFERENCE, Results, Verdict},
};
use rules::{Committed, LIFE, Limit, RULES, Rule, Scope};

/// The verdicts of all rules about a run.
#[must_use]
pub fn classify(results: &Results, baseline: &Baseline) -> Vec<Verdict> {
    let own = results.targets.iter().filter(|target| target.kind != Kind::Alternative);
    let of_targets =
        own.flat_map(|target| RULES.iter().filter(|rule| applies(rule.scope, target)).map(|rule| verdict(rule, target, results, baseline)));
    of_targets.chain(LIFE.iter().map(|life| of_life(*life, results))).collect()
}

/// The figure of a sum of steps.
pub const SUM: &str = "write units together";

/// The verdict about the sum of some steps. A run of one operation has no steps.
fn of_life((name, steps, limit): (&str, &[&str], f64), results: &Results) -> Verdict {
    let write = |step: &&str| results.steps.get(*step).map(|capacity| capacity.write);
    let value = steps.iter().map(write).sum::<Option<f64>>();
    let outcome = match value {
        Some(value) if value <= limit => Outcome::Passed,
        None if results.steps.is_empty() => Outcome::NotEvaluated,
        Some(_) | None => Outcome::Failed,
    };
    let figure = SUM.to_owned();
    Verdict { target: name.to_owned(), figure, value, limit: Some(limit), rule: "at most".to_owned(), goal: None, outcome, enforced: true }
}

fn applies(scope: Scope, target: &Measured) -> bool {
    match scope {
        Scope::Own => true,
        Scope::Http => target.kind == Kind::Http,
        Scope::HttpOfOne => target.kind == Kind::Http && target.id != "bulk",
        Scope::Only(ids) => ids.contains(&target.id.as_str()),
    }
}

fn verdict(rule: &Rule, target: &Measured, results: &Results, baseline: &Baseline) -> Verdict {
    let value = (rule.value)(target);
    let of_reference = || results.target(REFERENCE).and_then(rule.value);
    let of_baseline = |figure: Committed| figure(baseline, results.machine.counter, &target.id);
    // The reference may be missing, and another machine's counter has no baseline: rules that need them are skipped.
    let (limit, goal, exact, skipped) = match rule.limit {
        Limit::TimesReference(factor, goal) => (
            of_reference().map(|reference| reference * factor),
            of_reference().map(|reference| reference * goal),
            false,
            results.target(REFERENCE).is_none(),
        ),
        Limit::TimesOperation(id, factor) => {
            let of_operation = results.target(id).and_then(rule.value);
            (of_operation.map(|figure| figure * factor), None, false, results.target(id).is_none())
        }
        Limit::AtMost(limit, goal) => (Some(limit), goal, false, false),
        Limit::PerOperation(limit) => (limit(&target.id), None, false, false),
        Limit::TimesBaseline(figure, margin) => {
            let counter = results.machine.counter;
            // The emulated processor is the same everywhere, so its figures must exist.
            let skipped = counter != Counter::Callgrind && !baseline.instructions.contains_key(&counter);
            (of_baseline(figure).map(|figure| figure * margin), None, false, skipped)
        }
        Limit::Exactly(figure) => (of_baseline(figure), None, true, false),
    };
    let outcome = match (value, limit) {
        (Some(value), Some(limit)) if exact && (value - limit).abs() > 1e-9 => Outcome::Failed,
        (Some(value), Some(limit)) if !exact && value > limit => Outcome::Failed,
        (Some(value), Some(_)) if goal.is_some_and(|goal| value <= goal) => Outcome::GoalReached,
        (Some(_), Some(_)) => Outcome::Passed,
        _ if skipped || !rule.enforced => Outcome::NotEvaluated,
        _ => Outcome::Failed,
    };
    Verdict {
        target: target.id.clone(),
        figure: rule.figure.to_owned(),
        value,
        limit,
        rule: rule.limit.to_string(),
        goal,
        outcome,
        enforced: rule.enforced,
    }
}

#[cfg(test)]
mod tests;
