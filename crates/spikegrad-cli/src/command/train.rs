//! `spikegrad train`: a training run in a folder, from its beginning or from its checkpoint.
//!
//! The loop is the library's; here are its arguments, the interrupt, and the end. Not here: what is shown along the way
//! (`progress.rs`).

use crate::arguments::{self, Common};
use crate::error::Failure;
use crate::invocation::{program, quoted};
use crate::people::counted;
use crate::progress::Screen;
use crate::{output, people, team};
use clap::Args;
use clap::builder::PossibleValuesParser;
use spikegrad::{Grazing, explain};
use spikegrad_train::config::{GrazingPolicy, Switch};
use spikegrad_train::{Config, Run, RunFolder, RunResult, Team, TrainError, fit};
use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Train a network on a data set
///
/// Each data set has a built-in configuration; `--config` takes another, `--set` changes single settings. Yin-Yang and randman
/// are generated; the others are files, in a folder that `--data` names (data/NAME unless it does).
///
/// A run lives in a folder: config.json (every number that it depends on), metrics.jsonl (a line for each epoch),
/// checkpoint.safetensors (the last completed epoch) and, at its end, figures and result.json. The result is also the answer
/// on standard output. The same configuration gives the same bits on any number of threads.
///
/// Ctrl-C ends a run at its last completed epoch, with status 130, and --resume goes on from there to the same bits as if
/// nothing had happened. So does a run that was killed. A finished run goes on with --resume and a larger --epochs, unless its learning rates
/// follow a cosine to the last epoch.
///
/// Several processes share each batch where mpirun starts them, as in `mpirun -n 4 spikegrad train …` (feature mpi): with the bits of one.
#[derive(Debug, Args)]
#[command(
    after_help = "\
Examples, from the root of the repository:
    cargo run --release -- train yin-yang --epochs 2 --out runs/short
    cargo run --release -- train yin-yang --epochs 3 --out runs/short --resume",
    after_long_help = "\
Examples, from the root of the repository:
  A short run; without --epochs it takes half a minute, and answers nearly all of the test set rightly.
    cargo run --release -- train yin-yang --epochs 2 --out runs/short
  One more epoch of it.
    cargo run --release -- train yin-yang --epochs 3 --out runs/short --resume
  Another seed, and another value of a setting.
    cargo run --release -- train yin-yang --seed 1 --epochs 1 --set t_end=0.05"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    choice: Choice,

    /// Seed of all random numbers: initial parameters, order of the samples and how they are varied
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Folder of the run; by default runs/DATA-SEED
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Go on with the run in the folder, from its last completed epoch
    ///
    /// What is said with it changes the run's own settings: --epochs, unless its learning rates follow a cosine; --data, if the data have
    /// moved; --grazing zero, after a spike that grazes; best.patience. All else is refused by name.
    #[arg(long)]
    resume: bool,
}

/// What is trained, and how.
#[derive(Debug, Args)]
pub(crate) struct Choice {
    /// What to learn, with the built-in configuration
    #[arg(
        value_name = "DATA",
        value_parser = PossibleValuesParser::new(Config::built_in_names()),
        conflicts_with = "config"
    )]
    data_set: Option<String>,

    /// Take the configuration from FILE
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Folder with the files of the data set, or a file: the archive of n-mnist, the training file of shd and ssc
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Replace a setting of the configuration, such as schedule.shape.decay=0.95; may be given more than once
    ///
    /// A new name, such as optimiser.name=sgd, takes the defaults of its kind; what it drops is said.
    #[arg(long, value_name = "KEY=VALUE", value_parser = arguments::setting)]
    set: Vec<(String, String)>,

    /// Number of passes through the training data
    #[arg(long, value_name = "N")]
    epochs: Option<u32>,

    /// What to do where a spike grazes its threshold: fail, zero or floor=SLOPE
    ///
    /// fail: the run ends, with status 4. zero: such a spike contributes nothing. floor=SLOPE: slopes are taken as at least SLOPE per
    /// second. Whenever zero or floor acted, a warning says so, and the metrics count it.
    #[arg(long, value_name = "POLICY", value_parser = arguments::grazing)]
    grazing: Option<Grazing>,

    /// Start with the parameters of the run in this folder, in place of random ones
    ///
    /// The layers must have the same names and sizes; init.layers takes some of them.
    #[arg(long, value_name = "RUN")]
    from: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, common: &Common) -> Result<(), Failure> {
    let team = team::of_this_process()?;
    let interrupted = watch_interrupts()?;
    let result = match &team {
        Some(team) if team.rank() > 0 => {
            follow(team, common).map_err(|failure| Failure::Said(Box::new(failure)))?;
            None
        }
        _ => {
            let (folder, mut run) = prepare(arguments, common)?;
            if let Some(team) = &team {
                run.lead(Arc::clone(team))?;
            }
            Some(train(folder, run, &interrupted, common)?)
        }
    };
    if let Some(team) = team {
        team.finish();
    }
    result.map_or(Ok(()), |result| output::write_with_nulls(&result))
}

