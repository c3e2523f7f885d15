//! `spikegrad evaluate`: how good the checkpoint of a run is on data that it was not trained on.

use crate::arguments::Common;
use crate::error::Failure;
use crate::people::counted;
use crate::{output, people};
use clap::Args;
use serde::Serialize;
use spikegrad::Grazing;
use spikegrad_train::config::Task;
use spikegrad_train::data::yin_yang::N_CLASSES;
use spikegrad_train::{RunFolder, Score};
use std::path::PathBuf;

/// Print how good the checkpoint of a run is on the test set
///
/// The answer is a JSON document on standard output, and a table on standard error. The first output neuron that spikes
/// names the class; a silent or tied output counts as wrong. The run may still be under way.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples, from the root of the repository:
    cargo run --release -- train yin-yang --epochs 1 --out runs/one
    cargo run --release -- evaluate runs/one")]
pub(crate) struct Arguments {
    /// Folder of the run
    run: PathBuf,
}

/// The answer.
#[derive(Serialize)]
struct Evaluation {
    task: Task,
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
    confusion: [[u32; N_CLASSES + 1]; N_CLASSES],
}

pub(crate) fn run(arguments: &Arguments, common: &Common) -> Result<(), Failure> {
    let run = RunFolder::trained(&arguments.run, common.settings(Grazing::Fail))?;
    let labels = &run.test().labels;
    let answers = run.answer_test()?;
    let mut confusion = [[0; N_CLASSES + 1]; N_CLASSES];
    for ((_, verdict), &label) in answers.iter().zip(labels) {
        confusion[label][verdict.class.unwrap_or(N_CLASSES)] += 1;
    }
    let score = Score::of(&answers, labels);
    let config = run.classifier().config();
    let evaluation = Evaluation {
        task: config.task,
        seed: config.seed,
        epochs: run.completed(),
        samples: labels.len(),
        test_accuracy: score.accuracy,
        test_loss: score.loss,
        undecided: score.undecided,
        spikes_per_sample: score.spikes,
        parameters: run.classifier().n_weights(),
        confusion,
    };
    output::write(&evaluation, None)?;
    if !common.quiet {
        say(&evaluation);
    }
    Ok(())
}

fn say(evaluation: &Evaluation) {
    const NAMES: [&str; N_CLASSES] = ["yin", "yang", "dot"];
    let Evaluation { epochs, test_accuracy, test_loss, spikes_per_sample, confusion, .. } =
        evaluation;
    people::say(&format!(
        "{:>5} {:>7} {:>9} {:>9} {:>9} {:>9}",
        "class", "samples", "yin", "yang", "dot", "none"
    ));
    for (name, row) in NAMES.iter().zip(confusion) {
        let samples: u32 = row.iter().sum();
        let [yin, yang, dot, none] = row;
        people::say(&format!("{name:>5} {samples:>7} {yin:>9} {yang:>9} {dot:>9} {none:>9}"));
    }
    people::say(&format!(
        "after {}: test accuracy {:.2} %, test loss {test_loss:.4}, {spikes_per_sample:.1} spikes a sample",
        counted(*epochs, "epoch", "epochs"),
        100.0 * test_accuracy,
    ));
}
