//! `spikegrad sweep`: the same run with several seeds, or several values of a setting, and a table of what came out.
//!
//! Each run has a folder of its own, so that a search that was interrupted goes on with what is missing, and so that several machines can
//! share it. Not here: one run (`train.rs`).

use crate::arguments::{self, Common};
use crate::command::train::{Choice, say_switches, train, watch_interrupts};
use crate::error::Failure;
use crate::{output, people, team};
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
///
/// On a cluster each task of a job array does one run (--only), and --collect makes the table of what has come to its end.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples, from the root of the repository:
    cargo run --release -- sweep yin-yang --seeds 2 --epochs 1 --out seeds
    cargo run --release -- sweep yin-yang --seeds 1 --over epochs=1,2 --out two
  The same in parts, as the tasks of a job array do it.
    cargo run --release -- sweep yin-yang --seeds 1 --over epochs=1,2 \\
      --out parts --only 0
    cargo run --release -- sweep yin-yang --seeds 1 --over epochs=1,2 \\
      --out parts --collect")]
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

    /// Do run K alone, counted from 0, and print its result; the seeds of a value follow each other
    #[arg(long, value_name = "K", conflicts_with = "collect")]
    only: Option<usize>,

    /// Train nothing: make the table of the runs that have come to their end, and say which are missing
    #[arg(long)]
    collect: bool,
}

/// The runs of one value, one for each seed.
struct OfValue {
    value: Option<String>,
    runs: Vec<Planned>,
}

/// A run of the sweep.
struct Planned {
    folder: PathBuf,
    config: Config,
}

/// What came out of one value.
#[derive(Serialize)]
struct Row {
    /// The value of the setting; nothing if only seeds are gone through.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// Mean over the seeds of the share of test samples classified rightly; nothing without a run.
    mean: Option<f64>,
    /// Standard deviation over the seeds, of n − 1 degrees of freedom; nothing for a single seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    std: Option<f64>,
    runs: Vec<RunResult>,
    /// Which runs of the sweep have not come to their end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<usize>,
}

pub(crate) fn run(arguments: &Arguments, common: &Common) -> Result<(), Failure> {
    if team::count() > 1 {
        return Err(Failure::SweepOfMany { count: team::count() });
    }
    let interrupted = watch_interrupts()?;
    // All of them first: a mistake is not to be found after hours.
    let plan = plan(arguments, common)?;
    let do_one = |Planned { folder, config }: &Planned| match RunFolder::result(folder, config)? {
        Some(result) => Ok(result),
        None => {
            let (folder, run) = open(folder, config, common)?;
            train(folder, run, &interrupted, common)
        }
    };
    if let Some(only) = arguments.only {
        let mut all = plan.iter().flat_map(|of_value| &of_value.runs);
        let count = all.clone().count();
        let planned = all.nth(only).ok_or(Failure::NotInSweep { only, count })?;
        return output::write_with_nulls(&do_one(planned)?);
    }
    let (mut rows, mut number) = (Vec::new(), 0);
    for OfValue { value, runs: planned } in plan {
        let (mut runs, mut missing) = (Vec::new(), Vec::new());
        for planned in &planned {
            let done = match arguments.collect {
                true => RunFolder::result(&planned.folder, &planned.config)?,
                false => Some(do_one(planned)?),
            };
            match done {
                Some(result) => runs.push(result),
                None => missing.push(number),
            }
            number += 1;
        }
        rows.push(Row::of(value, runs, missing));
    }
    if rows.iter().all(|row| row.runs.is_empty()) {
        return Err(Failure::NothingToCollect { out: arguments.out.display().to_string() });
    }
    output::write_with_nulls(&rows)?;
    if !common.quiet {
        say(&rows);
    }
    Ok(())
}

/// All runs.
fn plan(arguments: &Arguments, common: &Common) -> Result<Vec<OfValue>, Failure> {
    let Arguments { choice, seeds, over, out, .. } = arguments;
    let base = choice.base()?.ok_or(Failure::NothingToLearn)?;
    let values: Vec<Option<String>> = match over {
        Some((_, values)) => values.iter().cloned().map(Some).collect(),
        None => vec![None],
    };
    let mut plan = Vec::new();
    for (position, value) in values.into_iter().enumerate() {
        let change = over.iter().zip(&value).map(|((key, _), value)| (key, value));
        let (config, mut switches) = base.with(&change.collect::<Vec<_>>())?;
        let name = folder_name(value.as_deref().unwrap_or(config.data.name()), position);
        let mut runs = Vec::new();
        for seed in 0..*seeds {
            let (config, more) = choice.change(config.clone(), Some(seed))?;
            runs.push(Planned { folder: out.join(format!("{name}-{seed}")), config });
            if seed == 0 {
                switches.extend(more);
            }
        }
        say_switches(&switches, common);
        plan.push(OfValue { value, runs });
    }
    Ok(plan)
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
    fn of(value: Option<String>, runs: Vec<RunResult>, missing: Vec<usize>) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "at most a thousand seeds")]
        let n = runs.len() as f64;
        let accuracies = || runs.iter().map(|run| run.test_accuracy);
        let mean = (!runs.is_empty()).then(|| accuracies().sum::<f64>() / n);
        let square = |mean| accuracies().map(|x| (x - mean) * (x - mean)).sum::<f64>();
        let std = mean.filter(|_| runs.len() > 1).map(|mean| (square(mean) / (n - 1.0)).sqrt());
        Self { value, mean, std, runs, missing }
    }
}

fn say(rows: &[Row]) {
    people::say(&format!(
        "{:>16} {:>5} {:>8} {:>7} {:>8} {:>8}",
        "value", "seeds", "mean %", "std", "least", "most"
    ));
    let percent = |x: Option<f64>| x.map_or("–".to_owned(), |x| format!("{:.2}", 100.0 * x));
    for Row { value, mean, std, runs, .. } in rows {
        let accuracies = || runs.iter().map(|run| run.test_accuracy);
        people::say(&format!(
            "{:>16} {:>5} {:>8} {:>7} {:>8} {:>8}",
            value.as_deref().unwrap_or("–"),
            runs.len(),
            percent(*mean),
            percent(*std),
            percent(accuracies().reduce(f64::min)),
            percent(accuracies().reduce(f64::max)),
        ));
    }
    let missing: Vec<String> =
        rows.iter().flat_map(|row| &row.missing).map(usize::to_string).collect();
    if !missing.is_empty() {
        let runs = people::counted(missing.len() as u64, "run is", "runs are");
        people::say(&format!("{runs} missing (--only): {}", missing.join(", ")));
    }
}
