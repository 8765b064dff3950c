//! The report on a terminal.

use std::{collections::BTreeMap, fmt::Write};

use super::format::{exact, factor, none, number, ratio};
use crate::{
    results::{FLOOR, Kind, Measured, Outcome, Results, Verdict},
    statistics::Spread,
};

/// Lines of cells: the first column to the left, all others to the right.
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

/// All tables, and what to remember of them.
#[must_use]
pub fn text(results: &Results) -> String {
    let (machine, environment) = (&results.machine, &results.machine.environment);
    let mut text = format!(
        "{}, {} cores, Linux {}, {}, revision {}, {}\n",
        environment.processor, environment.cores, environment.kernel, environment.rustc, environment.revision, environment.date
    );
    if results.subjects.iter().any(|subject| subject.times.is_some()) {
        let _ = writeln!(
            text,
            "\nTimes: medians of {} rounds, each with up to {} warm requests in a new process.\n",
            results.rounds, results.requests
        );
        text += &times(results).text();
        if !results.throttled {
            text += "The processor share of 128 MB is not possible on this machine: it takes a control group, which takes root.\n";
        }
    }
    let _ = writeln!(text, "\nCosts: instructions by {}; DynamoDB requests and capacity units per event.\n", machine.counter.name());
    text += &costs(results).text();
    text += &headline(results);
    text += "\nGates\n\n";
    text += &gates(&results.verdicts).text();
    text
}

fn times(results: &Results) -> Table {
    let mut table = Table::default();
    table.row(["", "init ms", "first ms", "its cpu", "at 128 MB", "no engine", "x hello", "warm p50 µs", "p99 µs", "cpu µs", "x hello"]);
    let floor = results.subject(FLOOR).and_then(|floor| floor.times);
    for subject in &results.subjects {
        let Some(times) = subject.times else { continue };
        let at_128_mb = times.first_at_128_mb_ms.map(|spread| spread.median);
        let own = times.first_at_128_mb_own_ms.map(|spread| spread.median);
        let of_floor = floor.and_then(|floor| floor.first_at_128_mb_own_ms).map(|spread| spread.median);
        table.row([
            subject.name.clone(),
            median(times.init_ms),
            median(times.first_ms),
            median(times.first_cpu_ms),
            number(at_128_mb),
            number(own),
            ratio(own, of_floor),
            median(times.warm_p50_us),
            median(times.warm_p99_us),
            median(times.warm_cpu_us),
            ratio(Some(times.warm_cpu_us.median), floor.map(|floor| floor.warm_cpu_us.median)),
        ]);
    }
    table
}

fn costs(results: &Results) -> Table {
    let mut table = Table::default();
    let instructions = ["M instr. first", "x hello", "K instr. warm", "x hello"];
    let others = ["RSS MB", "x hello", "binary MB", "zip MB", "requests, first", "read", "write"];
    table.row([""].into_iter().chain(instructions).chain(others));
    let floor = results.subject(FLOOR);
    let first = |it: &Measured| Some(it.instructions?.first);
    let warm = |it: &Measured| Some(it.instructions?.warm);
    let memory = |it: &Measured| Some(it.peak_memory?.median);
    for subject in &results.subjects {
        let database = subject.database.as_ref();
        // The sum of no numbers is minus zero.
        let sum = |requests: &BTreeMap<String, f64>| requests.values().sum::<f64>() + 0.0;
        let requests = database.map(|it| (sum(&it.warm_requests), sum(&it.first_requests)));
        table.row([
            subject.name.clone(),
            number(first(subject).map(|count| count / 1e6)),
            ratio(first(subject), floor.and_then(first)),
            number(warm(subject).map(|count| count / 1e3)),
            ratio(warm(subject), floor.and_then(warm)),
            number(memory(subject).map(|bytes| bytes / 1e6)),
            ratio(memory(subject), floor.and_then(memory)),
            number(subject.binary.map(|bytes| bytes as f64 / 1e6)),
            number(subject.zip.map(|bytes| bytes as f64 / 1e6)),
            requests.map_or_else(none, |(warm, first)| format!("{warm}, {first}")),
            database.map_or_else(none, |it| it.warm_capacity.read.to_string()),
            database.map_or_else(none, |it| it.warm_capacity.write.to_string()),
        ]);
    }
    table
}

/// How the first answer compares with that of every peer that does the same.
fn headline(results: &Results) -> String {
    let first = |it: &Measured| Some(it.times?.first_at_128_mb_ms.unwrap_or(it.times?.first_ms).median);
    let Some(own) = results.subject("describe").and_then(first) else { return String::new() };
    let share = if results.throttled { " with the processor share of 128 MB" } else { "" };
    let mut text = format!("\nFirst answer of describe{share}: {} ms.\n", number(Some(own)));
    for peer in results.subjects.iter().filter(|subject| subject.kind == Kind::Peer && subject.id != FLOOR) {
        let Some(theirs) = first(peer) else { continue };
        let times =
            if theirs >= own { format!("{} times slower", factor(theirs / own)) } else { format!("{} times faster", factor(own / theirs)) };
        let _ = writeln!(text, "  {}: {} ms, {times}.", peer.name, number(Some(theirs)));
    }
    text
}

fn gates(verdicts: &[Verdict]) -> Table {
    let mut table = Table::default();
    table.row(["", "value", "bar", "stretch", "", ""]);
    for verdict in verdicts {
        let outcome = match verdict.outcome {
            Outcome::Stretch => "met, stretch too",
            Outcome::Met => "met",
            Outcome::Broken if verdict.binding => "BROKEN",
            Outcome::Broken => "not met, reported only",
            Outcome::NotJudged => "not judged",
        };
        table.row([
            format!("{}: {}", verdict.subject, verdict.figure),
            exact(verdict.value),
            exact(verdict.bar),
            exact(verdict.stretch),
            verdict.rule.clone(),
            outcome.to_owned(),
        ]);
    }
    table
}

/// What is broken, one line each.
#[must_use]
pub fn broken(verdicts: &[Verdict]) -> Vec<String> {
    let line = |it: &Verdict| format!("{}: {} is {}; the bar is {} ({})", it.subject, it.figure, exact(it.value), exact(it.bar), it.rule);
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
