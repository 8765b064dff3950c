//! The linearizability checker rejects histories that have no linearization, and only those. The object here is a register.

use verification::checker::{Interval, Specification, Verdict, check};

#[derive(Debug, Clone, Copy)]
enum Register {
    Write(u8),
    /// The value that was read; `None` while pending.
    Read(Option<u8>),
}

struct Cell;

impl Specification for Cell {
    type State = u8;
    type Operation = Register;

    fn next_states(&self, state: &u8, operation: &Register) -> Vec<u8> {
        match operation {
            Register::Write(value) => vec![*value],
            Register::Read(value) if value.is_none_or(|value| value == *state) => vec![*state],
            Register::Read(_) => vec![],
        }
    }
}

fn completed(operation: Register, invoked: u64, returned: u64) -> Interval<Register> {
    Interval { operation, invoked, returned, completed: true }
}

fn pending(operation: Register, invoked: u64, returned: u64) -> Interval<Register> {
    Interval { completed: false, ..completed(operation, invoked, returned) }
}

fn is_linearizable(history: &[Interval<Register>]) -> bool {
    matches!(check(&Cell, 0, history), Verdict::Linearizable { .. })
}

use Register::{Read, Write};

#[test]
fn overlapping_operations_may_take_effect_in_either_order() {
    let writes = [completed(Write(1), 0, 10), completed(Write(2), 1, 9)];
    for value in [1, 2] {
        assert!(is_linearizable(&[&writes[..], &[completed(Read(Some(value)), 11, 12)]].concat()));
    }
    assert!(!is_linearizable(&[&writes[..], &[completed(Read(Some(0)), 11, 12)]].concat()));
}

#[test]
fn an_operation_that_returned_before_an_invocation_precedes_it() {
    assert!(!is_linearizable(&[completed(Write(1), 0, 1), completed(Write(2), 2, 3), completed(Read(Some(1)), 4, 5)]));
    assert!(is_linearizable(&[completed(Write(1), 0, 1), completed(Write(2), 2, 3), completed(Read(Some(2)), 4, 5)]));
}

#[test]
fn two_readers_agree_on_the_order_of_two_writers() {
    let history = |second: [u8; 2]| {
        let [left, right] = second;
        [
            completed(Write(1), 0, 20),
            completed(Write(2), 0, 20),
            completed(Read(Some(1)), 1, 2),
            completed(Read(Some(2)), 3, 4),
            completed(Read(Some(left)), 5, 6),
            completed(Read(Some(right)), 7, 8),
        ]
    };
    assert!(is_linearizable(&history([2, 2])));
    assert!(!is_linearizable(&history([2, 1])), "each value was written once");
}

#[test]
fn a_pending_operation_may_have_taken_effect_or_not() {
    for value in [0, 1] {
        assert!(is_linearizable(&[pending(Write(1), 0, 5), completed(Read(Some(value)), 6, 7)]));
    }
    assert!(
        !is_linearizable(&[pending(Write(1), 0, 5), completed(Read(Some(1)), 6, 7), completed(Read(Some(0)), 8, 9)]),
        "an effect is not undone"
    );
    assert!(
        !is_linearizable(&[pending(Write(1), 0, 5), completed(Read(Some(0)), 6, 7), completed(Read(Some(1)), 8, 9)]),
        "no effect after the latest possible time"
    );
}

#[test]
fn a_failed_check_reports_the_longest_linearizable_sequence() {
    let history =
        [completed(Write(1), 0, 1), completed(Read(Some(1)), 2, 3), completed(Read(Some(7)), 4, 5), completed(Read(Some(1)), 6, 7)];
    assert_eq!(check(&Cell, 0, &history), Verdict::NotLinearizable { longest: vec![0, 1] });
}

#[test]
fn memoization_decides_a_history_of_many_concurrent_operations() {
    // 12! orders, but only 2^12 sets of operations for each value.
    let mut history: Vec<_> = (0..12).map(|value| completed(Write(value % 3), 0, 100)).collect();
    history.push(completed(Read(Some(9)), 101, 102));
    assert!(!is_linearizable(&history));
}
