//! What `docs/verification.md` says is what a run has counted.

use support::root_file;
use verification::{parts::PARTS, recorded_run::RecordedRun};

fn recorded() -> RecordedRun {
    serde_json::from_str(&root_file("docs/verification.json")).expect("a recorded run")
}

#[test]
fn the_document_is_that_of_the_recorded_run() {
    assert_eq!(root_file("docs/verification.md"), recorded().markdown());
}

#[test]
fn the_recorded_run_is_whole_and_nothing_in_it_is_broken() {
    let run = recorded();
    // Those of this crate, and that of `make load`.
    assert_eq!(run.sections.len(), PARTS.len() + 1);
    assert_eq!(run.sections.last().map(|section| section.title.as_str()), Some("Load and recovery"));
    assert_eq!(run.broken(), Vec::<String>::new());
}
