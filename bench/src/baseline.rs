//! The committed figures that runs are compared with: `bench/baseline.json`.

use std::{collections::BTreeMap, path::Path};

use local::recording;
use serde::{Deserialize, Serialize};

use crate::{
    Problem,
    counter::Counter,
    dynamodb::Capacity,
    results::{Kind, Results},
};

/// The committed figures of this project's operations, by their IDs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Capacity per warm event. It does not depend on the machine.
    pub capacity: BTreeMap<String, Capacity>,
    /// Instructions, by counter.
    pub instructions: BTreeMap<Counter, BTreeMap<String, Instructions>>,
}

/// Instructions of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Instructions {
    /// From the start of the process to the first response.
    pub first: f64,
    /// Per warm request.
    pub warm: f64,
}

impl Baseline {
    /// Reads `file`.
    ///
    /// # Errors
    /// When the file does not exist or has another format.
    pub fn read(file: &Path) -> Result<Self, Problem> {
        recording::read(file)
    }

    /// Takes over the figures of a run. Instructions of other counters stay.
    pub fn update(&mut self, results: &Results) {
        let own = || results.targets.iter().filter(|target| target.kind != Kind::Alternative);
        self.capacity = own().filter_map(|it| Some((it.id.clone(), it.database.as_ref()?.warm_capacity))).collect();
        let counted = own().filter_map(|it| {
            let instructions = it.instructions?;
            Some((it.id.clone(), Instructions { first: instructions.first.round(), warm: instructions.warm.round() }))
        });
        self.instructions.insert(results.machine.counter, counted.collect());
    }

    /// Writes it to `file`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, file: &Path) -> Result<(), Problem> {
        recording::write(self, file)
    }
}
