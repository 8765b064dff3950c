use std::collections::BTreeMap;

use local::recording::Environment;

use super::*;
use crate::{
    baseline,
    counter::Counter,
    dynamodb::Capacity,
    machine::Machine,
    report::table,
    results::{Database, Instructions, Times},
    statistics::Spread,
};

fn spread(value: f64) -> Spread {
    Spread { median: value, min: value, max: value }
}

fn measured(id: &str, kind: Kind, scale: f64) -> Measured {
    let times = Times {
        init_ms: spread(1.0),
        first_ms: spread(scale),
        first_cpu_ms: spread(scale),
        first_at_128_mb_ms: Some(spread(scale)),
        first_at_128_mb_own_ms: Some(spread(scale)),
        warm_p50_us: spread(1.0),
        warm_p99_us: spread(1.0),
        warm_cpu_us: spread(1.0),
    };
    let database = Database {
        init_handshakes: 1,
        init_requests: BTreeMap::new(),
        first_handshakes: 0,
        first_requests: [("GetItem".to_owned(), 2.0)].into(),
        warm_requests: [("GetItem".to_owned(), 1.0)].into(),
        warm_capacity: Capacity { read: 1.0, write: 0.0 },
    };
    Measured {
        id: id.to_owned(),
        name: id.to_owned(),
        kind,
        versions: BTreeMap::new(),
        times: Some(times),
        peak_memory: Some(spread(scale * 1e6)),
        memory_growth: Some(spread(1.0)),
        instructions: Some(Instructions { first: scale * 1e6, warm: scale * 1e5, requests: 200 }),
        database: (kind != Kind::Alternative).then_some(database),
        binary: None,
        zip: Some(2_000_000),
    }
}

/// Hello, and describe at twice its cost.
fn results() -> Results {
    let environment = Environment {
        processor: "p".to_owned(),
        cores: 2,
        kernel: "k".to_owned(),
        rustc: "r".to_owned(),
        revision: "c".to_owned(),
        date: "d".to_owned(),
    };
    let machine = Machine { environment, counter: Counter::Callgrind };
    let targets = vec![measured(REFERENCE, Kind::Alternative, 1.0), measured("describe", Kind::Http, 2.0)];
    let steps = LIFE.iter().flat_map(|(_, steps, _)| *steps).map(|step| ((*step).to_owned(), Capacity { read: 1.0, write: 1.0 })).collect();
    Results { machine, rounds: 5, requests: 100, throttled: true, targets, steps, verdicts: Vec::new() }
}

fn baseline_of(results: &Results) -> Baseline {
    let mut baseline = Baseline::default();
    baseline.update(results);
    baseline
}

/// The enforced figures that fail after `change`.
fn failing(change: impl FnOnce(&mut Results, &mut Baseline)) -> Vec<String> {
    let mut results = results();
    let mut baseline = baseline_of(&results);
    change(&mut results, &mut baseline);
    classify(&results, &baseline).into_iter().filter(Verdict::fails).map(|verdict| verdict.figure).collect()
}

#[test]
fn the_figures_of_the_baseline_pass() {
    assert_eq!(failing(|_, _| ()), [""; 0]);
}

#[test]
fn every_enforced_rule_can_fail() {
    let instructions = |it: &mut Results, first, warm| it.targets[1].instructions = Some(Instructions { first, warm, requests: 200 });
    let first = "instructions to the first response";
    let warm = "instructions per warm request";
    assert_eq!(failing(|it, _| instructions(it, 2.05e6, 2.05e5)), [""; 0], "within the margin");
    assert_eq!(failing(|it, _| instructions(it, 2.07e6, 2.0e5)), [first]);
    assert_eq!(failing(|it, _| instructions(it, 2.0e6, 2.07e5)), [warm]);
    assert_eq!(failing(|it, _| instructions(it, 12.1e6, 2.0e5)), [first, first], "by the reference and by the baseline");
    assert_eq!(failing(|it, _| instructions(it, 2.0e6, 4.6e5)), [warm, warm]);
    assert_eq!(failing(|it, _| it.targets[1].peak_memory = Some(spread(2.61e6))), ["peak memory, bytes"]);
    assert_eq!(
        failing(|it, _| it.targets[1].memory_growth = Some(spread(1.11))),
        ["peak memory, relative to that after half of the requests"]
    );
    assert_eq!(failing(|it, _| it.targets[1].zip = Some(2_900_001)), ["zip, bytes"]);

    let database = |it: &mut Results| it.targets[1].database.clone().unwrap();
    let changed = |change: fn(&mut Database)| {
        failing(|it, _| {
            let mut database = database(it);
            change(&mut database);
            it.targets[1].database = Some(database);
        })
    };
    assert_eq!(changed(|it| it.warm_requests.extend([("Query".to_owned(), 0.1)])), ["DynamoDB requests"]);
    assert_eq!(changed(|it| it.first_requests.extend([("Query".to_owned(), 1.0)])), ["DynamoDB requests, first event"]);
    assert_eq!(changed(|it| it.init_handshakes = 2), ["TLS handshakes, before the first event"]);
    assert_eq!(changed(|it| it.first_handshakes = 1), ["TLS handshakes, first event"]);
    assert_eq!(changed(|it| it.warm_capacity.read = 2.0), ["read units"]);
    assert_eq!(changed(|it| it.warm_capacity.read = 0.5), ["read units"], "less is a change as well");
    assert_eq!(changed(|it| it.warm_capacity.write = 1.0), ["write units"]);
}

