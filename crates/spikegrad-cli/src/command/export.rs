//! `spikegrad export`: the network of a training run, or samples of it, as problem files or as a NIR file.

use crate::arguments::Common;
use crate::asked::{OfRun, Sample};
use crate::error::Failure;
use crate::input;
use crate::nir::{Meaning, is_nir};
use crate::output::{self, Stream};
use crate::{layout, people};
use clap::Args;
use spikegrad::problem::Problem;
use spikegrad::{Grazing, Stimulus};
use spikegrad_train::RunFolder;
use spikegrad_train::fit::Stored;
use std::path::{Path, PathBuf};

/// Write the network of a training run, or samples of it, as problem files or as a NIR file
///
/// Without --sample it is the trained network: a NIR file for other tools if FILE ends in .nir, and otherwise a problem without input and
/// without a loss. The data of the run need not be there.
///
/// With --sample the problem states the network, the input of the sample and its loss, with every number: what a problem file can be asked,
/// and what other programs read. One sample is one document; several are written one on each line (JSON lines), as `gradient` and
/// `simulate` read them. Where the output of the label is silent, training leaves out the gradient of a loss on first spikes; the gradient of
/// the problem is that of its loss as it is written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples, from the root of the repository:
    cargo run --release -- train yin-yang --epochs 1 --out runs/exported
  The network for other tools, and as a problem.
    cargo run --release -- export runs/exported -o network.nir
    cargo run --release -- export runs/exported -o network.json
  A sample.
    cargo run --release -- export runs/exported --sample 17 -o problem.json
    cargo run --release -- gradient problem.json -o gradient.json")]
pub(crate) struct Arguments {
    /// Folder of the run
    run: PathBuf,

    #[command(flatten)]
    of_run: OfRun,

    /// Take the network of the best epoch by the validation set in place of the last, if the run chooses one
    #[arg(long)]
    best: bool,

    /// Write to FILE; a problem goes to standard output without it
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    meaning: Meaning,
}

pub(crate) fn run(arguments: &Arguments, common: &Common) -> Result<(), Failure> {
    let Arguments { run, of_run, best, output, meaning } = arguments;
    let to_nir = output.as_deref().filter(|file| is_nir(file));
    if to_nir.is_none() && meaning.is_said() {
        return Err(Failure::MeaningOfProblem);
    }
    if of_run.sample.is_none() {
        return write_network(arguments, to_nir, common);
    }
    if to_nir.is_some() {
        return Err(Failure::NirOfSample);
    }
    if *best {
        return Err(Failure::BestOfSample);
    }
    let samples = of_run.open(run, common.settings(Grazing::Fail))?;
    match &samples[..] {
        [sample] => output::write(&sample.problem()?.document, output.as_deref())?,
        several => write_lines(several, output.as_deref())?,
    }
    if !common.quiet {
        people::say(&people::counted(samples.len() as u64, "problem written", "problems written"));
    }
    Ok(())
}

fn write_network(
    arguments: &Arguments,
    to_nir: Option<&Path>,
    common: &Common,
) -> Result<(), Failure> {
    let Arguments { run, best, output, meaning, .. } = arguments;
    let which = if *best { Stored::Best } else { Stored::Last };
    let classifier = RunFolder::classifier(run, which)?;
    let (network, parameters) = (classifier.network(), classifier.parameters());
    if let Some(file) = to_nir {
        meaning.write((network, parameters), run, file)?;
    } else {
        let invalid = |reason| Failure::Problem { place: input::name(run), reason };
        let stimulus = Stimulus::new(classifier.config().t_end, vec![])
            .map_err(|reason| invalid(reason.into()))?;
        let problem = Problem::from_parts(network, parameters, &stimulus, None);
        output::write(&problem.map_err(invalid)?.document, output.as_deref())?;
    }
    if !common.quiet {
        people::say("network written, without input and loss");
    }
    Ok(())
}

fn write_lines(samples: &[Sample], output: Option<&Path>) -> Result<(), Failure> {
    let mut stream = Stream::to(output);
    for sample in samples {
        let line = layout::line(&sample.problem()?.document).map_err(Failure::unwritable)?;
        if stream.write(&line)?.is_break() {
            return Ok(());
        }
    }
    stream.finish()
}
