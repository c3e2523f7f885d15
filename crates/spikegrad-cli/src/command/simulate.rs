//! `spikegrad simulate`: the spikes of problems, and on request a figure (`figure.rs`) and membrane potentials
//! (`voltages.rs`).

use crate::arguments::{self, Chosen, Common};
use crate::asked::{Problems, Question};
use crate::error::Failure;
use crate::figure::{self, View};
use crate::many::{Answered, answer_each};
use crate::voltages::{self, Voltages};
use crate::{advice, output, people};
use clap::Args;
use serde::Serialize;
use spikegrad::problem::{Answer, Problem};
use spikegrad::{Evaluator, Grazing, Settings};
use spikegrad_report::plot::Size;
use std::path::PathBuf;
use std::time::Instant;

/// Print the spikes of problems
///
/// The network runs in continuous time, from event to event: there is no time step, and no spike is missed or moved by one.
/// The answer lists, for each population, every spike as [neuron, time in seconds]. A loss is not needed.
///
/// Several problems are answered on all cores, in their order, each on a line of its own (JSON lines): the answer, with the name of its
/// "file", and "line" or "sample"; or an "error" with the "status" that the problem alone would end with. The status of the command is
/// then that of the first problem without an answer, or 0.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples, from the root of the repository:
  One neuron, two inputs, one spike; its potential every 5 ms beside it.
    cargo run --release -- simulate examples/problems/two_inputs.json \\
      --record 0.005
  A recurrent network: a figure of the spikes, and the potentials behind them.
    cargo run --release -- simulate examples/problems/recurrent.json \\
      --plot raster.svg -o spikes.json
  Two of its neurons for 20 ms, in a figure of another size.
    cargo run --release -- simulate examples/problems/recurrent.json \\
      --plot two.png --neurons hidden[0..2],readout --window 0.01..0.03 \\
      --size 1200x700")]
pub(crate) struct Arguments {
    #[command(flatten)]
    problems: Problems,

    /// Write the answer to FILE instead of standard output
    ///
    /// The answer is written beside FILE and renamed when all of it is on the disk: whatever happens, FILE is the old one
    /// or the new one.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Add the membrane potential of every neuron, read every DT seconds from 0 to the end
    ///
    /// The answer gets two more keys: "times", in seconds, and "voltages", with one list for each neuron of each
    /// population. At the time of a spike the potential is the one after it. At most 1000000 numbers are recorded.
    #[arg(long, value_name = "DT", value_parser = arguments::seconds, allow_negative_numbers = true)]
    record: Option<f64>,

    /// Draw spikes and membrane potentials into FILE, an .svg or a .png
    ///
    /// Spikes are drawn for all inputs and neurons, potentials for the first 8 neurons of each population, 64 in all.
    #[arg(long, value_name = "FILE", value_parser = arguments::figure, help_heading = "Figure")]
    plot: Option<PathBuf>,

    /// Draw only these: populations, or neurons of them, such as `input,hidden[0..20],out[3]`
    ///
    /// The end of a range is left out. Of neurons that are named one by one or in a range all potentials are drawn, up to 64.
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        value_parser = arguments::chosen,
        requires = "plot",
        help_heading = "Figure"
    )]
    neurons: Vec<Chosen>,

    /// Draw only this part of the time, in seconds
    #[arg(
        long,
        value_name = "FROM..TO",
        value_parser = arguments::window,
        requires = "plot",
        help_heading = "Figure"
    )]
    window: Option<(f64, f64)>,

    /// Size of the figure in points, of which a .png has two pixels to each; WIDTH alone leaves the height free
    #[arg(
        long,
        value_name = "WIDTHxHEIGHT",
        value_parser = arguments::size,
        requires = "plot",
        help_heading = "Figure"
    )]
    size: Option<Size>,
}

/// The answer, with what `--record` adds.
#[derive(Serialize)]
struct Recorded {
    #[serde(flatten)]
    answer: Answer,
    #[serde(flatten)]
    voltages: Option<Voltages>,
}

pub(crate) fn run(arguments: &Arguments, common: &Common) -> Result<(), Failure> {
    let settings = common.settings(Grazing::Fail);
    let output = arguments.output.as_deref();
    let asked = match arguments.problems.open(settings)? {
        Question::One(asked) => asked,
        Question::Many(_) if arguments.plot.is_some() => return Err(Failure::PlotOfMany),
        Question::Many(problems) => {
            return answer_each(problems, output, common, |asked| {
                let problem = asked.problem()?;
                let mut evaluator = evaluator(&problem, arguments, settings)?;
                let trace = simulate(&mut evaluator, &problem)?.take_trace();
                let mut warnings = advice::before(&problem);
                warnings.extend(advice::after(&problem, &trace));
                let voltages = record(&problem, arguments, common)?;
                Ok(Answered {
                    answer: Recorded { answer: Answer::of_trace(&problem, &trace), voltages },
                    warnings,
                })
            });
        }
    };
    let problem = asked.problem()?;
    let start = Instant::now();
    let mut evaluator = evaluator(&problem, arguments, settings)?;
    let trace = simulate(&mut evaluator, &problem)?.take_trace();
    let took = start.elapsed();

    let voltages = record(&problem, arguments, common)?;
    if let Some(path) = &arguments.plot {
        let Arguments { neurons, window, size, .. } = arguments;
        let size = size.unwrap_or_default();
        let view = View { neurons, window: *window, size };
        figure::draw(path, &problem, &trace, &view, common)?;
    }
    output::write(&Recorded { answer: Answer::of_trace(&problem, &trace), voltages }, output)?;
    if !common.quiet {
        people::warn(&advice::before(&problem));
        people::warn(advice::after(&problem, &trace).as_slice());
        people::say_spikes(&problem.network, &trace);
        people::say_time(&trace, took);
    }
    if common.verbose {
        people::say_engine(&evaluator.explanation(), evaluator.was_swept());
    }
    Ok(())
}

/// The network, laid out; what cannot be recorded is refused before it runs.
fn evaluator(
    problem: &Problem,
    arguments: &Arguments,
    settings: Settings,
) -> Result<Evaluator, Failure> {
    if let Some(dt) = arguments.record {
        voltages::check_count(problem, dt)?;
    }
    Evaluator::new(&problem.network, &problem.parameters, settings)
        .map_err(|error| Failure::of(error.into()))
}

fn simulate<'a>(
    evaluator: &'a mut Evaluator,
    problem: &Problem,
) -> Result<&'a mut Evaluator, Failure> {
    evaluator
        .simulate_forward(&problem.stimulus, &[])
        .map_err(|error| Failure::of(error.into()))?;
    Ok(evaluator)
}

fn record(
    problem: &Problem,
    arguments: &Arguments,
    common: &Common,
) -> Result<Option<Voltages>, Failure> {
    arguments.record.map(|dt| voltages::record(problem, dt, common.max_events)).transpose()
}
