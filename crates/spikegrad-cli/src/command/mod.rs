//! The program and its commands: one file each, with its arguments, its help and what it does.
//!
//! Not here: what several commands share (`arguments.rs`).

mod compare;
mod convert;
mod evaluate;
mod export;
mod fit;
mod gradient;
mod schema;
mod simulate;
mod sweep;
mod train;

use crate::arguments::Common;
use crate::error::Failure;
use clap::{Parser, Subcommand};

/// Exact gradients of event-based spiking networks
///
/// A problem file states a network, its input and a loss, as JSON. The network is simulated from event to event, in
/// continuous time: a spike is where the membrane potential reaches its threshold, to the last digits of a double. The
/// gradient of the loss is then found by walking the spikes backwards, one jump at a time: exact, for weights, delays, time
/// constants, thresholds and input times alike.
///
/// The answer is one JSON document on standard output; everything for people goes to standard error.
#[derive(Debug, Parser)]
#[command(
    name = "spikegrad",
    version,
    propagate_version = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "\
Examples, from the root of the repository:
  When does a neuron with two inputs spike?
    cargo run --release -- simulate examples/problems/two_inputs.json
  How does a loss on its time change with every number of the file?
    cargo run --release -- gradient examples/problems/two_inputs.json
  What may stand in a problem file?
    cargo run --release -- schema

Exit status:
  0  done (also if the reader of standard output left early)
  1  something outside failed: a file, a disk
  2  the problem or the options are not valid
  3  the simulation could not finish
  4  the gradient does not exist
  130  a training run was interrupted, which goes on with --resume, or a comparison
Unless the status is 0, nothing is on standard output and one sentence on standard error says why. Only of several problems in
one call each has its line, with an answer or an error; the status is then that of the first without an answer."
)]
pub(crate) struct Program {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Simulate(simulate::Arguments),
    Gradient(gradient::Arguments),
    Fit(fit::Arguments),
    Compare(compare::Arguments),
    Train(train::Arguments),
    Sweep(sweep::Arguments),
    Evaluate(evaluate::Arguments),
    Export(export::Arguments),
    Convert(convert::Arguments),
    Schema(schema::Arguments),
}

impl Command {
    pub(crate) fn run(&self, common: &Common) -> Result<(), Failure> {
        match self {
            Self::Simulate(arguments) => simulate::run(arguments, common),
            Self::Gradient(arguments) => gradient::run(arguments, common),
            Self::Fit(arguments) => fit::run(arguments, common),
            Self::Compare(arguments) => compare::run(arguments, common),
            Self::Train(arguments) => train::run(arguments, common),
            Self::Sweep(arguments) => sweep::run(arguments, common),
            Self::Evaluate(arguments) => evaluate::run(arguments, common),
            Self::Export(arguments) => export::run(arguments, common),
            Self::Convert(arguments) => convert::run(arguments, common),
            Self::Schema(arguments) => schema::run(arguments),
        }
    }
}
