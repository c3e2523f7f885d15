//! `spikegrad compare`: gradients by several methods side by side, on problems or in a study.
//!
//! Not here: the methods (`spikegrad-compare`), the studies (`spikegrad-studies`).

use crate::arguments::Common;
use crate::command::train::watch_interrupts;
use crate::error::Failure;
use crate::progress::StudyScreen;
use crate::{output, people};
use clap::{Args, ValueEnum};
use serde::Serialize;
use spikegrad_report::write_beside;
use spikegrad_studies::{Plan, Study};
use std::path::PathBuf;

/// Compare gradients by several methods, in a study
///
/// A study asks one question and answers it with numbers: OUT/NAME.json holds them, OUT/NAME.html shows them in pictures and
/// tables, on a page that needs nothing else. The same seed gives the same numbers, but for times, which are measured.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples, from the root of the repository:
  Is a field of surrogate gradients the gradient of anything?
    cargo run --release -- compare --study conservative --out studies")]
pub(crate) struct Arguments {
    /// The study
    #[arg(long, value_name = "NAME", value_enum)]
    study: StudyName,

    /// Where all random numbers come from
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,

    /// Take fewer cases: for a first look, not for a result
    #[arg(long)]
    quick: bool,

    /// Folder for the numbers and the page
    #[arg(long, value_name = "DIR", default_value = "studies")]
    out: PathBuf,
}

/// A study, as it can be asked for.
#[derive(Clone, Copy, Debug)]
struct StudyName(Study);

impl ValueEnum for StudyName {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [StudyName; Study::ALL.len()] = {
            let mut all = [StudyName(Study::ALL[0]); Study::ALL.len()];
            let mut k = 0;
            while k < all.len() {
                all[k] = StudyName(Study::ALL[k]);
                k += 1;
            }
            all
        };
        &ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.0.name()).help(self.0.question()))
    }
}

/// Where the findings are.
#[derive(Serialize)]
struct Written {
    numbers: PathBuf,
    page: PathBuf,
}

pub(crate) fn run(arguments: &Arguments, common: &Common) -> Result<(), Failure> {
    let Arguments { study: StudyName(study), seed, quick, out } = arguments;
    let interrupted = watch_interrupts()?;
    std::fs::create_dir_all(out)
        .map_err(|reason| Failure::Write { place: out.display().to_string(), reason })?;
    if !common.quiet {
        people::say(&format!("{}: {} Seed {seed}.", study.name(), study.question()));
    }
    let screen = StudyScreen::new(interrupted, common.quiet);
    let progress = |done: usize, all: usize, what: &str| screen.show(done, all, what);
    let findings = study.run(&Plan { seed: *seed, quick: *quick, progress: &progress });
    drop(screen);
    let findings = findings?;
    let file = |ending| out.join(study.name()).with_extension(ending);
    let written = Written { numbers: file("json"), page: file("html") };
    output::write(&findings.numbers, Some(&written.numbers))?;
    write_beside(&written.page, findings.page.to_html().as_bytes())?;
    if !common.quiet {
        people::say(&format!("the page is {}", written.page.display()));
    }
    output::write(&written, None)
}
