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
use std::path::Path;

/// Writes `document` as JSON to the file `to`, or to standard output.
pub(crate) fn write(document: &impl Serialize, to: Option<&Path>) -> Result<(), Failure> {
    let bytes = layout::json(document).map_err(Failure::unwritable)?;
    let Some(path) = to.filter(|path| !is_standard(path)) else {
        let place = "standard output".into();
        return to_standard_output(&bytes).map_err(|reason| Failure::Write { place, reason });
    };
    if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        let place = path.display().to_string();
        let device = OpenOptions::new().write(true).open(path);
        let written = device.and_then(|mut device| device.write_all(&bytes));
        return written.map_err(|reason| Failure::Write { place, reason });
    }
    let target = fs::canonicalize(path);
    Ok(write_beside(target.as_deref().unwrap_or(path), &bytes)?)
}

/// A reader that has gone has what it wanted: no failure.
fn to_standard_output(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(reason) if reason.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}
