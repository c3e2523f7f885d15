//! Writing an answer: all of it, to standard output or in the place of a file, or nothing.
//!
//! A file is written beside and renamed (`spikegrad_report::write_beside`). A device or a pipe (`/dev/null`, `/dev/stdout`)
//! cannot be replaced and is written to; a symbolic link stays, and what it points to is replaced.

use crate::error::Failure;
use crate::input::is_standard;
use crate::layout;
use serde::Serialize;
use spikegrad_report::write_beside;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::ops::ControlFlow;
use std::path::Path;

/// Writes `document` as JSON to the file `to`, or to standard output.
pub(crate) fn write(document: &impl Serialize, to: Option<&Path>) -> Result<(), Failure> {
    write_bytes(&layout::json(document).map_err(Failure::unwritable)?, to)
}

/// The same of a document in which `null` is what does not apply.
pub(crate) fn write_with_nulls(document: &impl Serialize) -> Result<(), Failure> {
    write_bytes(&layout::json_with_nulls(document).map_err(Failure::unwritable)?, None)
}

/// Writes each of `documents` as a line of JSON to the file `to`.
pub(crate) fn write_lines(
    documents: impl IntoIterator<Item = impl Serialize>,
    to: &Path,
) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    for document in documents {
        serde_json::to_writer(&mut bytes, &document).map_err(|reason| Failure::Json { reason })?;
        bytes.push(b'\n');
    }
    write_bytes(&bytes, Some(to))
}

fn write_bytes(bytes: &[u8], to: Option<&Path>) -> Result<(), Failure> {
    let mut stream = Stream::to(to);
    // A reader that has gone has what it wanted.
    let _ = stream.write(bytes)?;
    stream.finish()
}

/// An answer in pieces: on standard output each appears at once, a file is written as a whole at the end.
#[derive(Debug)]
pub(crate) struct Stream<'a> {
    file: Option<&'a Path>,
    bytes: Vec<u8>,
}

impl<'a> Stream<'a> {
    /// A stream to the file `to`, or to standard output.
    pub(crate) fn to(to: Option<&'a Path>) -> Self {
        Self { file: to.filter(|path| !is_standard(path)), bytes: Vec::new() }
    }

    /// Adds a piece; [`ControlFlow::Break`] if nobody reads any more.
    pub(crate) fn write(&mut self, piece: &[u8]) -> Result<ControlFlow<()>, Failure> {
        if self.file.is_some() {
            self.bytes.extend_from_slice(piece);
            return Ok(ControlFlow::Continue(()));
        }
        let place = "standard output".into();
        to_standard_output(piece).map_err(|reason| Failure::Write { place, reason })
    }

    /// Ends it.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        self.file.map_or(Ok(()), |path| to_file(path, &self.bytes))
    }
}

/// Puts `bytes` in the place of the file `path`.
fn to_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        let place = path.display().to_string();
        let device = OpenOptions::new().write(true).open(path);
        let written = device.and_then(|mut device| device.write_all(bytes));
        return written.map_err(|reason| Failure::Write { place, reason });
    }
    let target = fs::canonicalize(path);
    Ok(write_beside(target.as_deref().unwrap_or(path), bytes)?)
}

/// A reader that has gone has what it wanted: no failure.
fn to_standard_output(bytes: &[u8]) -> io::Result<ControlFlow<()>> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(reason) if reason.kind() == ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        done => done.map(ControlFlow::Continue),
    }
}
