//! The checker of histories finds what cannot be explained, and only that. Its object here is a register.

use verification::checker::{Span, Specification, Verdict, check};

#[derive(Debug, Clone, Copy)]
enum Register {
    Write(u8),
    /// What was read; `None` when nobody was told.
    Read(Option<u8>),
}

struct Cell;

impl Specification for Cell {
    type State = u8;
    type Operation = Register;

    fn after(&self, state: &u8, operation: &Register) -> Vec<u8> {
        match operation {
            Register::Write(value) => vec![*value],
            Register::Read(told) if told.is_none_or(|told| told == *state) => vec![*state],
            Register::Read(_) => vec![],
        }
    }
}

fn span(operation: Register, called: u64, over: u64) -> Span<Register> {
    Span { operation, called, over, answered: true }
}

fn unknown(operation: Register, called: u64, over: u64) -> Span<Register> {
    Span { answered: false, ..span(operation, called, over) }
}

fn holds(history: &[Span<Register>]) -> bool {
    matches!(check(&Cell, 0, history), Verdict::Linearizable { .. })
}

use Register::{Read, Write};

#[test]
fn what_overlaps_may_come_in_either_order() {
    let writes = [span(Write(1), 0, 10), span(Write(2), 1, 9)];
    for told in [1, 2] {
        assert!(holds(&[&writes[..], &[span(Read(Some(told)), 11, 12)]].concat()));
    }
    assert!(!holds(&[&writes[..], &[span(Read(Some(0)), 11, 12)]].concat()));
}

#[test]
fn what_was_answered_before_a_call_comes_before_it() {
    assert!(!holds(&[span(Write(1), 0, 1), span(Write(2), 2, 3), span(Read(Some(1)), 4, 5)]));
    assert!(holds(&[span(Write(1), 0, 1), span(Write(2), 2, 3), span(Read(Some(2)), 4, 5)]));
}

#[test]
fn two_readers_agree_on_the_order_of_two_writers() {
    let history = |second: [u8; 2]| {
        let [left, right] = second;
        [
            span(Write(1), 0, 20),
            span(Write(2), 0, 20),
            span(Read(Some(1)), 1, 2),
            span(Read(Some(2)), 3, 4),
            span(Read(Some(left)), 5, 6),
            span(Read(Some(right)), 7, 8),
        ]
    };
    assert!(holds(&history([2, 2])));
    assert!(!holds(&history([2, 1])), "each was written once");
}

#[test]
fn what_was_not_answered_may_have_happened_or_not() {
    for told in [0, 1] {
        assert!(holds(&[unknown(Write(1), 0, 5), span(Read(Some(told)), 6, 7)]));
    }
    assert!(!holds(&[unknown(Write(1), 0, 5), span(Read(Some(1)), 6, 7), span(Read(Some(0)), 8, 9)]), "not undone");
    assert!(!holds(&[unknown(Write(1), 0, 5), span(Read(Some(0)), 6, 7), span(Read(Some(1)), 8, 9)]), "not later than it can");
}

#[test]
fn the_longest_explanation_is_shown() {
    let history = [span(Write(1), 0, 1), span(Read(Some(1)), 2, 3), span(Read(Some(7)), 4, 5), span(Read(Some(1)), 6, 7)];
    assert_eq!(check(&Cell, 0, &history), Verdict::Inexplicable { explained: vec![0, 1] });
}

#[test]
fn a_long_history_of_much_at_once_is_decided_because_nothing_is_tried_twice() {
    // 12! orders, but only 2^12 sets of them times the values.
    let mut history: Vec<_> = (0..12).map(|value| span(Write(value % 3), 0, 100)).collect();
    history.push(span(Read(Some(9)), 101, 102));
    assert!(!holds(&history));
}
