//! The figures that `README.md` and `docs/performance.md` show.

use super::format::{exact, factor, none, number, ratio};
use crate::{
    budgets,
    dynamodb::Capacity,
    results::{Database, Kind, Measured, REFERENCE, Results},
};

type Figure = fn(&Measured) -> Option<f64>;

/// Heading, figure, and whether its ratio to the reference is shown with it.
const COLUMNS: &[(&str, Figure, bool)] = &[
    ("first response at 128 MB, ms", |it| Some(it.times?.first_at_128_mb_ms?.median), false),
    ("without the engine's time", |it| Some(it.times?.first_at_128_mb_own_ms?.median), true),
    ("CPU of a first response, ms", |it| Some(it.times?.first_cpu_ms.median), true),
    ("init, ms", |it| Some(it.times?.init_ms.median), false),
    ("warm p50, µs", |it| Some(it.times?.warm_p50_us.median), false),
    ("CPU a request, µs", |it| Some(it.times?.warm_cpu_us.median), true),
    ("instructions up to the first response, M", |it| Some(it.instructions?.first / 1e6), true),
    ("a warm request, k", |it| Some(it.instructions?.warm / 1e3), true),
    ("peak RSS, MB", |it| Some(it.peak_memory?.median / 1e6), true),
    ("zip, MB", |it| Some(it.zip? as f64 / 1e6), false),
];

/// The generated section of `docs/performance.md`: headline, table (without the operator functions), machine.
#[must_use]
pub fn text(results: &Results) -> String {
    let (machine, environment) = (&results.machine, &results.machine.environment);
    let headings: String = COLUMNS.iter().map(|(heading, ..)| format!(" {heading} |")).collect();
    let mut text = format!("{}\n\n| |{headings}\n|---|{}\n", headline(results), "--:|".repeat(COLUMNS.len()));
    let reference = results.target(REFERENCE);
    for target in results.targets.iter().filter(|target| target.kind != Kind::Direct) {
        let cells: String = COLUMNS.iter().map(|column| format!(" {} |", cell(*column, target, reference))).collect();
        text += &format!("| {} |{cells}\n", target.name);
    }
    let (rounds, requests) = (results.rounds, results.requests);
    let (processor, cores, kernel, rustc) = (&environment.processor, environment.cores, &environment.kernel, &environment.rustc);
    text += &format!(
        "\n{processor}, {cores} cores, Linux {kernel}, {rustc}, {}, revision {}. Medians of {rounds} rounds, each in new \
         processes with {requests} warm requests (writes: 200). Instructions by {}: the minimum of five runs, one run for \
         interpreters. In brackets: ratio to hello world.",
        environment.date,
        environment.revision,
        machine.counter.name()
    );
    text
}

/// The background work in the life of an invitation, in its order: the step, and its name in the documentation.
const STEPS: &[(&str, &str)] = &[
    ("email", "an email and its event"),
    ("prompt report", "a delivery report within two minutes"),
    ("prompt report's event", "the event of this report"),
    ("early entry", "without a report: moving the entry in the index of due invitations"),
    ("late report", "a later delivery report"),
    ("late report's event", "the event of this report"),
    ("accept's event", "the event of an acceptance"),
    ("role's event", "the event of a change of the role"),
    ("change of the expiry", "a change of the expiry"),
    ("expiry's event", "the event of this change"),
    ("reminder", "a reminder and its event"),
    ("reminder's record", "the stream record of a reminder"),
];

/// The generated section of `docs/costs.md`: what each operation consumes, and the limited sums.
#[must_use]
pub fn consumption(results: &Results) -> String {
    let mut text = "| operation | requests | write units | read units |\n|---|--:|--:|--:|\n".to_owned();
    let requests = |database: &Database| database.warm_requests.values().sum::<f64>();
    for target in results.targets.iter().filter(|target| target.kind == Kind::Http && !matches!(target.id.as_str(), "page" | "console")) {
        let Some(database) = &target.database else { continue };
        let Capacity { read, write } = database.warm_capacity;
        text += &format!("| {} | {} | {write} | {read} |\n", target.id, requests(database));
    }
    for (step, name) in STEPS {
        let Some(Capacity { read, write }) = results.steps.get(*step) else { continue };
        text += &format!("| {name} | | {write} | {read} |\n");
    }
    for verdict in results.verdicts.iter().filter(|verdict| verdict.figure == budgets::SUM) {
        let (value, limit) = (exact(verdict.value), exact(verdict.limit));
        text += &format!("| **{}**, at most {limit} | | **{value}** | |\n", verdict.target);
    }
    text
}

