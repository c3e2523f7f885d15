//! Reading a problem: from a file or standard input, and never more of it than may be valid.

use crate::error::Failure;
use spikegrad::problem::{MAX_FILE_BYTES, Problem, ProblemError};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Reads and checks the problem at `path`; `-` is standard input.
pub(crate) fn problem(path: &Path) -> Result<Problem, Failure> {
    let refused = |reason| Failure::Problem { place: name(path), reason };
    let text = bytes(path).map_err(|reason| Failure::Read { place: name(path), reason })?;
    let text = text.ok_or(ProblemError::TooLarge { limit: MAX_FILE_BYTES }).map_err(refused)?;
    Problem::from_json(&text).map_err(refused)
}

/// The name of an input, for messages.
pub(crate) fn name(path: &Path) -> String {
    if is_standard(path) { "standard input".into() } else { path.display().to_string() }
}

/// Whether `path` stands for standard input or output.
pub(crate) fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

/// All bytes, or nothing if there are more than a problem may have.
fn bytes(path: &Path) -> io::Result<Option<Vec<u8>>> {
    if is_standard(path) {
        return at_most(MAX_FILE_BYTES, io::stdin().lock());
    }
    let file = File::open(path)?;
    // A file that says how large it is need not be read to be refused.
    if file.metadata()?.len() > MAX_FILE_BYTES {
        return Ok(None);
    }
    at_most(MAX_FILE_BYTES, file)
}

fn at_most(limit: u64, from: impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    from.take(limit + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_read_up_to_its_limit_and_no_further() {
        assert_eq!(at_most(3, &b"abc"[..]).unwrap(), Some(b"abc".to_vec()));
        assert_eq!(at_most(3, &b"abcd"[..]).unwrap(), None);
        assert_eq!(at_most(3, io::repeat(b' ')).unwrap(), None, "an endless input");
    }
}
