//! The report on a terminal.

use std::{collections::BTreeMap, fmt::Write};

use super::format::{exact, factor, none, number, ratio};
use crate::{
    results::{Kind, Measured, Outcome, REFERENCE, Results, Verdict},
    statistics::Spread,
};

/// Rows of cells. The first column is aligned left, the others right.
#[derive(Debug, Default)]
struct Table(Vec<Vec<String>>);

impl Table {
    fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.0.push(cells.into_iter().map(Into::into).collect());
    }

    fn text(&self) -> String {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| self.0.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.0 {
            let mut line = String::new();
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                let gap = if column == 0 { "" } else { "  " };
                let padding = " ".repeat(width - cell.chars().count());
                let (before, after) = if column == 0 { ("", padding.as_str()) } else { (padding.as_str(), "") };
                line.extend([gap, before, cell, after]);
            }
            text.extend([line.trim_end(), "\n"]);
        }
        text
    }
}

/// All tables, with the headline.
#[must_use]
pub fn text(results: &Results) -> String {
    let (machine, environment) = (&results.machine, &results.machine.environment);
    let mut text = format!(
        "{}, {} cores, Linux {}, {}, revision {}, {}\n",
        environment.processor, environment.cores, environment.kernel, environment.rustc, environment.revision, environment.date
    );
    if results.targets.iter().any(|target| target.times.is_some()) {
        let _ = writeln!(
            text,
            "\nTimes: medians of {} rounds, each with up to {} warm requests in a new process.\n",
            results.rounds, results.requests
        );
        text += &times(results).text();
        if !results.throttled {
            text += "This machine cannot limit the processor share to that of 128 MB, which requires a control group and root.\n";
        }
    }
    let _ = writeln!(text, "\nCosts: instructions by {}; DynamoDB requests and capacity units per event.\n", machine.counter.name());
    text += &costs(results).text();
    text += &headline(results);
    if !results.steps.is_empty() {
        text += "\nCapacity units in the life of an invitation\n\n";
        text += &life(results).text();
    }
    text += "\nBudgets\n\n";
    text += &budgets(&results.verdicts).text();
    text
}

fn times(results: &Results) -> Table {
    let mut table = Table::default();
    table.row(["", "init ms", "first ms", "its cpu", "at 128 MB", "no engine", "x hello", "warm p50 µs", "p99 µs", "cpu µs", "x hello"]);
    let reference = results.target(REFERENCE).and_then(|reference| reference.times);
    for target in &results.targets {
        let Some(times) = target.times else { continue };
        let at_128_mb = times.first_at_128_mb_ms.map(|spread| spread.median);
        let own = times.first_at_128_mb_own_ms.map(|spread| spread.median);
        let of_reference = reference.and_then(|reference| reference.first_at_128_mb_own_ms).map(|spread| spread.median);
        table.row([
            target.name.clone(),
            median(times.init_ms),
            median(times.first_ms),
            median(times.first_cpu_ms),
            number(at_128_mb),
            number(own),
            ratio(own, of_reference),
            median(times.warm_p50_us),
            median(times.warm_p99_us),
            median(times.warm_cpu_us),
            ratio(Some(times.warm_cpu_us.median), reference.map(|reference| reference.warm_cpu_us.median)),
        ]);
    }
    table
}

fn costs(results: &Results) -> Table {
    let mut table = Table::default();
    let instructions = ["M instr. first", "x hello", "K instr. warm", "x hello"];
    let others = ["RSS MB", "x hello", "binary MB", "zip MB", "requests, first", "read", "write"];
    table.row([""].into_iter().chain(instructions).chain(others));
    let reference = results.target(REFERENCE);
    let first = |it: &Measured| Some(it.instructions?.first);
    let warm = |it: &Measured| Some(it.instructions?.warm);
    let memory = |it: &Measured| Some(it.peak_memory?.median);
    for target in &results.targets {
        let database = target.database.as_ref();
        // The sum of no numbers is minus zero.
        let sum = |requests: &BTreeMap<String, f64>| requests.values().sum::<f64>() + 0.0;
        let requests = database.map(|it| (sum(&it.warm_requests), sum(&it.first_requests)));
        table.row([
            target.name.clone(),
            number(first(target).map(|count| count / 1e6)),
            ratio(first(target), reference.and_then(first)),
            number(warm(target).map(|count| count / 1e3)),
            ratio(warm(target), reference.and_then(warm)),
            number(memory(target).map(|bytes| bytes / 1e6)),
            ratio(memory(target), reference.and_then(memory)),
            number(target.binary.map(|bytes| bytes as f64 / 1e6)),
            number(target.zip.map(|bytes| bytes as f64 / 1e6)),
            requests.map_or_else(none, |(warm, first)| format!("{warm}, {first}")),
            database.map_or_else(none, |it| it.warm_capacity.read.to_string()),
            database.map_or_else(none, |it| it.warm_capacity.write.to_string()),
        ]);
    }
    table
}

fn life(results: &Results) -> Table {
    let mut table = Table::default();
    table.row(["", "read", "write"]);
    for (step, capacity) in &results.steps {
        table.row([step.clone(), capacity.read.to_string(), capacity.write.to_string()]);
    }
    table
}

/// The first response, compared with that of every alternative.
fn headline(results: &Results) -> String {
    let first = |it: &Measured| Some(it.times?.first_at_128_mb_ms.unwrap_or(it.times?.first_ms).median);
    let Some(own) = results.target("describe").and_then(first) else { return String::new() };
    let share = if results.throttled { " with the processor share of 128 MB" } else { "" };
    let mut text = format!("\nFirst response of describe{share}: {} ms.\n", number(Some(own)));
    for alternative in results.targets.iter().filter(|target| target.kind == Kind::Alternative && target.id != REFERENCE) {
        let Some(theirs) = first(alternative) else { continue };
        let times =
            if theirs >= own { format!("{} times slower", factor(theirs / own)) } else { format!("{} times faster", factor(own / theirs)) };
        let _ = writeln!(text, "  {}: {} ms, {times}.", alternative.name, number(Some(theirs)));
    }
    text
}

fn budgets(verdicts: &[Verdict]) -> Table {
    let mut table = Table::default();
    table.row(["", "value", "limit", "goal", "", ""]);
    for verdict in verdicts {
        let outcome = match verdict.outcome {
            Outcome::GoalReached => "passed, goal reached",
            Outcome::Passed => "passed",
            Outcome::Failed if verdict.enforced => "FAILED",
            Outcome::Failed => "failed, advisory",
            Outcome::NotEvaluated => "not evaluated",
        };
        table.row([
            format!("{}: {}", verdict.target, verdict.figure),
            exact(verdict.value),
            exact(verdict.limit),
            exact(verdict.goal),
            verdict.rule.clone(),
            outcome.to_owned(),
        ]);
    }
    table
}

/// The failed budgets, one line each.
#[must_use]
pub fn failed(verdicts: &[Verdict]) -> Vec<String> {
    let line =
        |it: &Verdict| format!("{}: {} is {}; the limit is {} ({})", it.target, it.figure, exact(it.value), exact(it.limit), it.rule);
    verdicts.iter().filter(|verdict| verdict.fails()).map(line).collect()
}

fn median(spread: Spread) -> String {
    number(Some(spread.median))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_also_with_letters_of_two_bytes() {
        let mut table = Table::default();
        table.row(["", "µs", "ms"]);
        table.row(["long name", "1", "–"]);
        assert_eq!(table.text(), "           µs  ms\nlong name   1   –\n");
    }
}
