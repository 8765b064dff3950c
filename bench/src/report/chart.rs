//! The chart: the first response, and below it processor time and memory.
//!
//! One SVG for light and dark pages, with the reader's fonts.

use std::fmt::Write;

use super::format::number;
use crate::{
    Problem, problem,
    results::{Kind, Measured, REFERENCE, Results},
};

const WIDTH: f64 = 760.0;
/// From one bar to the next.
const STEP: f64 = 26.0;
const BAR: f64 = 16.0;
/// From the first line of a chart's text to its first bar.
const HEAD: f64 = 52.0;
/// The space to the right of the longest bar, for its number.
const NUMBER: f64 = 64.0;

/// Colours of GitHub's light and dark pages: text, secondary text, lines; then the bars of this project, of the reference and of
/// the alternatives.
const STYLE: &str = "\
text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:13px;fill:#1f2328}\
.title{font-size:15px;font-weight:600}.quiet{font-size:12px;fill:#59636e}.number{font-variant-numeric:tabular-nums}\
.own-text{font-weight:600}line{stroke:#d1d9e0}.own{fill:#0969da}.reference{fill:#818b98}.alternative{fill:#bc4c00}\
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.quiet{fill:#9198a1}line{stroke:#3d444d}\
.own{fill:#4493f8}.reference{fill:#656c76}.alternative{fill:#db6d28}}";

/// One bar.
struct Bar<'a> {
    label: &'a str,
    class: &'static str,
    value: f64,
}

/// One of the charts: bars with a common scale.
struct BarChart<'a> {
    left: f64,
    top: f64,
    width: f64,
    /// The width of the labels.
    labels: f64,
    title: &'a str,
    subtitle: &'a str,
    unit: &'a str,
    logarithmic: bool,
    bars: Vec<Bar<'a>>,
}

/// The chart of a run.
///
/// # Errors
/// When the run has no times.
pub fn svg(results: &Results) -> Result<String, Problem> {
    let first =
        |it: &Measured| it.times.map(|times| times.first_at_128_mb_ms.filter(|_| results.throttled).unwrap_or(times.first_ms).median);
    let http = results.targets.iter().filter(|it| it.kind != Kind::Direct);
    let firsts: Vec<Bar<'_>> = http.filter_map(|it| Some(Bar { label: label(it), class: class(it), value: first(it)? })).collect();
    if firsts.is_empty() {
        return Err(problem!("a chart needs times, and this run measured none"));
    }
    let title = if results.throttled {
        "First response of a new execution environment at 128 MB"
    } else {
        "First response of a new execution environment"
    };
    let subtitle = "milliseconds after init, logarithmic scale; shorter is better";
    let main = BarChart { left: 0.0, top: 4.0, width: WIDTH, labels: 228.0, title, subtitle, unit: " ms", logarithmic: true, bars: firsts };

    let small = |left: f64, title, subtitle, unit, value: &dyn Fn(&Measured) -> Option<f64>| {
        let comparable = results.targets.iter().filter(|it| it.kind == Kind::Alternative || it.id == "describe");
        let bars = comparable.filter_map(|it| Some(Bar { label: short(it), class: class(it), value: value(it)? })).collect();
        BarChart { left, top: main.bottom() + 30.0, width: 366.0, labels: 124.0, title, subtitle, unit, logarithmic: false, bars }
    };
    let cpu = small(0.0, "Processor time per warm request", "microseconds", " µs", &|it| Some(it.times?.warm_cpu_us.median));
    let memory = small(WIDTH - 366.0, "Peak memory", "megabytes", " MB", &|it| Some(it.peak_memory?.median / 1e6));

    let height = cpu.bottom().max(memory.bottom()) + 34.0;
    let environment = &results.machine.environment;
    let foot = format!(
        "Medians of {} rounds on one machine with an emulated Lambda and DynamoDB: {}, {} cores, {}.",
        results.rounds,
        environment.processor,
        environment.cores,
        environment.date.split('T').next().unwrap_or_default()
    );
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n\
         <title>{title}, processor time per warm request, and peak memory</title>\n<style>{STYLE}</style>\n"
    );
    for chart in [main, cpu, memory] {
        chart.draw(&mut text);
    }
    let _ = writeln!(text, "<text class=\"quiet\" x=\"0\" y=\"{}\">{}</text>\n</svg>", height - 6.0, escaped(&foot));
    Ok(text)
}

