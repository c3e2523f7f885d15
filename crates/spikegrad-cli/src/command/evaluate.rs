//! `spikegrad evaluate`: how good the checkpoint of a run is on data that it was not trained on, and what it says of each sample.

use crate::arguments::Common;
use crate::error::Failure;
use crate::people::counted;
use crate::{output, people};
use clap::Args;
use serde::Serialize;
use spikegrad::{Grazing, Network, Trace};
use spikegrad_train::fit::{Classifier, Stored, Verdict};
use spikegrad_train::{Run, RunFolder, Score};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Print how good the checkpoint of a run is on the test set
///
/// The answer is a JSON document on standard output, and a table on standard error. The first output neuron that spikes,
/// or the integrator with the highest potential, names the class; a silent or tied output counts as wrong. Where the loss compares spike
/// trains with targets, a sample is right if each output has as many spikes as its target. The run may still be under way.
///
/// What is said of each sample can be written to files, a line of JSON for each, in the order of the test set.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples, from the root of the repository:
    cargo run --release -- train yin-yang --epochs 1 --out runs/one
    cargo run --release -- evaluate runs/one
    cargo run --release -- evaluate runs/one --predictions answers.jsonl")]
pub(crate) struct Arguments {
    /// Folder of the run
    run: PathBuf,

    /// Folder with the files of the data set, if they are not where they were
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Take the best epoch by the validation set in place of the last, if the run chooses one
    #[arg(long)]
    best: bool,

    /// Write the answer to each sample to FILE: label, class (null if undecided), confidence, loss, spikes of each layer
    #[arg(long, value_name = "FILE")]
    predictions: Option<PathBuf>,

    /// Write the spikes of each sample to FILE: for each layer, [neuron, time in seconds] in the order of time
    #[arg(long, value_name = "FILE")]
    spikes: Option<PathBuf>,
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

/// What is said of a sample.
#[derive(Serialize)]
struct Prediction<'a> {
    sample: usize,
    /// The true class; nothing for a sample with targets alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<usize>,
    class: Option<usize>,
    right: bool,
    /// Nothing where no class is named.
    confidence: Option<f64>,
    loss: f64,
    /// Number of spikes of each layer.
    spikes: BTreeMap<&'a str, u32>,
}

/// The spikes of a sample.
#[derive(Serialize)]
struct Spikes<'a> {
    sample: usize,
    spikes: BTreeMap<&'a str, Vec<(usize, f64)>>,
}

pub(crate) fn run(arguments: &Arguments, common: &Common) -> Result<(), Failure> {
    let Arguments { run: folder, data, best, predictions, spikes } = arguments;
    let settings = common.settings(Grazing::Fail);
    let which = if *best { Stored::Best } else { Stored::Last };
    let run = RunFolder::stored(folder, which, data.as_deref(), settings)?;
    let classifier = run.evaluated();
    let network = classifier.network();
    let look = |sample: usize, trace: &Trace| {
        spikes.is_some().then(|| Spikes { sample, spikes: by_layer(network, trace) })
    };
    let mut seen = Vec::new();
    let mut answers = Vec::new();
    for (loss, verdict, look) in run.answer_test_with(look)? {
        answers.push((loss, verdict));
        seen.extend(look);
    }
    if let Some(path) = predictions {
        let lines = answers.iter().enumerate();
        output::write_lines(
            lines.map(|(k, answer)| prediction(&run, &classifier, k, answer)),
            path,
        )?;
    }
    if let Some(path) = spikes {
        output::write_lines(&seen, path)?;
    }
    let evaluation = evaluation(&run, &classifier, &answers);
    output::write(&evaluation, None)?;
    if !common.quiet {
        say(&evaluation);
    }
    Ok(())
}

fn evaluation(run: &Run, classifier: &Classifier, answers: &[(f64, Verdict)]) -> Evaluation {
    let (test, config) = (run.test(), classifier.config());
    let score = Score::of(answers, test, classifier);
    let has_classes = !config.loss.reads_targets();
    Evaluation {
        data: config.data.name().to_owned(),
        seed: config.seed,
        epochs: run.completed(),
        samples: test.len(),
        test_accuracy: score.accuracy,
        test_loss: score.loss,
        undecided: score.undecided,
        spikes_per_sample: score.spikes,
        parameters: classifier.n_trained(),
        confusion: if has_classes {
            classifier.confusion(answers, &test.labels)
        } else {
            Vec::new()
        },
        classes: if has_classes { test.classes.clone() } else { Vec::new() },
    }
}

fn prediction<'a>(
    run: &Run,
    classifier: &'a Classifier,
    sample: usize,
    (loss, verdict): &(f64, Verdict),
) -> Prediction<'a> {
    let network = classifier.network();
    let layers = network.populations().iter().enumerate();
    let count = |k: usize| verdict.spikes[network.range(k)].iter().sum();
    Prediction {
        sample,
        label: run.test().labels.get(sample).copied(),
        class: verdict.class,
        right: classifier.is_right(verdict, run.test(), sample),
        confidence: Some(verdict.confidence).filter(|confidence| confidence.is_finite()),
        loss: *loss,
        spikes: layers.map(|(k, layer)| (layer.name.as_str(), count(k))).collect(),
    }
}

/// The spikes of each layer, in the order of time.
fn by_layer<'a>(network: &'a Network, trace: &Trace) -> BTreeMap<&'a str, Vec<(usize, f64)>> {
    let names = network.populations().iter().map(|layer| layer.name.as_str());
    let mut layers: BTreeMap<&str, Vec<(usize, f64)>> =
        names.map(|name| (name, Vec::new())).collect();
    for spike in &trace.spikes {
        let (population, neuron) = network.locate(spike.neuron);
        let name = network.populations()[population].name.as_str();
        layers.entry(name).or_default().push((neuron, spike.time));
    }
    layers
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
    if !classes.is_empty() {
        row(["class", "samples"], &mut classes.iter().cloned().chain(["none".to_owned()]));
    }
    for (name, counts) in classes.iter().zip(confusion) {
        let samples = counts.iter().sum::<u32>().to_string();
        row([name.as_str(), &samples], &mut counts.iter().map(u32::to_string));
    }
    people::say(&format!(
        "after {}: test accuracy {:.2} %, test loss {}, {spikes_per_sample:.1} spikes a sample",
        counted(*epochs, "epoch", "epochs"),
        100.0 * test_accuracy,
        people::loss(*test_loss),
    ));
}
