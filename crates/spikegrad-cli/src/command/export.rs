//! `spikegrad export`: samples of a training run as problem files.

use crate::arguments::Common;
use crate::asked::{OfRun, Sample};
use crate::error::Failure;
use crate::output::{self, Stream};
use crate::{layout, people};
use clap::Args;
use spikegrad::Grazing;
use std::path::PathBuf;

/// Write samples of a training run as problem files
///
/// The problem states the trained network, the input of the sample and its loss, with every number: what a problem file can be asked,
/// and what other programs read. One sample is one document; several are written one on each line (JSON lines), as `gradient` and
/// `simulate` read them.
///
/// Where the output of the label is silent, training leaves out the gradient of a loss on first spikes; the gradient of the problem is
/// that of its loss as it is written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples, from the root of the repository:
    cargo run --release -- train yin-yang --epochs 1 --out runs/exported
    cargo run --release -- export runs/exported --sample 17 -o problem.json
    cargo run --release -- gradient problem.json -o gradient.json")]
pub(crate) struct Arguments {
    /// Folder of the run
    run: PathBuf,

    #[command(flatten)]
    of_run: OfRun,

    /// Write the problem to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, common: &Common) -> Result<(), Failure> {
    let Arguments { run, of_run, output } = arguments;
    if of_run.sample.is_none() {
        return Err(Failure::NoSampleNamed);
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

fn write_lines(samples: &[Sample], output: Option<&std::path::Path>) -> Result<(), Failure> {
    let mut stream = Stream::to(output);
    for sample in samples {
        let line = layout::line(&sample.problem()?.document).map_err(Failure::unwritable)?;
        if stream.write(&line)?.is_break() {
            return Ok(());
        }
    }
    stream.finish()
}
