//! `spikegrad convert`: NIR files of other tools to problems, and the networks of problems to NIR files.

use crate::arguments::{self, Common};
use crate::error::Failure;
use crate::input::{self, Texts};
use crate::{output, people};
use clap::{Args, ValueEnum};
use spikegrad::Stimulus;
use spikegrad::problem::Problem;
use spikegrad_nir::{Convention, ReadOptions};
use std::path::{Path, PathBuf};

/// Convert between NIR files and problems
///
/// NIR is the file format in which Norse, snnTorch, Sinabs, Rockpool and other tools exchange networks. From a FILE that ends in .nir comes a
/// problem that states its network, without input spikes and without a loss; from any other FILE, which must be a problem, a NIR file of its
/// network. What one of the two cannot say is refused by its name; what was assumed is said on standard error.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples, from the root of the repository:
  A problem as a NIR file, and back.
    cargo run --release -- convert examples/problems/two_inputs.json \\
      -o network.nir
    cargo run --release -- convert network.nir -o problem.json
  The same with the numbers of a tool that takes steps of 0.1 ms.
    cargo run --release -- convert examples/problems/two_inputs.json \\
      -o network.nir --convention discrete --dt 1e-4")]
pub(crate) struct Arguments {
    /// NIR file, or problem file
    file: PathBuf,

    /// Write to FILE; a problem goes to standard output without it
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// What the numbers of a NIR file that is written mean
    #[arg(long, value_enum, value_name = "NAME")]
    convention: Option<Meaning>,

    /// Step of the other tool, in seconds: its spikes are pulses of height 1 that last so long
    ///
    /// Of a file that is read it need be given only where the file does not carry it.
    #[arg(long, value_name = "DT", value_parser = arguments::seconds, allow_negative_numbers = true)]
    dt: Option<f64>,

    /// When the run of the problem ends, in seconds
    #[arg(long, value_name = "TIME", value_parser = arguments::seconds, allow_negative_numbers = true, default_value_t = 0.1)]
    t_end: f64,
}

/// The two conventions of NIR files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Meaning {
    /// The equations of NIR as they stand
    Continuous,
    /// Those of a tool that takes steps (--dt)
    Discrete,
}

pub(crate) fn run(arguments: &Arguments, common: &Common) -> Result<(), Failure> {
    if arguments.file.extension().is_some_and(|extension| extension == "nir") {
        read(arguments, common)
    } else {
        write(arguments, common)
    }
}

fn read(arguments: &Arguments, common: &Common) -> Result<(), Failure> {
    let Arguments { file, dt, t_end, .. } = arguments;
    if arguments.convention.is_some() {
        return Err(Failure::ConventionOfRead);
    }
    let import = spikegrad_nir::read_with(file, ReadOptions { dt: *dt })
        .map_err(|reason| Failure::of_nir(file, reason))?;
    let invalid = |reason| Failure::Problem { place: input::name(file), reason };
    let stimulus = Stimulus::new(*t_end, vec![]).map_err(|reason| invalid(reason.into()))?;
    let problem = Problem::from_parts(&import.network, &import.parameters, &stimulus, None);
    output::write(&problem.map_err(invalid)?.document, arguments.output.as_deref())?;
    if !common.quiet {
        import.notes.iter().for_each(|note| people::say(note));
    }
    Ok(())
}

fn write(arguments: &Arguments, common: &Common) -> Result<(), Failure> {
    let Arguments { file, output, dt, .. } = arguments;
    let output: &Path = output.as_deref().ok_or(Failure::NoNirFile)?;
    let convention = match (arguments.convention, *dt) {
        (Some(Meaning::Discrete), Some(dt)) => Convention::Discrete { dt },
        (Some(Meaning::Discrete), None) => return Err(Failure::NoStep),
        (_, Some(_)) => return Err(Failure::StepOfContinuous),
        (_, None) => Convention::Continuous,
    };
    let Texts::One(text) = input::open(file, false)? else { return Err(Failure::NirOfMany) };
    let Problem { network, parameters, .. } = text.problem()?;
    spikegrad_nir::write(&network, &parameters, output, convention)
        .map_err(|reason| Failure::of_nir(file, reason))?;
    if !common.quiet {
        people::say("network written, without the input and the loss of the problem");
    }
    Ok(())
}