/// The first response of `describe` and of its alternatives, in one sentence that `README.md` shows too.
#[must_use]
pub fn headline(results: &Results) -> String {
    let first = |it: &Measured| Some(it.times?.first_at_128_mb_ms?.median);
    let Some(own) = results.target("describe").and_then(first) else { return String::new() };
    let alternatives = results.targets.iter().filter(|target| target.kind == Kind::Alternative && target.id != REFERENCE);
    let alternatives = alternatives.filter_map(|alternative| {
        let it = first(alternative)?;
        Some(format!("{} ms ({} times as long) in \"{}\"", number(Some(it)), factor(it / own), alternative.name))
    });
    let alternatives = alternatives.collect::<Vec<_>>().join(", ");
    format!(
        "**At 128 MB, a new execution environment answers its first `describe` in {} ms.** The same response takes {alternatives}. Recorded at revision {}.",
        number(Some(own)),
        results.machine.environment.revision
    )
}

fn cell((_, figure, with_ratio): (&str, Figure, bool), target: &Measured, reference: Option<&Measured>) -> String {
    let value = figure(target);
    let times_reference = ratio(value, reference.and_then(figure));
    if with_ratio && times_reference != none() && target.id != REFERENCE {
        format!("{} ({times_reference})", number(value))
    } else {
        number(value)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use local::recording;

    use super::*;
    use crate::report::chart;

    fn recorded() -> Results {
        recording::read(&root("docs/bench/functions.json")).expect("the recorded run can be read")
    }

    fn root(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
    }

    #[test]
    fn the_performance_page_shows_the_recorded_run() {
        let page = fs::read_to_string(root("docs/performance.md")).expect("the page exists");
        let text = text(&recorded());
        assert!(page.contains(&text), "docs/performance.md: insert the output of `--from docs/bench/functions.json --markdown`:\n{text}");
    }

    #[test]
    fn the_page_on_costs_shows_what_the_recorded_run_consumed() {
        let page = fs::read_to_string(root("docs/costs.md")).expect("the page exists");
        let table = consumption(&recorded());
        assert!(page.contains(&table), "docs/costs.md: insert\n{table}");
    }

    #[test]
    fn the_readme_shows_the_headline_of_the_recorded_run() {
        let readme = fs::read_to_string(root("README.md")).expect("the README exists");
        let headline = headline(&recorded());
        assert!(!headline.is_empty() && readme.contains(&headline), "README.md: insert\n{headline}");
    }

    #[test]
    fn the_chart_is_that_of_the_recorded_run() {
        let chart = fs::read_to_string(root("docs/bench/functions.svg")).expect("the chart exists");
        assert_eq!(chart, chart::svg(&recorded()).expect("it can be drawn"), "redraw it with --from and --chart");
        for page in ["README.md", "docs/performance.md"] {
            let text = fs::read_to_string(root(page)).expect("the page exists");
            assert!(text.contains("bench/functions.svg"), "{page} does not show the chart");
        }
    }

    #[test]
    fn the_growth_table_is_that_of_the_recorded_run() {
        let page = fs::read_to_string(root("docs/performance.md")).expect("the page exists");
        let growth: serde_json::Value = recording::read(&root("docs/bench/growth.json")).expect("the recorded run can be read");
        let table = growth["table"].as_str().expect("it has a table");
        assert!(page.contains(table), "docs/performance.md: insert the table of docs/bench/growth.json:\n{table}");
        assert_eq!(growth["passed"], true, "the recorded run failed");
    }

    #[test]
    fn the_recorded_run_is_within_all_enforced_budgets() {
        let run = recorded();
        assert!(!run.verdicts.is_empty() && run.throttled);
        assert!(run.verdicts.iter().all(|verdict| !verdict.fails()), "{:#?}", run.verdicts);
    }
}