impl BarChart<'_> {
    /// The lower end of the chart.
    fn bottom(&self) -> f64 {
        self.top + HEAD + STEP * self.bars.len() as f64 + if self.logarithmic { 16.0 } else { 0.0 }
    }

    /// The values at the ends of the scale.
    fn range(&self) -> (f64, f64) {
        let values = || self.bars.iter().map(|bar| bar.value);
        let (least, most) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
        if self.logarithmic {
            // The scale starts well below the smallest value, so that its bar is visible.
            let start = 10_f64.powf((least / 1.5).log10().floor());
            (start, most.max(start * 10.0))
        } else {
            (0.0, if most > 0.0 { most } else { 1.0 })
        }
    }

    /// The length of a value's bar.
    fn length(&self, value: f64) -> f64 {
        let (start, end) = self.range();
        let share = if self.logarithmic { (value / start).log10() / (end / start).log10() } else { value / end };
        share * (self.width - self.labels - NUMBER)
    }

    fn draw(&self, text: &mut String) {
        let (left, bars_from) = (self.left, self.left + self.labels);
        let first = self.top + HEAD;
        let _ = writeln!(text, "<text class=\"title\" x=\"{left}\" y=\"{}\">{}</text>", self.top + 14.0, escaped(self.title));
        let _ = writeln!(text, "<text class=\"quiet\" x=\"{left}\" y=\"{}\">{}</text>", self.top + 32.0, escaped(self.subtitle));
        if self.logarithmic {
            self.draw_decades(text);
        }
        for (index, bar) in self.bars.iter().enumerate() {
            let top = first + STEP * index as f64;
            let (line, length) = (top + BAR - 3.5, self.length(bar.value).max(1.0));
            let weight = if bar.class == "own" { " class=\"own-text\"" } else { "" };
            let _ = writeln!(text, "<text{weight} x=\"{left}\" y=\"{line:.1}\">{}</text>", escaped(bar.label));
            let _ = writeln!(
                text,
                "<rect class=\"{}\" x=\"{bars_from}\" y=\"{top:.1}\" width=\"{length:.1}\" height=\"{BAR}\" rx=\"2\"/>",
                bar.class
            );
            let end = bars_from + length + 6.0;
            let _ = writeln!(text, "<text class=\"number\" x=\"{end:.1}\" y=\"{line:.1}\">{}{}</text>", number(Some(bar.value)), self.unit);
        }
    }

    /// A line for each power of ten.
    fn draw_decades(&self, text: &mut String) {
        let (start, end) = self.range();
        let (top, bottom) = (self.top + HEAD - 6.0, self.top + HEAD + STEP * self.bars.len() as f64);
        let mut decade = start;
        while decade <= end * 1.001 {
            let x = self.left + self.labels + self.length(decade);
            let _ = writeln!(text, "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top:.1}\" y2=\"{bottom:.1}\"/>");
            let label = if decade < 0.999 { format!("{decade:.1}") } else { format!("{decade:.0}") };
            let _ = writeln!(text, "<text class=\"quiet\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{:.1}\">{label}</text>", bottom + 14.0);
            decade *= 10.0;
        }
    }
}

fn class(target: &Measured) -> &'static str {
    match target.kind {
        Kind::Http | Kind::Direct => "own",
        Kind::Alternative if target.id == REFERENCE => "reference",
        Kind::Alternative => "alternative",
    }
}

fn label(target: &Measured) -> &str {
    if target.kind == Kind::Alternative { &target.name } else { &target.id }
}

/// A label for the small charts.
fn short(target: &Measured) -> &str {
    match target.id.as_str() {
        REFERENCE => "hello world",
        "rust-defaults" => "Rust, defaults",
        _ => label(target).split(',').next().unwrap_or_default(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(logarithmic: bool, values: &[f64]) -> BarChart<'static> {
        let bars = values.iter().map(|&value| Bar { label: "a & b", class: "own", value }).collect();
        BarChart { left: 0.0, top: 0.0, width: 464.0, labels: 100.0, title: "t", subtitle: "s", unit: " ms", logarithmic, bars }
    }

    #[test]
    fn a_decade_has_the_same_length_everywhere() {
        let chart = chart(true, &[0.2, 100.0]);
        assert_eq!(chart.range(), (0.1, 100.0));
        let lengths = [0.1, 1.0, 10.0, 100.0].map(|value| chart.length(value).round());
        assert_eq!(lengths, [0.0, 100.0, 200.0, 300.0]);
    }

    #[test]
    fn a_linear_scale_begins_at_zero() {
        let chart = chart(false, &[50.0, 100.0]);
        assert_eq!([0.0, 50.0, 100.0].map(|value| chart.length(value).round()), [0.0, 150.0, 300.0]);
    }

    #[test]
    fn labels_are_escaped_and_numbers_stand_at_the_ends() {
        let mut text = String::new();
        chart(false, &[50.0]).draw(&mut text);
        assert!(text.contains(">a &amp; b</text>"), "{text}");
        assert!(text.contains("x=\"406.0\""), "{text}");
        assert!(text.contains(">50.0 ms</text>"), "{text}");
    }
}
