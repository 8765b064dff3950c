//! The results as a file, with every figure.

use std::{fs, path::Path};

use serde::{Serialize, de::DeserializeOwned};

use crate::{Problem, problem};

/// Writes the results to `file`.
///
/// # Errors
/// When it cannot be written.
pub fn write(results: &impl Serialize, file: &Path) -> Result<(), Problem> {
    let text = serde_json::to_string_pretty(results).map_err(|error| problem!("{error}"))?;
    fs::write(file, text + "\n").map_err(|error| problem!("{}: {error}", file.display()))
}

/// The results that an earlier run wrote.
///
/// # Errors
/// When the file is not there or not of this form.
pub fn read<T: DeserializeOwned>(file: &Path) -> Result<T, Problem> {
    let text = fs::read_to_string(file).map_err(|error| problem!("{}: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| problem!("{}: {error}", file.display()))
}
