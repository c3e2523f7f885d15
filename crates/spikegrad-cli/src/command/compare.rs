//! `spikegrad compare`: gradients by several methods side by side, on problems or in a study.
//!
//! Not here: the methods (`spikegrad-compare`), what is asked of them (`spikegrad-studies`).

use crate::arguments::{self, Common};
use crate::asked::{Asked, OfRun};
use crate::command::train::watch_interrupts;
use crate::error::Failure;
use crate::input::{self, Texts};
use crate::progress::StudyScreen;
use crate::{advice, output, people};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use serde::Serialize;
use spikegrad::problem::Problem;
use spikegrad::{Grazing, Settings, simulate};
use spikegrad_report::write_beside;
use spikegrad_studies::problem::{Comparison, compare};
use spikegrad_studies::{Findings, Plan, Study};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Compare gradients by several methods, on problems or in a study
///
/// On a problem, the exact gradient is set beside forward propagation, saltation matrices and finite differences, entry by entry,
/// and beside surrogate gradients on a grid. A study asks one question of networks of its own.
///
/// Either way DIR/NAME.json holds the numbers, and DIR/NAME.html shows them in pictures and tables, on a page that needs nothing
/// else; NAME is that of the study, or of the problem file. The same seed gives the same numbers, but for times, which are
/// measured.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples, from the root of the repository:
  Do all methods agree on this problem?
    cargo run --release -- compare examples/problems/recurrent.json \\
      --out compared
  Is a field of surrogate gradients the gradient of anything?
    cargo run --release -- compare --study conservative --quick")]
pub(crate) struct Arguments {
    /// Problem files, each with a loss, or with --sample the folder of a training run; `-` reads standard input
    #[arg(required_unless_present = "study", conflicts_with = "study")]
    problems: Vec<PathBuf>,

    #[command(flatten)]
    of_run: OfRun,

    /// What to do where a spike grazes its threshold: fail, zero or floor=SLOPE, as for `gradient`
    #[arg(
        long,
        value_name = "POLICY",
        default_value = "fail",
        conflicts_with = "study",
        value_parser = arguments::grazing
    )]
    grazing: Grazing,

    /// The study
    #[arg(long, value_name = "NAME", value_parser = study())]
    study: Option<Study>,

    // With problems there can be no study, and clap then no longer requires one: so they are refused by themselves.
    /// Where all random numbers of a study come from
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        requires = "study",
        conflicts_with = "problems"
    )]
    seed: u64,

    /// Take fewer cases of a study: for a first look, not for a result
    #[arg(long, requires = "study", conflicts_with = "problems")]
    quick: bool,

    /// Folder for the numbers and the pages
    #[arg(long, value_name = "DIR", default_value = "compared")]
    out: PathBuf,
}

/// Reads the name of a study; `--help` lists them with their questions.
fn study() -> impl TypedValueParser<Value = Study> {
    let name = |study: Study| PossibleValue::new(study.name()).help(study.question());
    PossibleValuesParser::new(Study::ALL.map(name)).try_map(|name| {
        Study::ALL.into_iter().find(|study| study.name() == name).ok_or("there is no such study")
    })
}

/// Where the findings are.
#[derive(Serialize)]
struct Written {
    numbers: PathBuf,
    page: PathBuf,
}

pub(crate) fn run(arguments: &Arguments, common: &Common) -> Result<(), Failure> {
    let interrupted = watch_interrupts()?;
    if arguments.study.is_some() && arguments.of_run.sample.is_some() {
        return Err(Failure::SampleOfStudy);
    }
    let written = match arguments.study {
        Some(study) => vec![run_study(study, arguments, interrupted, common)?],
        None => {
            // All of them are read first: a mistake is not to be found after a while.
            let problems = read(arguments, common)?;
            let one = |(name, problem): &(String, Problem)| {
                on_problem(name, problem, arguments, &interrupted, common)
            };
            problems.iter().map(one).collect::<Result<_, _>>()?
        }
    };
    output::write(&written, None)
}

/// Reads the problems, each with a loss, a name of its own, and files that are not those of a problem.
fn read(arguments: &Arguments, common: &Common) -> Result<Vec<(String, Problem)>, Failure> {
    let mut all: Vec<(String, Problem)> = Vec::new();
    let is_input = |file: &Path| {
        let file = file.canonicalize().ok();
        file.is_some() && arguments.problems.iter().any(|path| path.canonicalize().ok() == file)
    };
    for (name, asked) in asked(arguments, common)? {
        let problem = asked.problem()?;
        if problem.document.loss.is_none() {
            return Err(Failure::NothingToCompare { place: asked.place() });
        }
        if all.iter().any(|(other, _)| *other == name) {
            return Err(Failure::SameName { name });
        }
        if let Some(file) = files(&arguments.out, &name).into_iter().find(|file| is_input(file)) {
            return Err(Failure::OverInput { place: file.display().to_string() });
        }
        all.push((name, problem));
    }
    Ok(all)
}

