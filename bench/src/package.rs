//! The size of a deployment package.

use std::{
    fs,
    io::{Cursor, Write},
    path::Path,
};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::{Problem, problem};

/// The level of Python's `zipfile`, which SAM uses.
const LEVEL: i64 = 6;

/// The size in bytes of a zip with `files` from `directory`.
///
/// # Errors
/// When one cannot be read.
pub fn zip_size(directory: &Path, files: &[String]) -> Result<u64, Problem> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).compression_level(Some(LEVEL));
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for file in files {
        let path = directory.join(file);
        let content = fs::read(&path).map_err(|error| problem!("{}: {error}", path.display()))?;
        let packed = archive.start_file(file.as_str(), options).map_err(std::io::Error::from).and_then(|()| archive.write_all(&content));
        packed.map_err(|error| problem!("{} cannot be packed: {error}", path.display()))?;
    }
    let bytes = archive.finish().map_err(|error| problem!("no zip: {error}"))?.into_inner();
    Ok(bytes.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zip_is_compressed() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("bootstrap"), vec![7; 1_000_000]).unwrap();
        let size = zip_size(directory.path(), &["bootstrap".to_owned()]).unwrap();
        assert!((100..10_000).contains(&size), "{size}");
        assert!(zip_size(directory.path(), &["absent".to_owned()]).is_err());
    }
}
