//! Writing a file so that a reader, or a crash, never meets half of it.
//!
//! The bytes go to a temporary file in the same folder, are flushed to the disk, and take the final
//! name in one step: under that name stands either the old content or the new.
//!
//! Not here: what is written (`page.rs`, `plot/`, and whatever others write).

use std::fs::File;
use std::io::Write;
use std::path::Path;

use crate::ReportError;

/// How the names of temporary files begin.
pub const TEMPORARY_PREFIX: &str = ".spikegrad-";

/// Writes `bytes` to `path`, replacing what stands there only when all of it is on the disk.
///
/// # Errors
///
/// [`ReportError::Write`] if the folder does not exist, cannot be written to, or the disk is full.
pub fn write_beside(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    try_write(path, bytes).map_err(|reason| ReportError::Write { path: path.to_path_buf(), reason })
}

fn try_write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    // Opened here and not by `tempfile_in`: as an ordinary file, not a private one, and so that an error does not name it.
    let mut file =
        builder.prefix(TEMPORARY_PREFIX).make_in(folder, |path| File::create_new(path))?;
    file.as_file_mut().write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.json");
        write_beside(&path, b"old").unwrap();
        write_beside(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_error_names_the_file_once_and_the_temporary_one_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let occupied = folder.path().join("occupied");
        std::fs::create_dir(&occupied).unwrap();
        for path in [folder.path().join("missing").join("result.json"), occupied] {
            let message = write_beside(&path, b"").unwrap_err().to_string();
            let expected = format!("cannot write {}: ", path.display());
            let reason = message.strip_prefix(&expected).unwrap_or_else(|| panic!("{message}"));
            assert!(!reason.contains(['/', '\\']), "{message}");
        }
    }

    #[test]
    fn a_failed_replacement_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let occupied = folder.path().join("occupied");
        std::fs::create_dir(&occupied).unwrap();
        assert!(write_beside(&occupied, b"").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