/// Takes part in the run of the first process.
fn follow(team: &Arc<dyn Team>, common: &Common) -> Result<(), Failure> {
    let mut run = Run::follow(Arc::clone(team), common.settings(Grazing::Fail))?;
    // An interrupt is the first's to tell.
    let _ = spikegrad_train::follow(&mut run)?;
    Ok(())
}

/// Trains a run to its end.
///
/// # Errors
///
/// [`Failure::Interrupted`] if the user ended it, and whatever ends a run.
pub(crate) fn train(
    mut folder: RunFolder,
    mut run: Run,
    interrupted: &Arc<AtomicBool>,
    common: &Common,
) -> Result<RunResult, Failure> {
    if !common.quiet {
        announce(&run, folder.path());
    }
    if common.verbose {
        say_engine(&run, common)?;
    }
    let mut screen = Screen::new(&run, Arc::clone(interrupted), common.quiet);
    let trained = fit(&mut run, &mut folder, &mut screen);
    drop(screen);
    match trained? {
        ControlFlow::Break(()) => {
            let resume = resume_command(folder.path());
            let epochs = run.classifier().config().epochs;
            Err(Failure::Interrupted { completed: run.completed(), epochs, resume })
        }
        ControlFlow::Continue(result) => {
            if !common.quiet {
                summarise(&result, folder.path());
            }
            Ok(result)
        }
    }
}

/// Makes the folder of a new run, or opens that of an old one.
fn prepare(arguments: &Arguments, common: &Common) -> Result<(RunFolder, Run), Failure> {
    let Arguments { choice, seed, out, resume } = arguments;
    let base = choice.base()?;
    if *resume {
        return go_on(arguments, base, common);
    }
    let (asked, switches) = choice.change(base.ok_or(Failure::NothingToLearn)?, *seed)?;
    let default = default_folder(&asked);
    let out = out.as_ref().unwrap_or(&default);
    let run = Run::new(&asked, common.settings(Grazing::Fail))?;
    let folder = RunFolder::create(out, &asked).map_err(Failure::of_new_run)?;
    say_switches(&switches, common);
    Ok((folder, run))
}

/// Opens the folder of a run, of whose settings only what is said now is changed.
fn go_on(
    arguments: &Arguments,
    base: Option<Config>,
    common: &Common,
) -> Result<(RunFolder, Run), Failure> {
    let Arguments { choice, seed, out, .. } = arguments;
    let default = || {
        let named = base.clone().unwrap_or_default();
        // Where the run is depends on its data and seed, whatever else is said.
        let changed = choice.change(named.clone(), *seed).map(|(config, _)| config);
        default_folder(&changed.unwrap_or(Config { seed: seed.unwrap_or(named.seed), ..named }))
    };
    let out = out.clone().unwrap_or_else(default);
    let mut folder = RunFolder::open(&out).map_err(Failure::of_old_run)?;
    let kept = folder.config()?;
    if let Some(name) = choice.data_set.as_ref().filter(|name| **name != kept.data.name()) {
        let (key, asked, kept) =
            ("data.name".into(), name.as_str().into(), kept.data.name().into());
        return Err(TrainError::OtherRun { key, asked, kept }.into());
    }
    let base = match choice.config {
        Some(_) => base.unwrap_or(kept),
        None => kept,
    };
    let (asked, switches) = choice.change(base, *seed)?;
    let run = folder.resume(&asked, common.settings(Grazing::Fail))?;
    say_switches(&switches, common);
    Ok((folder, run))
}

fn default_folder(config: &Config) -> PathBuf {
    Path::new("runs").join(format!("{}-{}", config.data.name(), config.seed))
}

/// Says what was dropped where another kind was chosen.
pub(crate) fn say_switches(switches: &[Switch], common: &Common) {
    if !common.quiet {
        switches.iter().for_each(|switch| people::say(&switch.to_string()));
    }
}

impl Choice {
    /// The configuration that is named, if one is.
    pub(crate) fn base(&self) -> Result<Option<Config>, Failure> {
        match (&self.config, &self.data_set) {
            (Some(path), _) => Ok(Some(read_config(path)?)),
            (None, Some(name)) => Ok(Config::built_in(name)),
            (None, None) => Ok(None),
        }
    }

