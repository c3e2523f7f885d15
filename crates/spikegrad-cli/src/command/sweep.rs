//! `spikegrad sweep`: the same run with several seeds, or several values of a setting, and a table of what came out.
//!
//! Each run has a folder of its own, so that a search that was interrupted goes on with what is missing. Not here: one run
//! (`train.rs`).

use crate::arguments::{self, Common};
use crate::command::train::{Choice, say_switches, train, watch_interrupts};
use crate::error::Failure;
use crate::{output, people};
use clap::Args;
use serde::Serialize;
use spikegrad::Grazing;
use spikegrad_train::{Config, Run, RunFolder, RunResult};
use std::path::{Path, PathBuf};

/// Train with several seeds, or several values of a setting
///
/// Prints a table of the accuracies on the test set, after the last epoch, with mean and standard deviation over the seeds, and
/// the same as JSON on standard output. Each run has a folder, OUT/VALUE-SEED; runs that are there already are not
/// repeated, and those that were interrupted go on.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples, from the root of the repository:
    cargo run --release -- sweep yin-yang --seeds 2 --epochs 1 --out seeds
    cargo run --release -- sweep yin-yang --seeds 1 --over epochs=1,2 --out two")]
pub(crate) struct Arguments {
    #[command(flatten)]
    choice: Choice,

    /// Number of seeds: 0, 1, …
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,

    /// A setting and its values; as a list in JSON where a value has commas of its own
    ///
    /// Such as clip=1,10,null or, quoted for the shell, 'optimiser=[{"name": "sgd"}, {"name": "adam", "beta1": 0.8}]'.
    #[arg(long, value_name = "KEY=VALUE,VALUE,…", value_parser = arguments::settings)]
    over: Option<(String, Vec<String>)>,

    /// Folder of the runs
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// What came out of one value.
#[derive(Serialize)]
struct Row {
    /// The value of the setting; nothing if only seeds are gone through.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// Mean over the seeds of the share of test samples classified rightly.
    mean: f64,
    /// Standard deviation over the seeds, of n − 1 degrees of freedom; nothing for a single seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    std: Option<f64>,
    runs: Vec<RunResult>,
}

pub(crate) fn run(arguments: &Arguments, common: &Common) -> Result<(), Failure> {
    let interrupted = watch_interrupts()?;
    let base = arguments.choice.base()?.ok_or(Failure::NothingToLearn)?;
    let values: Vec<Option<String>> = match &arguments.over {
        Some((_, values)) => values.iter().cloned().map(Some).collect(),
        None => vec![None],
    };
    // All of them first: a mistake is not to be found after hours.
    let mut plan = Vec::new();
    for value in values {
        let change = arguments.over.iter().zip(&value).map(|((key, _), value)| (key, value));
        let (config, mut switches) = base.with(&change.collect::<Vec<_>>())?;
        let mut configs = Vec::new();
        for seed in 0..arguments.seeds {
            let (config, more) = arguments.choice.change(config.clone(), Some(seed))?;
            configs.push(config);
            if seed == 0 {
                switches.extend(more);
            }
        }
        say_switches(&switches, common);
        plan.push((value, configs));
    }
    let mut rows = Vec::new();
    for (position, (value, configs)) in plan.into_iter().enumerate() {
        let mut runs = Vec::new();
        for config in &configs {
            let name = folder_name(value.as_deref().unwrap_or(config.data.name()), position);
            let folder = arguments.out.join(format!("{name}-{}", config.seed));
            runs.push(match RunFolder::result(&folder, config)? {
                Some(result) => result,
                None => {
                    let (folder, run) = open(&folder, config, common)?;
                    train(folder, run, &interrupted, common)?
                }
            });
        }
        rows.push(Row::of(value, runs));
    }
    output::write_with_nulls(&rows)?;
    if !common.quiet {
        say(&rows);
    }
    Ok(())
}

/// What the folders of a value are called. What is no letter and no digit becomes `_`; of a long value, which may be an object,
/// the name is cut off, and the value's position tells it from others.
fn folder_name(value: &str, position: usize) -> String {
    const LONGEST: usize = 64;
    let plain = |letter: char| {
        if letter.is_alphanumeric() || ".-+".contains(letter) { letter } else { '_' }
    };
    let name: String = value.chars().map(plain).take(LONGEST).collect();
    if value.chars().count() > LONGEST { format!("{name}-{position}") } else { name }
}

/// A new folder, or one whose run goes on.
fn open(path: &Path, config: &Config, common: &Common) -> Result<(RunFolder, Run), Failure> {
    let settings = common.settings(Grazing::Fail);
    if RunFolder::exists(path) {
        let mut folder = RunFolder::open(path).map_err(Failure::of_old_run)?;
        let run = folder.resume(config, settings)?;
        return Ok((folder, run));
    }
    let run = Run::new(config, settings)?;
    Ok((RunFolder::create(path, config).map_err(Failure::of_new_run)?, run))
}

impl Row {
    fn of(value: Option<String>, runs: Vec<RunResult>) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "at most a thousand seeds")]
        let n = runs.len() as f64;
        let accuracies = || runs.iter().map(|run| run.test_accuracy);
        let mean = accuracies().sum::<f64>() / n;
        let squares = accuracies().map(|x| (x - mean) * (x - mean)).sum::<f64>();
        let std = (runs.len() > 1).then(|| (squares / (n - 1.0)).sqrt());
        Self { value, mean, std, runs }
    }
}

fn say(rows: &[Row]) {
    people::say(&format!(
        "{:>16} {:>5} {:>8} {:>7} {:>8} {:>8}",
        "value", "seeds", "mean %", "std", "least", "most"
    ));
    for Row { value, mean, std, runs } in rows {
        let accuracies = || runs.iter().map(|run| 100.0 * run.test_accuracy);
        people::say(&format!(
            "{:>16} {:>5} {:>8.2} {:>7} {:>8.2} {:>8.2}",
            value.as_deref().unwrap_or("–"),
            runs.len(),
            100.0 * mean,
            std.map_or("–".to_owned(), |std| format!("{:.2}", 100.0 * std)),
            accuracies().fold(f64::INFINITY, f64::min),
            accuracies().fold(f64::NEG_INFINITY, f64::max),
        ));
    }
}
