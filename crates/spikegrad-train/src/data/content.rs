//! A file's content, decompressed if it is gzipped, with a bound on how much of it there can be.
//!
//! Whether a file is compressed is told by its first two bytes, not by its name. The bound is what
//! a length in a header is held against before memory is set aside for it.
//!
//! Not here: what the content means (`idx.rs`, `aer.rs`).

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::DataProblem;
use crate::TrainError;

/// No more than this is held in memory, in bytes.
pub(super) const LIMIT: u64 = 1 << 31;

/// Deflate cannot make more bytes than this out of one.
const MAX_RATIO: u64 = 1032;

/// A file that is being read.
pub(super) struct Content {
    /// Its bytes, decompressed.
    pub(super) reader: Box<dyn Read>,
    /// There are no more bytes than this.
    pub(super) at_most: u64,
}

/// Opens an ordinary file.
///
/// # Errors
///
/// [`TrainError::Read`] if it cannot be opened, or is a folder, a pipe or a device.
pub(super) fn open(path: &Path) -> Result<Content, TrainError> {
    try_open(path).map_err(|reason| TrainError::Read { path: path.to_path_buf(), reason })
}

fn try_open(path: &Path) -> io::Result<Content> {
    // A pipe would be waited for.
    let metadata = path.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no ordinary file"));
    }
    let mut reader = BufReader::with_capacity(1 << 16, File::open(path)?);
    Ok(if reader.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        let at_most = metadata.len().saturating_mul(MAX_RATIO);
        Content { reader: Box::new(MultiGzDecoder::new(reader)), at_most }
    } else {
        Content { reader: Box::new(reader), at_most: metadata.len() }
    })
}

/// Reads a whole file of no more than `limit` bytes.
///
/// # Errors
///
/// As [`open`]; [`TrainError::DataFile`] if it is damaged or too large.
pub(super) fn read_all(path: &Path, limit: u64) -> Result<Vec<u8>, TrainError> {
    let read = read_up_to(open(path)?.reader, limit + 1);
    let result = read.and_then(|bytes| match u64::try_from(bytes.len()) {
        Ok(length) if length <= limit => Ok(bytes),
        _ => Err(DataProblem::TooLarge { limit }),
    });
    result.map_err(|problem| TrainError::DataFile { path: path.to_path_buf(), problem })
}

/// Reads at most `length` bytes, fewer if there are no more.
///
/// # Errors
///
/// [`DataProblem::Unreadable`].
pub(super) fn read_up_to(reader: impl Read, length: u64) -> Result<Vec<u8>, DataProblem> {
    let mut bytes = Vec::new();
    let result = reader.take(length).read_to_end(&mut bytes);
    result.map_err(|reason| DataProblem::Unreadable { reason })?;
    Ok(bytes)
}
