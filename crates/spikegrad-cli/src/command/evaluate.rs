//! `spikegrad evaluate`: how good the checkpoint of a run is on data that it was not trained on.

use crate::arguments::Common;
use crate::error::Failure;
use crate::people::counted;
use crate::{output, people};
use clap::Args;
use serde::Serialize;
use spikegrad::Grazing;
use spikegrad_train::{RunFolder, Score};
use std::path::PathBuf;

/// Print how good the checkpoint of a run is on the test set
///
/// The answer is a JSON document on standard output, and a table on standard error. The first output neuron that spikes,
/// or the integrator with the highest potential, names the class; a silent or tied output counts as wrong. The run may still be under way.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples, from the root of the repository:
    cargo run --release -- train yin-yang --epochs 1 --out runs/one
    cargo run --release -- evaluate runs/one")]
pub(crate) struct Arguments {
    /// Folder of the run
    run: PathBuf,

    /// Folder with the files of the data set, if they are not where they were
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// The answer.
#[derive(Serialize)]
struct Evaluation {
    data: String,
    seed: u64,
    /// Number of completed epochs.
    epochs: u32,
    samples: usize,
    test_accuracy: f64,
    test_loss: f64,
    /// Share of the samples whose output is silent or tied.
    undecided: f64,
    spikes_per_sample: f64,
    parameters: usize,
    /// For each true class, how often each class was the answer, and at the end how often none was.
    confusion: Vec<Vec<u32>>,
    /// Names of the classes, in this order.
    classes: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments, common: &Common) -> Result<(), Failure> {
    let settings = common.settings(Grazing::Fail);
    let run = RunFolder::trained(&arguments.run, arguments.data.as_deref(), settings)?;
    let labels = &run.test().labels;
    let answers = run.answer_test()?;
    let confusion = run.classifier().confusion(&answers, labels);
    let score = Score::of(&answers, labels, run.classifier());
    let config = run.classifier().config();
    let evaluation = Evaluation {
        data: config.data.name().to_owned(),
        seed: config.seed,
        epochs: run.completed(),
        samples: labels.len(),
        test_accuracy: score.accuracy,
        test_loss: score.loss,
        undecided: score.undecided,
        spikes_per_sample: score.spikes,
        parameters: run.classifier().n_trained(),
        confusion,
        classes: run.test().classes.clone(),
    };
    output::write(&evaluation, None)?;
    if !common.quiet {
        say(&evaluation);
    }
    Ok(())
}

fn say(evaluation: &Evaluation) {
    let Evaluation {
        epochs, test_accuracy, test_loss, spikes_per_sample, confusion, classes, ..
    } = evaluation;
    let width = classes.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(6);
    let row = |head: [&str; 2], cells: &mut dyn Iterator<Item = String>| {
        let cells: String = cells.map(|cell| format!(" {cell:>width$}")).collect();
        people::say(&format!("{:>width$} {:>7}{cells}", head[0], head[1]));
    };
    row(["class", "samples"], &mut classes.iter().cloned().chain(["none".to_owned()]));
    for (name, counts) in classes.iter().zip(confusion) {
        let samples = counts.iter().sum::<u32>().to_string();
        row([name.as_str(), &samples], &mut counts.iter().map(u32::to_string));
    }
    people::say(&format!(
        "after {}: test accuracy {:.2} %, test loss {test_loss:.4}, {spikes_per_sample:.1} spikes a sample",
        counted(*epochs, "epoch", "epochs"),
        100.0 * test_accuracy,
    ));
}
