//! The commands: one file each, with its arguments, its help and what it does.

mod compare;
mod evaluate;
mod export;
mod gradient;
mod schema;
mod simulate;
mod sweep;
mod train;

use crate::arguments::Common;
use crate::error::Failure;
use clap::Subcommand;

/// What the program can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Simulate(simulate::Arguments),
    Gradient(gradient::Arguments),
    Compare(compare::Arguments),
    Train(train::Arguments),
    Sweep(sweep::Arguments),
    Evaluate(evaluate::Arguments),
    Export(export::Arguments),
    Schema(schema::Arguments),
}

impl Command {
    pub(crate) fn run(&self, common: &Common) -> Result<(), Failure> {
        match self {
            Self::Simulate(arguments) => simulate::run(arguments, common),
            Self::Gradient(arguments) => gradient::run(arguments, common),
            Self::Compare(arguments) => compare::run(arguments, common),
            Self::Train(arguments) => train::run(arguments, common),
            Self::Sweep(arguments) => sweep::run(arguments, common),
            Self::Evaluate(arguments) => evaluate::run(arguments, common),
            Self::Export(arguments) => export::run(arguments, common),
            Self::Schema(arguments) => schema::run(arguments),
        }
    }
}