#[test]
fn the_steps_of_an_invitations_life_have_limits_together() {
    let failed = |change: fn(&mut BTreeMap<String, Capacity>)| {
        let mut results = results();
        change(&mut results.steps);
        let verdicts = classify(&results, &baseline_of(&results)).into_iter();
        verdicts.filter(Verdict::fails).map(|verdict| verdict.target).collect::<Vec<_>>()
    };
    assert_eq!(failed(|_| ()), [""; 0]);
    let more = |steps: &mut BTreeMap<String, Capacity>| steps.extend([("accept's event".to_owned(), Capacity { read: 1.0, write: 12.0 })]);
    assert_eq!(failed(more), ["accept and its event"]);
    assert_eq!(failed(|steps| steps.retain(|step, _| step != "resend")), ["resend"], "a step that was not counted");
    assert_eq!(failed(BTreeMap::clear), [""; 0], "a run of one operation");
}

#[test]
fn a_missing_figure_fails() {
    assert_eq!(failing(|it, _| it.targets[1].zip = None), ["zip, bytes"]);
    assert_eq!(failing(|it, _| it.targets[1].database = None).len(), 6);
    assert_eq!(failing(|_, baseline| baseline.capacity.clear()), ["read units", "write units"]);
}

#[test]
fn an_operation_without_a_limit_fails() {
    let renamed = failing(|it, baseline| {
        it.targets[1].id = "new".to_owned();
        *baseline = baseline_of(it);
    });
    assert_eq!(renamed, ["DynamoDB requests", "DynamoDB requests, first event"]);
}

#[test]
fn the_page_opens_no_connection() {
    let page = |handshakes| {
        failing(|it, baseline| {
            it.targets[1].id = "page".to_owned();
            let none = BTreeMap::new();
            if let Some(database) = &mut it.targets[1].database {
                (database.init_handshakes, database.first_requests, database.warm_requests) = (handshakes, none.clone(), none);
            }
            *baseline = baseline_of(it);
        })
    };
    assert_eq!(page(0), [""; 0]);
    assert_eq!(page(1), ["TLS handshakes, before the first event"]);
}

#[test]
fn without_a_reference_or_a_baseline_of_this_counter_rules_are_not_evaluated() {
    assert_eq!(failing(|it, _| drop(it.targets.remove(0))), [""; 0]);
    let other = baseline::Instructions { first: 1.0, warm: 1.0 };
    assert_eq!(failing(|it, _| it.machine.counter = Counter::PerfStat), [""; 0]);
    let of_perf = [(Counter::PerfStat, [("describe".to_owned(), other)].into())];
    assert_eq!(failing(|_, baseline| baseline.instructions = of_perf.into()).len(), 2, "those of callgrind must exist");
    assert_eq!(failing(|_, baseline| baseline.instructions = [(Counter::Callgrind, [("list".to_owned(), other)].into())].into()).len(), 2);
}

#[test]
fn rules_about_times_are_advisory() {
    let mut results = results();
    let baseline = baseline_of(&results);
    if let Some(times) = &mut results.targets[1].times {
        times.first_at_128_mb_own_ms = Some(spread(4.7));
    }
    let verdicts = classify(&results, &baseline);
    let verdict = verdicts.iter().find(|verdict| verdict.figure.contains("128 MB")).unwrap();
    assert_eq!((verdict.outcome, verdict.fails()), (Outcome::Failed, false));
}

#[test]
fn a_failed_budget_names_function_figure_value_and_limit() {
    let mut results = results();
    let baseline = baseline_of(&results);
    results.targets[1].zip = Some(2_900_001);
    results.verdicts = classify(&results, &baseline);
    assert_eq!(table::failed(&results.verdicts), ["describe: zip, bytes is 2,900,001; the limit is 2,900,000 (at most)"]);
    assert!(table::text(&results).contains("FAILED"));
}