/// What is asked for, with what its files are called.
fn asked(arguments: &Arguments, common: &Common) -> Result<Vec<(String, Asked)>, Failure> {
    let Arguments { problems, of_run, grazing, .. } = arguments;
    if of_run.sample.is_some() {
        let [folder] = &problems[..] else { return Err(Failure::SeveralRuns) };
        let samples = of_run.open(folder, common.settings(*grazing))?.into_iter();
        return Ok(samples.map(|sample| (sample.file_name(), Asked::Sample(sample))).collect());
    }
    let mut all = Vec::new();
    for path in problems {
        let name = name_of(path);
        match input::open(path, false)? {
            Texts::One(text) => all.push((name, Asked::Text(text))),
            Texts::Lines(lines) => {
                for text in lines {
                    let text = text.map_err(|unread| *unread.reason)?;
                    let line = text.line.unwrap_or(0);
                    all.push((format!("{name}-{line}"), Asked::Text(text)));
                }
            }
        }
    }
    Ok(all)
}

fn run_study(
    study: Study,
    arguments: &Arguments,
    interrupted: Arc<AtomicBool>,
    common: &Common,
) -> Result<Written, Failure> {
    let Arguments { seed, quick, .. } = arguments;
    if !common.quiet {
        people::say(&format!("{}: {} Seed {seed}.", study.name(), study.question()));
    }
    let screen = StudyScreen::new(interrupted, common.quiet);
    let progress = |done: usize, all: usize, what: &str| screen.show(done, all, what);
    let findings = study.run(&Plan { seed: *seed, quick: *quick, progress: &progress });
    drop(screen);
    write(study.name(), &findings?, arguments, common)
}

fn on_problem(
    name: &str,
    problem: &Problem,
    arguments: &Arguments,
    interrupted: &Arc<AtomicBool>,
    common: &Common,
) -> Result<Written, Failure> {
    let screen = StudyScreen::new(Arc::clone(interrupted), common.quiet);
    let progress = |done: usize, all: usize, what: &str| screen.show(done, all, what);
    let settings = common.settings(arguments.grazing);
    let compared = compare(problem, name, settings, &progress);
    drop(screen);
    let Comparison { findings, summary, warnings, inexact } =
        compared.map_err(Failure::of_comparison)?;
    if inexact > 0 {
        people::warn(&[people::inexact(inexact)]);
    }
    if !common.quiet {
        people::warn(&advice::before(problem));
        people::warn(silence(problem, common)?.as_slice());
        people::warn(&warnings);
        summary.iter().for_each(|line| people::say(line));
    }
    write(name, &findings, arguments, common)
}

/// That nothing spikes, if so.
fn silence(problem: &Problem, common: &Common) -> Result<Option<String>, Failure> {
    let Problem { network, parameters, stimulus, .. } = problem;
    let settings = Settings { max_events: common.max_events, ..Settings::default() };
    let trace = simulate(network, parameters, stimulus, &[], &settings)
        .map_err(|error| Failure::of(error.into()))?;
    Ok(advice::after(problem, &trace))
}

/// What the files of a problem are called.
fn name_of(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    stem.filter(|stem| stem != "-").unwrap_or_else(|| "problem".to_owned())
}

/// The files of what is called `name`: numbers and page.
fn files(out: &Path, name: &str) -> [PathBuf; 2] {
    ["json", "html"].map(|ending| out.join(format!("{name}.{ending}")))
}

fn write(
    name: &str,
    findings: &Findings,
    arguments: &Arguments,
    common: &Common,
) -> Result<Written, Failure> {
    let out = &arguments.out;
    std::fs::create_dir_all(out)
        .map_err(|reason| Failure::Write { place: out.display().to_string(), reason })?;
    let [numbers, page] = files(out, name);
    let written = Written { numbers, page };
    output::write(&findings.numbers, Some(&written.numbers))?;
    write_beside(&written.page, findings.page.to_html().as_bytes())?;
    if !common.quiet {
        people::say(&format!("the page is {}", written.page.display()));
    }
    Ok(written)
}
