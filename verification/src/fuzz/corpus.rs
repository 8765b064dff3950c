//! Inputs derived from a corpus of valid ones.

use serde_json::Value;
use support::random::Random;

use super::mutate;

/// An event made from one of a corpus: as it is, changed in its structure, changed as a text, or both.
pub(super) fn changed(random: &mut Random, corpus: &[Value]) -> String {
    let (mut value, donor) = (random.pick(corpus).clone(), random.pick(corpus));
    let way = random.below(20);
    if (2..17).contains(&way) {
        mutate::json(random, &mut value, donor);
    }
    let text = value.to_string();
    if way >= 14 { mutate::text(random, &text, &donor.to_string()) } else { text }
}

/// A text made from one of a corpus.
pub(super) fn changed_text(random: &mut Random, corpus: &[String]) -> String {
    let (source, donor) = (random.pick(corpus), random.pick(corpus));
    if random.chance(1, 20) { source.clone() } else { mutate::text(random, source, donor) }
}
