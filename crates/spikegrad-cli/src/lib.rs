//! The program `spikegrad`: the verbs of the library as sub-commands. [`run`] is all of it, so that a Python package can be the same
//! program.
//!
//! A command reads a problem, and its answer goes to standard output or to a file; everything for people goes to standard
//! error. The answer is complete before its first byte is written, so that a failure leaves nothing behind. A failure is one
//! sentence (`error.rs`) and an exit status. Of several problems each has a line, whether or not it has an answer (`many.rs`), and the
//! status is that of the first without one:
//!
//! | status | meaning |
//! | --- | --- |
//! | 0 | done; also when the reader of standard output has gone, as in `spikegrad … \| head` |
//! | 1 | something outside failed: a file, a disk |
//! | 2 | the input or the options are not valid |
//! | 3 | the simulation could not finish |
//! | 4 | the gradient does not exist |
//! | 130 | a training run, or a comparison, was interrupted |
//!
//! To add a command: a file in `command/` with its `Arguments` and `run`, and a line in `command/mod.rs`.
//!
//! Not here: anything that computes; that is the library.

mod advice;
mod arguments;
mod asked;
mod command;
mod error;
mod figure;
mod input;
mod invocation;
mod layout;
mod many;
mod nir;
mod output;
mod people;
mod progress;
mod team;
mod voltages;

use clap::Parser;
use command::Program;
use error::Failure;
use spikegrad::network::wording::one_line;
use std::ffi::OsString;

/// Runs the program with these arguments, of which the first is what it was called by, and returns its exit status.
///
/// It is meant to be called once by a process: how many threads there are, and what Ctrl-C does, is said for all of it.
#[must_use]
pub fn run(arguments: Vec<OsString>) -> u8 {
    invocation::called_by(arguments.first());
    let Program { command, common } = match read(&arguments) {
        Ok(program) => program,
        Err(usage) => {
            // Help and the version go to standard output, where nobody may be left to read them.
            let _ = usage.print();
            return if usage.use_stderr() { 2 } else { 0 };
        }
    };
    let done = set_up_threads(common.threads).and_then(|()| command.run(&common));
    match done {
        Ok(()) => 0,
        Err(failure) => {
            if !failure.is_said() {
                people::say(&format!("error: {failure}"));
            }
            failure.status()
        }
    }
}

/// Reads the command line.
///
/// # Errors
///
/// Help, the version or a usage error.
fn read(arguments: &[OsString]) -> Result<Program, clap::Error> {
    // What was typed stands in a usage error as it was typed: it is read once more as it can be shown.
    let shown = |argument: &OsString| match argument.to_str() {
        Some(text) => one_line(text).into(),
        None => argument.clone(),
    };
    Program::try_parse_from(arguments).map_err(|error| {
        Program::try_parse_from(arguments.iter().map(shown)).err().unwrap_or(error)
    })
}

/// Makes the library's parallel parts use as many threads as were asked for.
fn set_up_threads(threads: Option<u16>) -> Result<(), Failure> {
    let Some(threads) = threads else { return Ok(()) };
    // This thread is one of them: what it has to hand over it does not wait for.
    rayon::ThreadPoolBuilder::new()
        .num_threads(usize::from(threads))
        .use_current_thread()
        .build_global()
        .map_err(|reason| Failure::Threads { threads, reason })
}
