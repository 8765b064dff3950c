//! The result on a terminal.

use std::fmt::Write;

use crate::result::{BAR, Cell, Row, STRETCH};

/// One line for each step: the medians at each size, their growth, and what a request consumes.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    let sizes = rows.first().map(|row| row.sizes.as_slice()).unwrap_or_default();
    line(
        &mut text,
        "p50 (p99) in µs at …",
        sizes.iter().map(|cell| format!("{} invitations", thousands(cell.invitations))),
        "growth",
        "of engine",
        "of service",
        "consumes",
    );
    for row in rows {
        let times = row.sizes.iter().map(|cell| format!("{:.0} ({:.0})", cell.total.p50, cell.total.p99));
        let verdict = match row.growth.total {
            growth if growth > BAR => "FAIL",
            growth if growth > STRETCH => "bar",
            _ => "stretch",
        };
        let factor = |growth: f64| format!("{growth:.2} x");
        let consumes = match row.sizes.as_slice() {
            [one, ..] if row.same_consumption => consumed(one),
            cells => format!("DIFFERS: {}", cells.iter().map(consumed).collect::<Vec<_>>().join(" / ")),
        };
        let growth = format!("{} {verdict}", factor(row.growth.total));
        line(&mut text, row.step, times, &growth, &factor(row.growth.engine), &factor(row.growth.service), &consumes);
    }
    text
}

fn line(text: &mut String, name: &str, cells: impl Iterator<Item = String>, growth: &str, engine: &str, service: &str, consumes: &str) {
    let cells = cells.fold(String::new(), |mut cells, cell| {
        let _ = write!(cells, "{cell:>23}");
        cells
    });
    let _ = writeln!(text, "{name:<34}{cells}  {growth:>16}{engine:>11}{service:>12}  {consumes}");
}

fn consumed(cell: &Cell) -> String {
    let consumed = &cell.consumed;
    let units = [(consumed.read, "RCU"), (consumed.write, "WCU")];
    let units: Vec<_> = units.iter().filter(|(units, _)| *units > 0.0).map(|(units, name)| format!("{units} {name}")).collect();
    format!(
        "{} in {}",
        units.join(" + "),
        if consumed.requests == 1 { "1 request".to_owned() } else { format!("{} requests", consumed.requests) }
    )
}

/// 1,000,000
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}
