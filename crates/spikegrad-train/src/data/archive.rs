//! The files of a `.tar.gz`, one after another, none of which is held in memory by being passed over.
//!
//! A few megabytes can unpack to gigabytes. So who reads an archive says of each file, by its name and by the length that its
//! header promises, whether it is wanted, and reads no more of it than that. What stands before a file and is not one, such as
//! a name that is too long for a header, is bounded too.
//!
//! Not here: which files are wanted (`aer.rs`).

use std::io::{ErrorKind, Read, Take};
use std::path::Path;

use tar::{Archive, Entries, EntryType, PaxExtensions};

use super::DataProblem;
use super::content::{self, LIMIT, read_up_to};
use crate::TrainError;

/// No name of a file is longer than this, in bytes.
const LONGEST_NAME: u64 = 1 << 16;

/// A file of an archive.
pub(super) struct Member<'a> {
    /// Its name, without folders.
    pub(super) name: &'a str,
    /// The length that its header promises, in bytes.
    size: u64,
    content: &'a mut dyn Read,
}

impl Member<'_> {
    /// Reads all of it, which may be no more than `limit` bytes.
    pub(super) fn read(&mut self, limit: u64) -> Result<Vec<u8>, DataProblem> {
        if self.size > limit {
            return Err(DataProblem::TooLarge { limit });
        }
        let bytes = read_up_to(&mut *self.content, self.size)?;
        let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if found < self.size {
            return Err(DataProblem::Truncated { promised: self.size, found });
        }
        Ok(bytes)
    }
}

/// Shows `visit` every ordinary file of the archive at `path`, in its order.
///
/// # Errors
///
/// [`TrainError::Read`] if there is no such file, [`TrainError::DataFile`] if it is no archive, and what `visit` says.
pub(super) fn visit(
    path: &Path,
    mut visit: impl FnMut(Member<'_>) -> Result<(), TrainError>,
) -> Result<(), TrainError> {
    let refused = |problem| TrainError::DataFile { path: path.to_path_buf(), problem };
    let mut archive = Archive::new(content::open(path)?.reader.take(LIMIT));
    // Raw, because otherwise a name is read into memory whatever its length.
    let mut entries = archive.entries().map_err(unreadable).map_err(refused)?.raw(true);
    while let Some((name, size, mut content)) = next_file(&mut entries).map_err(refused)? {
        visit(Member { name: &name, size, content: &mut content })?;
    }
    Ok(())
}

type Raw<'a> = Take<Box<dyn Read>>;

/// The next ordinary file, with its name and length.
fn next_file<'a>(
    entries: &mut Entries<'a, Raw<'a>>,
) -> Result<Option<(String, u64, impl Read + use<'a>)>, DataProblem> {
    let mut long_name = None;
    while let Some(entry) = entries.next().transpose().map_err(unreadable)? {
        let size = entry.size();
        match entry.header().entry_type() {
            EntryType::GNULongName => long_name = Some(read_up_to(entry, size.min(LONGEST_NAME))?),
            EntryType::XHeader => {
                let extensions = read_up_to(entry, size.min(LONGEST_NAME))?;
                let mut entries = PaxExtensions::new(&extensions).flatten();
                let path = entries.find(|entry| entry.key_bytes() == b"path");
                long_name = path.map(|entry| entry.value_bytes().to_vec());
            }
            EntryType::Regular => {
                let path = long_name.unwrap_or_else(|| entry.path_bytes().into_owned());
                let path = String::from_utf8_lossy(&path);
                let path = path.trim_end_matches('\0');
                let name = path.rsplit('/').next().unwrap_or(path).to_owned();
                return Ok(Some((name, size, entry)));
            }
            _ => long_name = None,
        }
    }
    Ok(None)
}

/// What the file, or the decompressor, says; what is said of a header would be bytes of the file that are no words.
fn unreadable(reason: std::io::Error) -> DataProblem {
    match reason.kind() {
        ErrorKind::Other => DataProblem::NotArchive,
        _ => DataProblem::Unreadable { reason },
    }
}
