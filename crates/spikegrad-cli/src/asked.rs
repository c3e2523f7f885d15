//! Which problems a command is asked about: files, lines of files, or samples of a training run.
//!
//! Not here: reading (`input.rs`), what is done with many of them (`many.rs`).

use crate::error::Failure;
pub(crate) use crate::input::Unread;
use crate::input::{self, Text, Texts};
use crate::many;
use clap::{Args, ValueEnum};
use serde::Serialize;
use spikegrad::Settings;
use spikegrad::problem::Problem;
use spikegrad_train::{Run, RunFolder, Split};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The problems of a command that takes any number of them.
#[derive(Debug, Args)]
pub(crate) struct Problems {
    /// Problem files, or with --sample the folder of a training run; `-` reads standard input
    ///
    /// A file, or standard input, may hold several problems, one on each line.
    #[arg(required = true, value_name = "PROBLEM")]
    problems: Vec<PathBuf>,

    #[command(flatten)]
    of_run: OfRun,

    /// Answer each problem on a line of its own, also if there is only one
    ///
    /// This is how several problems are answered anyway; a program that sends problems, one on each line, need not know how many.
    #[arg(long)]
    lines: bool,
}

/// Which samples of a training run are meant.
#[derive(Debug, Args)]
pub(crate) struct OfRun {
    /// Take samples of the training run in the folder PROBLEM, counted from 0: 17, 3,5, 0..100 or all
    ///
    /// The network is that of the run's checkpoint (its average, if the run has one), the input and the label are those of the sample.
    #[arg(long, value_name = "SAMPLES", value_parser = samples)]
    pub(crate) sample: Option<Samples>,

    /// Which part of the data the samples are of
    #[arg(long, value_name = "PART", value_enum, default_value = "test", requires = "sample")]
    split: SplitName,

    /// Folder with the files of the run's data set, if they are not where they were
    #[arg(long, value_name = "DIR", requires = "sample")]
    data: Option<PathBuf>,
}

/// The parts of a data set.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum SplitName {
    Train,
    Validation,
    Test,
}

/// Positions of samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Samples {
    All,
    /// In the order in which they were named; each range is one or more.
    Some(Vec<Range<usize>>),
}

/// One of several problems.
#[derive(Debug)]
pub(crate) enum Asked {
    Text(Text),
    Sample(Sample),
}

/// A sample of a run.
#[derive(Debug)]
pub(crate) struct Sample {
    folder: PathBuf,
    run: Arc<Run>,
    split: Split,
    position: usize,
}

/// Which problem a line is about.
#[derive(Debug, Serialize)]
pub(crate) struct Origin {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    split: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample: Option<usize>,
}

/// All that is asked.
pub(crate) enum Question {
    /// One problem, to be answered by itself.
    One(Asked),
    /// To be answered on a line each.
    Many(many::Problems),
}

impl Problems {
    /// Opens what is asked for.
    pub(crate) fn open(&self, settings: Settings) -> Result<Question, Failure> {
        if self.of_run.sample.is_some() {
            let [folder] = &self.problems[..] else { return Err(Failure::SeveralRuns) };
            let mut samples = self.of_run.open(folder, settings)?;
            return Ok(match (samples.len(), samples.pop()) {
                (1, Some(sample)) if !self.lines => Question::One(Asked::Sample(sample)),
                (_, last) => {
                    samples.extend(last);
                    Question::Many(Box::new(samples.into_iter().map(Asked::Sample).map(Ok)))
                }
            });
        }
        if self.problems.iter().filter(|file| input::is_standard(file)).count() > 1 {
            return Err(Failure::StandardTwice);
        }
        if let ([file], false) = (&self.problems[..], self.lines) {
            return Ok(match input::open(file, false)? {
                Texts::One(text) => Question::One(Asked::Text(text)),
                Texts::Lines(lines) => {
                    Question::Many(Box::new(lines.map(|text| text.map(Asked::Text))))
                }
            });
        }
        let (files, lines) = (self.problems.clone(), self.lines);
        let each = files.into_iter().flat_map(move |file| texts(&file, lines));
        Ok(Question::Many(Box::new(each.map(|text| text.map(Asked::Text)))))
    }
}

/// The problems of one of several files. A file is read as lines only if it is said, or if it turns out to be.
fn texts(file: &Path, lines: bool) -> Box<dyn Iterator<Item = Result<Text, Unread>> + Send> {
    // A file with one problem may have many lines, whatever standard input has.
    match input::open(file, lines && input::is_standard(file)) {
        Ok(Texts::One(text)) => Box::new(std::iter::once(Ok(text))),
        Ok(Texts::Lines(lines)) => Box::new(lines),
        Err(reason) => {
            let file = file.to_owned();
            Box::new(std::iter::once(Err(Unread { file, line: None, reason: Box::new(reason) })))
        }
    }
}

