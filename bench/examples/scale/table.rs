//! The result as a table.

use std::fmt::Write;

use bench::report::format::thousands;

use crate::result::{GOAL, MAX_GROWTH, SizeResult, StepResult};

/// One line per step: the medians at each size, their growth, and the consumption of a request.
pub(crate) fn table(rows: &[StepResult]) -> String {
    let mut text = String::new();
    let sizes = rows.first().map(|row| row.sizes.as_slice()).unwrap_or_default();
    let titles = ["growth", "undisturbed", "of engine", "of service", "consumes"].map(str::to_owned);
    line(&mut text, "p50 (p99) in µs", sizes.iter().map(|cell| format!("at {}", thousands(cell.invitations))), &titles);
    for row in rows {
        let times = row.sizes.iter().map(|cell| format!("{:.0} ({:.0})", cell.total.p50, cell.total.p99));
        let verdict = match row.growth.total {
            _ if !row.timed => "not limited",
            growth if growth > MAX_GROWTH => "FAIL",
            growth if growth > GOAL => "passed",
            _ => "goal reached",
        };
        let factor = |growth: f64| format!("{growth:.2} x");
        let consumes = match row.sizes.as_slice() {
            [one, ..] if row.same_consumption => consumed(one),
            cells => format!("DIFFERS: {}", cells.iter().map(consumed).collect::<Vec<_>>().join(" / ")),
        };
        let growth = format!("{} {verdict}", factor(row.growth.total));
        let undisturbed = factor(row.growth_undisturbed.total);
        let columns = [growth, undisturbed, factor(row.growth.engine), factor(row.growth.service), consumes];
        line(&mut text, row.step, times, &columns);
    }
    text
}

fn line(text: &mut String, name: &str, times: impl Iterator<Item = String>, columns: &[String; 5]) {
    let times: String = times.map(|time| format!("{time:>20}")).collect();
    let [growth, undisturbed, engine, service, consumes] = columns;
    let _ = writeln!(text, "{name:<33}{times}{growth:>21}{undisturbed:>12}{engine:>11}{service:>12}  {consumes}");
}

fn consumed(cell: &SizeResult) -> String {
    let consumed = &cell.consumed;
    let units = [(consumed.read, "RCU"), (consumed.write, "WCU")];
    let units: Vec<_> = units.iter().filter(|(units, _)| *units > 0.0).map(|(units, name)| format!("{units} {name}")).collect();
    let requests = if consumed.requests == 1 { "request" } else { "requests" };
    format!("{} in {} {requests}", units.join(" + "), consumed.requests)
}
