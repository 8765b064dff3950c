//! No input makes the service panic, respond with a server error, or accept a token that it must not accept (T8, T17, T23).

use support::random::Random;
use verification::{
    fuzz::{Target, TargetSpec, Verdict, run, run_targets},
    report::Scale,
};

#[test]
fn t23_no_input_causes_a_panic_or_a_violation() {
    let section = run(&Scale::short());
    assert_eq!(section.failures(), Vec::<String>::new());
}

/// A parser with two defects: it cuts at the fourth byte, and it accepts a text that begins with `<<`.
struct Trusting;

impl Target for Trusting {
    fn make(&self, random: &mut Random) -> String {
        let part = |random: &mut Random| (*random.pick(&["abcd", "é", "<", ""])).to_owned();
        format!("{}{}{}", part(random), part(random), part(random))
    }

    fn check(&self, input: &str) -> Verdict {
        let beginning = if input.len() > 4 { input.split_at(4).0 } else { input };
        if beginning.starts_with("<<") { Verdict::Violation("a tag".to_owned()) } else { Verdict::Accepted }
    }
}

#[test]
fn panics_and_violations_are_found_counted_and_minimized() {
    let trusting = TargetSpec { name: "trusting", short: 2000, long: 2000, build: || Box::new(Trusting) };
    let section = run_targets(&Scale::short(), &[trusting]);
    assert!(section.value("trusting: panics") > 0 && section.value("trusting: violations") > 0, "{section:?}");
    let failures = section.failures().join("\n");
    assert!(failures.contains("is not a char boundary") && failures.contains("seed 1, block"), "{failures}");
    // The result depends on the seed, not on the number of threads.
    let again = run_targets(&Scale::short(), &[trusting]);
    assert_eq!(again.figures, section.figures);
}
