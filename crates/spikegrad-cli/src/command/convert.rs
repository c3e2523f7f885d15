//! `spikegrad convert`: NIR files of other tools to problems, and the networks of problems to NIR files.

use crate::arguments::{self, Common};
use crate::error::Failure;
use crate::input::{self, Texts};
use crate::nir::{Meaning, is_nir};
use crate::{output, people};
use clap::Args;
use spikegrad::Stimulus;
use spikegrad::problem::Problem;
use spikegrad_nir::ReadOptions;
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

    #[command(flatten)]
    meaning: Meaning,

    /// When the run of the problem ends, in seconds
    #[arg(long, value_name = "TIME", value_parser = arguments::seconds, allow_negative_numbers = true, default_value_t = 0.1)]
    t_end: f64,
}

pub(crate) fn run(arguments: &Arguments, common: &Common) -> Result<(), Failure> {
    if is_nir(&arguments.file) { read(arguments, common) } else { write(arguments, common) }
}

fn read(arguments: &Arguments, common: &Common) -> Result<(), Failure> {
    let Arguments { file, meaning, t_end, .. } = arguments;
    if meaning.convention.is_some() {
        return Err(Failure::ConventionOfRead);
    }
    let import = spikegrad_nir::read_with(file, ReadOptions { dt: meaning.dt })
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
    let Arguments { file, output, meaning, .. } = arguments;
    let output: &Path = output.as_deref().ok_or(Failure::NoNirFile)?;
    let Texts::One(text) = input::open(file, false)? else { return Err(Failure::NirOfMany) };
    let Problem { network, parameters, .. } = text.problem()?;
    meaning.write((&network, &parameters), file, output)?;
    if !common.quiet {
        people::say("network written, without input and loss");
    }
    Ok(())
}
