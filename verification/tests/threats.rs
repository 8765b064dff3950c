//! Every threat has tests: the files that `docs/security.md` names exist and carry the threat's number.

use std::{collections::BTreeMap, fs, path::Path};

use support::root_file;

/// The numbers of all threats.
const THREATS: std::ops::RangeInclusive<u32> = 1..=24;

/// The files that each threat's row names.
fn named(table: &str) -> BTreeMap<u32, Vec<String>> {
    let mut named: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for row in table.lines().filter(|line| line.starts_with("| T")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let [numbers, .., tests] = &cells[..] else { panic!("not a row: {row}") };
        for number in numbers.split(',').map(|number| number.trim().trim_start_matches('T')) {
            let number = number.parse().unwrap_or_else(|_| panic!("not a threat's number: {row}"));
            named.entry(number).or_default().extend(tests.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    named
}

/// The text of a file, or of all files in a folder.
fn text(path: &Path) -> Option<String> {
    if !path.is_dir() {
        return fs::read_to_string(path).ok();
    }
    let entries = fs::read_dir(path).ok()?;
    Some(entries.filter_map(|entry| text(&entry.ok()?.path())).collect())
}

/// Whether a test carries a threat's number: in its name, as `t9_…`, or in a comment.
fn carries(text: &str, number: u32) -> bool {
    let (in_comment, in_name) = (format!("T{number}"), format!("t{number}"));
    let of_a_test = |line: &str| {
        let line = line.trim_start();
        let comment = ["//", "#", "\"\"\""].iter().any(|mark| line.starts_with(mark));
        let function = ["fn ", "async fn ", "def "].iter().any(|mark| line.starts_with(mark));
        (comment && line.split(|c: char| !c.is_alphanumeric()).any(|word| word == in_comment))
            || (function && line.split(|c: char| !c.is_alphanumeric()).any(|word| word == in_name))
    };
    text.lines().any(of_a_test)
}

/// The gaps in the table; `read` finds a file of the project.
fn gaps(table: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let named = named(table);
    let mut gaps = Vec::new();
    for number in THREATS {
        let files = named.get(&number).map_or(&[][..], Vec::as_slice);
        if files.is_empty() {
            gaps.push(format!("no test is named for T{number}"));
        }
        for file in files {
            match read(file) {
                None => gaps.push(format!("T{number} names {file}, which does not exist")),
                Some(text) if !carries(&text, number) => gaps.push(format!("no test in {file} carries the number T{number}")),
                Some(_) => {}
            }
        }
    }
    gaps
}

#[test]
fn every_threat_has_tests_that_carry_its_number() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    assert_eq!(gaps(&root_file("docs/security.md"), |file| text(&root.join(file))), Vec::<String>::new());
}

#[test]
fn a_threat_without_a_row_a_file_or_a_number_is_a_gap() {
    let rows: String = THREATS.map(|number| format!("| T{number} | what | how | `a.rs`, `b.rs` |\n")).collect();
    let all: String = THREATS.map(|number| format!("/// Answers T{number}.\n")).collect();
    let read = |text: &'static str| move |file: &str| Some(if file == "a.rs" { text.to_owned() } else { String::new() } + "// T24");
    assert_eq!(gaps(&rows, |_| Some(all.clone())), Vec::<String>::new());
    assert_eq!(gaps(&rows.replace("T7 ", "T6 "), |_| Some(all.clone())), ["no test is named for T7"]);
    assert_eq!(gaps(&rows, |_| None).len(), 48);
    assert!(gaps(&rows, read("async fn t9_it_is_refused() {\n")).contains(&"no test in b.rs carries the number T9".to_owned()));
    assert!(!gaps(&rows, read("async fn t9_it_is_refused() {\n")).contains(&"no test in a.rs carries the number T9".to_owned()));
    // Not in code, and not as a part of another number or word.
    for text in ["let T9 = 1;\n", "// T99\n", "fn at9_() {\n", "// XT9\n"] {
        assert!(!carries(text, 9), "{text}");
    }
}

/// Defence in depth: keys and links have 256 random bits.
#[test]
fn t20_the_gateway_throttles_every_route() {
    let template = root_file("template.yaml");
    let (_, settings) = template.split_once("\n      DefaultRouteSettings:\n").expect("the API has settings for all routes");
    let limits: Vec<&str> = settings.lines().take(2).map(str::trim).collect();
    assert_eq!(limits, ["ThrottlingRateLimit: !Ref ThrottlingRateLimit", "ThrottlingBurstLimit: !Ref ThrottlingBurstLimit"]);
    // No route overrides them.
    assert!(!template.contains("\n      RouteSettings:"));
}
