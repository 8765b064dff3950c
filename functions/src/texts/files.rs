//! Reads the files of a folder of texts.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// All files, sorted; empty without a folder.
pub(super) fn all(folder: Option<&Path>, note: &mut impl FnMut(String)) -> Vec<PathBuf> {
    let Some(folder) = folder else { return Vec::new() };
    let entries =
        fs::read_dir(folder).and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>());
    let mut files = entries.unwrap_or_else(|error| {
        note(format!("{}: {error}", folder.display()));
        Vec::new()
    });
    files.sort();
    files
}

/// The content of a binary file.
pub(super) fn bytes(file: &Path, note: &mut impl FnMut(String)) -> Option<Vec<u8>> {
    fs::read(file).map_err(|error| note(format!("{}: {error}", file.display()))).ok()
}

/// The content of a text file.
pub(super) fn read(file: &Path, note: &mut impl FnMut(String)) -> Option<String> {
    fs::read_to_string(file).map_err(|error| note(format!("{}: {error}", file.display()))).ok()
}
