//! The result as a chart: latency and consumed units by the size of the account, for light and dark pages.

use std::fmt::Write;

use bench::report::format::thousands;

use crate::result::{SizeResult, StepResult};

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 300.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 44.0;
/// The minimum distance between two labels.
const LABEL: f64 = 15.0;

const STYLE: &str = "<style>text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-weight:600;font-size:14px}\
.grid{stroke:#8c959f;stroke-opacity:.35}.reads{stroke:#0969da;fill:#0969da}.lists{stroke:#1a7f37;fill:#1a7f37}\
.writes{stroke:#bc4c00;fill:#bc4c00}path{fill:none!important;stroke-width:2}.lead{stroke-width:1;stroke-opacity:.5}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.reads{stroke:#58a6ff;fill:#58a6ff}\
.lists{stroke:#3fb950;fill:#3fb950}.writes{stroke:#f0883e;fill:#f0883e}}</style>";

/// Two charts, one above the other, with logarithmic axes.
pub(crate) fn svg(rows: &[StepResult]) -> String {
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Latency and consumed units over the number of invitations in an account">{STYLE}"#,
        height = 2.0 * HEIGHT
    );
    chart(&mut svg, 0.0, "Latency, median, µs", rows, |cell| cell.total.p50);
    chart(&mut svg, HEIGHT, "Capacity units consumed by one request", rows, |cell| cell.consumed.read + cell.consumed.write);
    svg.push_str("</svg>\n");
    svg
}

fn chart(svg: &mut String, top: f64, title: &str, rows: &[StepResult], value: impl Fn(&SizeResult) -> f64) {
    let cells = || rows.iter().flat_map(|row| &row.sizes);
    let decade = |value: f64| value.max(f64::MIN_POSITIVE).log10();
    let low = cells().map(&value).fold(f64::MAX, f64::min);
    let high = cells().map(&value).fold(f64::MIN, f64::max);
    let (low, high) = (decade(low).floor(), decade(high).ceil().max(decade(low).floor() + 1.0));
    let y = |value: f64| top + TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - (decade(value) - low) / (high - low));
    let first = cells().map(|cell| cell.invitations).min().unwrap_or(1) as f64;
    let last = cells().map(|cell| cell.invitations).max().unwrap_or(10) as f64;
    let across = (decade(last) - decade(first)).max(1.0);
    let x = |size: f64| LEFT + (WIDTH - LEFT - RIGHT) * (decade(size) - decade(first)) / across;

    let _ = write!(svg, r#"<text class="title" x="{LEFT}" y="{}">{title}</text>"#, top + 24.0);
    for power in low as i32..=high as i32 {
        let value = 10_f64.powi(power);
        let (line, end) = (y(value), x(last));
        let _ = write!(svg, r#"<line class="grid" x1="{LEFT}" x2="{end:.1}" y1="{line:.1}" y2="{line:.1}"/>"#);
        let _ = write!(svg, r#"<text text-anchor="end" x="{}" y="{:.1}">{value}</text>"#, LEFT - 8.0, line + 4.0);
    }
    for cell in rows.first().map(|row| row.sizes.as_slice()).unwrap_or_default() {
        let (at, size) = (x(cell.invitations as f64), thousands(cell.invitations));
        let _ = write!(svg, r#"<text text-anchor="middle" x="{at:.1}" y="{}">{size}</text>"#, top + HEIGHT - BOTTOM + 20.0);
    }
    let mut labels = Vec::new();
    for row in rows {
        let class = class(row.step);
        let points: Vec<(f64, f64)> = row.sizes.iter().map(|cell| (x(cell.invitations as f64), y(value(cell)))).collect();
        let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = write!(svg, r#"<path class="{class}" d="M{}"/>"#, path.join("L"));
        for (x, y) in &points {
            let _ = write!(svg, r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="3"/>"#);
        }
        if let (Some((x, y)), Some(cell)) = (points.last(), row.sizes.last()) {
            labels.push((*x, *y, class, format!("{} ({})", row.step.replace('&', "&amp;"), short(value(cell)))));
        }
    }
    label(svg, top + TOP, labels);
}

/// Labels beside the ends of their lines, moved apart where they would overlap.
fn label(svg: &mut String, top: f64, mut labels: Vec<(f64, f64, &str, String)>) {
    labels.sort_by(|one, other| one.1.total_cmp(&other.1));
    let bottom = top + HEIGHT - TOP - BOTTOM;
    let mut free = top;
    let mut left = labels.len() as f64;
    for (x, y, class, text) in labels {
        // As close to its line as the labels before and after it allow.
        let at = y.min(bottom - (left - 1.0) * LABEL).max(free);
        free = at + LABEL;
        left -= 1.0;
        let _ = write!(svg, r#"<line class="lead {class}" x1="{:.1}" y1="{y:.1}" x2="{:.1}" y2="{at:.1}"/>"#, x + 4.0, x + 22.0);
        let _ = write!(svg, r#"<text x="{:.1}" y="{:.1}">{text}</text>"#, x + 26.0, at + 4.0);
    }
}

fn class(step: &str) -> &'static str {
    match step {
        "describe" => "reads",
        "create" | "resend" | "revoke" => "writes",
        _ => "lists",
    }
}

fn short(value: f64) -> String {
    if value < 100.0 { format!("{}", (value * 10.0).round() / 10.0) } else { format!("{value:.0}") }
}
