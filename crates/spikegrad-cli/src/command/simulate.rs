//! `spikegrad simulate`: the spikes of a problem, and on request a figure (`figure.rs`) and membrane potentials
//! (`voltages.rs`).

use crate::arguments::{self, Common};
use crate::error::Failure;
use crate::voltages::{self, Voltages};
use crate::{figure, input, output, people};
use clap::Args;
use serde::Serialize;
use spikegrad::problem::Answer;
use spikegrad::{Evaluator, Grazing};
use std::path::PathBuf;
use std::time::Instant;

/// Print the spikes of a problem
///
/// The network runs in continuous time, from event to event: there is no time step, and no spike is missed or moved by one.
/// The answer lists, for each population, every spike as [neuron, time in seconds]. A loss is not needed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples, from the root of the repository:
  One neuron, two inputs, one spike; its potential every 5 ms beside it.
    cargo run --release -- simulate examples/problems/two_inputs.json \\
      --record 0.005
  A recurrent network: a figure of the spikes, and the potentials behind them.
    cargo run --release -- simulate examples/problems/recurrent.json \\
      --plot raster.svg -o spikes.json")]
pub(crate) struct Arguments {
    /// The problem file; `-` reads standard input
    problem: PathBuf,

    /// Write the answer to FILE instead of standard output
    ///
    /// The answer is written beside FILE and renamed when all of it is on the disk: whatever happens, FILE is the old one
    /// or the new one.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Draw spikes and membrane potentials into FILE, an .svg or a .png
    ///
    /// Potentials are drawn for the first 8 neurons of each population, 64 in all.
    #[arg(long, value_name = "FILE", value_parser = arguments::figure)]
    plot: Option<PathBuf>,

    /// Add the membrane potential of every neuron, read every DT seconds from 0 to the end
    ///
    /// The answer gets two more keys: "times", in seconds, and "voltages", with one list for each neuron of each
    /// population. At the time of a spike the potential is the one after it. At most 1000000 numbers are recorded.
    #[arg(long, value_name = "DT", value_parser = arguments::seconds, allow_negative_numbers = true)]
    record: Option<f64>,
}

/// The answer, with what `--record` adds.
#[derive(Serialize)]
struct Recorded<'a> {
    #[serde(flatten)]
    answer: &'a Answer,
    #[serde(flatten)]
    voltages: Option<Voltages<'a>>,
}

pub(crate) fn run(arguments: &Arguments, common: &Common) -> Result<(), Failure> {
    let problem = input::problem(&arguments.problem)?;
    if let Some(dt) = arguments.record {
        voltages::check_count(&problem, dt)?;
    }
    let start = Instant::now();
    let settings = common.settings(Grazing::Fail);
    let mut evaluator = Evaluator::new(&problem.network, &problem.parameters, settings)
        .map_err(|error| Failure::of(error.into(), &problem.network))?;
    evaluator
        .simulate(&problem.stimulus, &[])
        .map_err(|error| Failure::of(error.into(), &problem.network))?;
    let trace = evaluator.take_trace();
    let took = start.elapsed();

    let voltages = match arguments.record {
        Some(dt) => Some(voltages::record(&problem, dt, common.max_events)?),
        None => None,
    };
    if let Some(path) = &arguments.plot {
        figure::draw(path, &problem, &trace, common.max_events)?;
    }
    let answer = Answer::of_trace(&problem, &trace);
    output::write(&Recorded { answer: &answer, voltages }, arguments.output.as_deref())?;
    if !common.quiet {
        people::say_spikes(&problem.network, &trace);
        people::say_time(&trace, took);
    }
    if common.verbose {
        people::say_engine(&evaluator.explanation(), evaluator.was_swept());
    }
    Ok(())
}
