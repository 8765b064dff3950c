//! `docs/verification.md` shows the recorded run.

use support::root_file;
use verification::{parts::PARTS, recorded_run::RecordedRun};

fn recorded() -> RecordedRun {
    serde_json::from_str(&root_file("docs/verification.json")).expect("a recorded run")
}

#[test]
fn the_document_is_generated_from_the_recorded_run() {
    assert_eq!(root_file("docs/verification.md"), recorded().markdown());
}

#[test]
fn the_recorded_run_is_complete_and_has_no_failures() {
    let run = recorded();
    // The parts of this crate, and the section of `make load`.
    assert_eq!(run.sections.len(), PARTS.len() + 1);
    assert_eq!(run.sections.last().map(|section| section.title.as_str()), Some("Load and recovery"));
    assert_eq!(run.failures(), Vec::<String>::new());
}