impl OfRun {
    /// The samples of the run in `folder`. There must be a `--sample`.
    pub(crate) fn open(&self, folder: &Path, settings: Settings) -> Result<Vec<Sample>, Failure> {
        let run = RunFolder::trained(folder, self.data.as_deref(), settings)?;
        let split = match self.split {
            SplitName::Train => Split::Train,
            SplitName::Validation => Split::Validation,
            SplitName::Test => Split::Test,
        };
        let count = run.split(split).len();
        let positions: Vec<usize> = match &self.sample {
            Some(Samples::Some(ranges)) => {
                // All of them first: a mistake is not to be found after a while. A range may be of any length.
                if let Some(range) = ranges.iter().find(|range| range.end > count) {
                    let (split, position) = (split.name(), range.start.max(count));
                    return Err(
                        spikegrad_train::TrainError::NoSample { split, position, count }.into()
                    );
                }
                ranges.iter().flat_map(Clone::clone).collect()
            }
            Some(Samples::All) | None => (0..count).collect(),
        };
        let run = Arc::new(run);
        let sample =
            |position| Sample { folder: folder.to_owned(), run: Arc::clone(&run), split, position };
        Ok(positions.into_iter().map(sample).collect())
    }
}

impl Asked {
    /// Reads and checks the problem.
    pub(crate) fn problem(&self) -> Result<Problem, Failure> {
        match self {
            Self::Text(text) => text.problem(),
            Self::Sample(sample) => sample.problem(),
        }
    }

    /// Where it comes from, for messages.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Text(text) => input::place(&text.file, text.line),
            Self::Sample(Sample { folder, split, position, .. }) => {
                format!("{}, {} sample {position}", folder.display(), split.name())
            }
        }
    }

    /// Where it comes from, for programs.
    pub(crate) fn origin(&self) -> Origin {
        let file = |path: &Path| path.display().to_string();
        match self {
            Self::Text(text) => {
                Origin { file: file(&text.file), line: text.line, split: None, sample: None }
            }
            Self::Sample(Sample { folder, split, position, .. }) => Origin {
                file: file(folder),
                line: None,
                split: Some(split.name()),
                sample: Some(*position),
            },
        }
    }
}

impl Unread {
    /// Where it comes from, for messages.
    pub(crate) fn place(&self) -> String {
        input::place(&self.file, self.line)
    }

    /// Where it comes from, for programs.
    pub(crate) fn origin(&self) -> Origin {
        let file = self.file.display().to_string();
        Origin { file, line: self.line, split: None, sample: None }
    }
}

impl Sample {
    pub(crate) fn problem(&self) -> Result<Problem, Failure> {
        Ok(self.run.problem(self.split, self.position)?)
    }

    /// What files about it are called.
    pub(crate) fn file_name(&self) -> String {
        let folder = self.folder.file_name().map(|name| name.to_string_lossy().into_owned());
        format!(
            "{}-{}-{}",
            folder.unwrap_or_else(|| "run".into()),
            self.split.name(),
            self.position
        )
    }
}

/// Reads `17`, `3,5`, `0..100` or `all`.
fn samples(text: &str) -> Result<Samples, String> {
    if text == "all" {
        return Ok(Samples::All);
    }
    let number = |text: &str| {
        let rule = "it must be positions such as 17, 3,5 or 0..100 (the end left out), or all";
        text.trim().parse::<usize>().map_err(|_| rule.to_owned())
    };
    let range = |text: &str| match text.split_once("..") {
        Some((start, end)) => match (number(start)?, number(end)?) {
            (start, end) if start < end => Ok(start..end),
            _ => Err(format!("the range {text} is empty: its end is left out")),
        },
        None => number(text).map(|at| at..at.saturating_add(1)),
    };
    text.split(',').map(range).collect::<Result<_, _>>().map(Samples::Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_positions_and_ranges() {
        let positions = |text: &str| match samples(text) {
            Ok(Samples::Some(ranges)) => ranges.into_iter().flatten().collect(),
            other => panic!("{text}: {other:?}"),
        };
        let seventeen: Vec<usize> = positions("17");
        assert_eq!(seventeen, [17]);
        assert_eq!(positions("3,5, 7..9"), [3, 5, 7, 8]);
        assert_eq!(samples("all"), Ok(Samples::All));
        for wrong in ["", "x", "-1", "3..3", "5..3", "1,,2", "1..", "..", "1.5"] {
            assert!(samples(wrong).is_err(), "{wrong}");
        }
    }
}
