//! Inputs derived from a corpus of valid ones.

use serde_json::Value;
use support::random::Random;

use super::mutate;

/// Mutates an event of the corpus: not at all, in its structure, as text, or both.
pub(super) fn mutated_event(random: &mut Random, corpus: &[Value]) -> String {
    let (mut value, donor) = (random.pick(corpus).clone(), random.pick(corpus));
    let mode = random.below(20);
    if (2..17).contains(&mode) {
        mutate::json(random, &mut value, donor);
    }
    let text = value.to_string();
    if mode >= 14 { mutate::text(random, &text, &donor.to_string()) } else { text }
}

/// Mutates a text of the corpus.
pub(super) fn mutated_text(random: &mut Random, corpus: &[String]) -> String {
    let (source, donor) = (random.pick(corpus), random.pick(corpus));
    if random.chance(1, 20) { source.clone() } else { mutate::text(random, source, donor) }
}
