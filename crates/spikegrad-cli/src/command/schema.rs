//! `spikegrad schema`: the format of the problem file or of a training configuration, for editors and other programs.

use crate::error::Failure;
use crate::output;
use clap::Args;
use spikegrad::problem;
use spikegrad_train::Config;
use std::path::PathBuf;

/// Print the JSON Schema of the problem file, or of a training configuration
///
/// Every key, its type and its meaning. An editor that knows the schema completes keys and underlines mistakes; what a
/// schema cannot say (that an index lies within its population, that a threshold is above its reset) is checked when a
/// problem is read.
#[derive(Debug, Args)]
#[command(after_help = "\
Example, from the root of the repository:
    cargo run --release -- schema -o problem.schema.json
    cargo run --release -- schema --training -o training.schema.json")]
pub(crate) struct Arguments {
    /// That of the configuration of a training run
    #[arg(long)]
    training: bool,

    /// Write the schema to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let schema = if arguments.training { Config::schema() } else { problem::schema() };
    output::write(&schema, arguments.output.as_deref())
}
