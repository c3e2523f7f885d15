//! The program as a file of its own. Not here: what it does (`lib.rs`).

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(spikegrad_cli::run(std::env::args_os().collect()))
}