    /// The configuration with what the command line says differently, and what that dropped.
    pub(crate) fn change(
        &self,
        config: Config,
        seed: Option<u64>,
    ) -> Result<(Config, Vec<Switch>), TrainError> {
        let from = self.from.iter().map(|run| ("init.from".to_owned(), run.display().to_string()));
        // As JSON, so that a folder called 1 is no number.
        let from = from.map(|(key, run)| (key, serde_json::Value::from(run).to_string()));
        let changes: Vec<(String, String)> = from.chain(self.set.iter().cloned()).collect();
        let (mut config, switches) = config.with(&changes)?;
        config.seed = seed.unwrap_or(config.seed);
        config.epochs = self.epochs.unwrap_or(config.epochs);
        config.grazing = self.grazing.map_or(config.grazing, GrazingPolicy::from);
        if let Some(folder) = &self.data {
            *config.data.path_mut().ok_or(TrainError::NoFiles)? = Some(folder.clone());
        }
        config.validate()?;
        Ok((config, switches))
    }
}

/// The longest configuration that is read, in bytes.
const LONGEST_CONFIG: u64 = 1 << 20;

fn read_config(path: &Path) -> Result<Config, Failure> {
    let place = || path.display().to_string();
    let read = || -> io::Result<String> {
        let mut text = String::new();
        File::open(path)?.take(LONGEST_CONFIG + 1).read_to_string(&mut text)?;
        match text.len() as u64 {
            length if length <= LONGEST_CONFIG => Ok(text),
            _ => Err(io::Error::other("it is longer than a megabyte, and no configuration")),
        }
    };
    let text = read().map_err(|reason| Failure::Read { place: place(), reason })?;
    Config::from_json(&text)
        .map_err(|reason| Failure::Config { place: place(), reason: Box::new(reason) })
}

/// Sets the flag on Ctrl-C; the second time there is no patience left.
pub(crate) fn watch_interrupts() -> Result<Arc<AtomicBool>, Failure> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    let handler = move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    };
    ctrlc::set_handler(handler).map_err(|reason| Failure::Interrupts { reason })?;
    Ok(interrupted)
}

fn announce(run: &Run, folder: &Path) {
    let (config, classifier) = (run.classifier().config(), run.classifier());
    let from = match run.completed() {
        0 => String::new(),
        completed => format!("; {completed} are completed"),
    };
    let network = classifier.network();
    let processes = match team::count() {
        1 => String::new(),
        count => format!("{count} processes with "),
    };
    let mut sizes = vec![network.inputs().to_string()];
    sizes.extend(network.populations().iter().map(|population| population.size.to_string()));
    people::say(&format!(
        "{}, seed {}: {}, {}, {} on {processes}{}, in {}{from}",
        config.data.name(),
        config.seed,
        sizes.join("-"),
        counted(classifier.n_trained() as u64, "trained parameter", "trained parameters"),
        counted(config.epochs, "epoch", "epochs"),
        counted(rayon::current_num_threads() as u64, "thread", "threads"),
        folder.display(),
    ));
}

/// Says which engine runs the network, and why.
fn say_engine(run: &Run, common: &Common) -> Result<(), Failure> {
    let (network, parameters) = (run.classifier().network(), run.classifier().parameters());
    let explanation = explain(network, parameters, &common.settings(Grazing::Fail))
        .map_err(|error| Failure::of(error.into()))?;
    people::say(&explanation.to_string());
    Ok(())
}

fn summarise(result: &RunResult, folder: &Path) {
    people::say(&format!(
        "test accuracy {:.2} %, test loss {}, {:.1} spikes a sample, after {} in {:.1} s",
        100.0 * result.test_accuracy,
        people::loss(result.test_loss),
        result.spikes_per_sample,
        counted(result.epochs, "epoch", "epochs"),
        result.train_seconds,
    ));
    if let Some(best) = &result.best {
        let stopped = if result.stopped_early { ", after which none was better" } else { "" };
        people::say(&format!(
            "the best by the validation set is epoch {}{stopped}: test accuracy {:.2} %, test loss {}; it is in best.safetensors",
            best.epoch,
            100.0 * best.test_accuracy,
            people::loss(best.test_loss),
        ));
    }
    people::say(&format!("look at {}", folder.join("report.html").display()));
}

/// What to type to go on.
fn resume_command(folder: &Path) -> String {
    format!("{} train --out {} --resume", program(), quoted(&folder.display().to_string()))
}
