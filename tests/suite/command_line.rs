//! The program `spikegrad`, driven as a shell drives it: arguments, standard streams, files and exit status.
//!
//! Not a module of the suite but a test of its own, of the package `spikegrad-cli` (see its manifest): so Cargo builds the
//! program for it, with the same profile, and says where it is.
//!
//! Not here: whether the numbers are right (the suite); here they only have to be those of the library.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up should panic")]
#![expect(
    clippy::disallowed_methods,
    reason = "expected values come from another implementation than the program's"
)]

#[path = "command_line/advice.rs"]
mod advice;
#[path = "command_line/answers.rs"]
mod answers;
#[path = "command_line/comparing.rs"]
mod comparing;
#[path = "command_line/converting.rs"]
mod converting;
#[path = "command_line/documents.rs"]
mod documents;
#[path = "command_line/figures.rs"]
mod figures;
#[path = "command_line/files.rs"]
mod files;
#[path = "command_line/fitting.rs"]
mod fitting;
#[path = "command_line/help.rs"]
mod help;
#[path = "command_line/many.rs"]
mod many;
#[path = "command_line/program.rs"]
mod program;
#[path = "command_line/refusals.rs"]
mod refusals;
#[path = "command_line/samples.rs"]
mod samples;
#[path = "command_line/spoken_digits.rs"]
mod spoken_digits;
#[path = "command_line/training.rs"]
mod training;
#[path = "command_line/training_settings.rs"]
mod training_settings;
#[path = "command_line/unfinished.rs"]
mod unfinished;
