//! Nothing that is sent in makes the service panic, or answer as if it were its own fault (T8, T23).

use support::random::Random;
use verification::{
    fuzz::{Kind, Target, Verdict, run, run_kinds},
    report::Scale,
};

#[test]
fn t23_no_input_makes_anything_panic_or_break_its_promises() {
    let section = run(&Scale::short());
    assert_eq!(section.broken(), Vec::<String>::new());
}

/// A parser that trusts its input: it cuts at the fourth byte, and takes every `<` for harmless.
struct Trusting;

impl Target for Trusting {
    fn make(&self, random: &mut Random) -> String {
        let part = |random: &mut Random| (*random.pick(&["abcd", "é", "<", ""])).to_owned();
        format!("{}{}{}", part(random), part(random), part(random))
    }

    fn check(&self, input: &str) -> Verdict {
        let beginning = if input.len() > 4 { input.split_at(4).0 } else { input };
        if beginning.starts_with("<<") { Verdict::Broken("a tag".to_owned()) } else { Verdict::Accepted }
    }
}

#[test]
fn a_panic_and_a_broken_promise_are_found_counted_and_shortened() {
    let trusting = Kind { name: "trusting", short: 2000, long: 2000, build: || Box::new(Trusting) };
    let section = run_kinds(&Scale::short(), &[trusting]);
    assert!(section.value("trusting: panics") > 0 && section.value("trusting: broken promises") > 0, "{section:?}");
    let broken = section.broken().join("\n");
    assert!(broken.contains("is not a char boundary") && broken.contains("seed 1, block"), "{broken}");
    // The same seed finds the same, on any number of threads.
    let again = run_kinds(&Scale::short(), &[trusting]);
    assert_eq!(again.figures, section.figures);
}
