//! Number formats.

pub(super) fn none() -> String {
    "–".to_owned()
}

/// Three significant digits.
pub(super) fn number(value: Option<f64>) -> String {
    match value {
        None => none(),
        Some(value) if value >= 99.95 => thousands(value.round() as u64),
        Some(value) if value >= 9.995 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

/// Whole numbers in full, others with two decimals.
pub(super) fn exact(value: Option<f64>) -> String {
    match value {
        None => none(),
        Some(value) if value.fract() == 0.0 || value >= 1000.0 => thousands(value.round() as u64),
        Some(value) => format!("{value:.2}"),
    }
}

/// `1,000,000`
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

pub(super) fn ratio(value: Option<f64>, reference: Option<f64>) -> String {
    value.zip(reference).map_or_else(none, |(value, reference)| format!("{:.1}", value / reference))
}

pub(super) fn factor(factor: f64) -> String {
    if factor >= 10.0 { thousands(factor.round() as u64) } else { format!("{factor:.1}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_significant_digits() {
        let shown = [0.222, 9.99, 9.996, 61.04, 99.96, 1234.4, 1_947_000.0].map(|value| number(Some(value)));
        assert_eq!(shown, ["0.22", "9.99", "10.0", "61.0", "100", "1,234", "1,947,000"]);
        assert_eq!(number(None), "–");
        assert_eq!(exact(Some(2.0)), "2");
        assert_eq!(exact(Some(2.5)), "2.50");
        assert_eq!(exact(Some(3_000_000.0)), "3,000,000");
    }
}
