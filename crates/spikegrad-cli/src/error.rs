//! Why a command failed: one sentence, and the exit status that stands for its kind.
//!
//! The library names neurons by their ids; here they get the names of the problem file, `hidden[3]`. Numbers are written so
//! that very large and very small ones stay short. Not here: printing (`people.rs`), usage errors (clap prints them, status 2).

use crate::invocation::program;
use crate::layout::Unwritable;
use crate::people::counted;
use spikegrad::problem::ProblemError;
use spikegrad::{AdjointError, Error, LossError, SimulateError};
use spikegrad_compare::CompareError;
use spikegrad_fit::FitError;
use spikegrad_nir::NirError;
use spikegrad_report::ReportError;
use spikegrad_studies::StudyError;
use spikegrad_train::TrainError;
use std::path::Path;
use thiserror::Error;

/// A command that could not do its work.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("cannot read {place}: {reason}")]
    Read { place: String, reason: std::io::Error },
    #[error("cannot write {place}: {reason}")]
    Write { place: String, reason: std::io::Error },
    #[error("cannot start {threads} threads: {reason}")]
    Threads { threads: u16, reason: rayon::ThreadPoolBuildError },
    /// A figure or a file that could not be made.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A file, a configuration or a sample that `spikegrad-train` could not use.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A study without findings.
    #[error(transparent)]
    Study(#[from] StudyError),
    /// A NIR file, or a network that cannot become one.
    #[error("{place}: {reason}")]
    Nir { place: String, reason: Box<NirError> },
    /// A NIR file that cannot be opened or written; the sentence names it.
    #[error(transparent)]
    NirFile(Box<NirError>),
    #[error("cannot watch for Ctrl-C: {reason}")]
    Interrupts { reason: ctrlc::Error },
    /// Never seen: every document has a form in JSON.
    #[error("cannot write the answer as JSON: {reason}")]
    Json { reason: serde_json::Error },

    #[error(
        "there is nothing to learn; name a data set, such as yin-yang, or a configuration with --config"
    )]
    NothingToLearn,
    #[error("{place}: {reason}")]
    Config { place: String, reason: Box<TrainError> },
    #[error("{reason}; go on with it with --resume, or take another folder with --out")]
    Occupied { reason: TrainError },
    #[error("{reason}; take another folder with --out")]
    NotEmpty { reason: TrainError },
    #[error("{reason}; start it without --resume, or name its folder with --out")]
    NoRun { reason: TrainError },
    #[error(
        "{count} processes were started together, and this program is built without MPI; build it with --features mpi, or start one process"
    )]
    #[cfg(not(feature = "mpi"))]
    WithoutMpi { count: usize },
    #[error("MPI cannot be initialised")]
    #[cfg(feature = "mpi")]
    NoMpi,
    #[error(
        "{count} processes were started together, and a sweep is done by one, with all of its cores; start its runs one by one, with --only"
    )]
    SweepOfMany { count: usize },
    /// What the first of several processes says for all.
    #[error(transparent)]
    Said(Box<Failure>),
    #[error("interrupted after {completed} of {epochs} epochs; go on with `{resume}`")]
    Interrupted { completed: u32, epochs: u32, resume: String },

    #[error("--only {only}: the sweep has {}, counted from 0", counted(*count as u64, "run", "runs"))]
    NotInSweep { only: usize, count: usize },
    #[error("no run of the sweep in {out} has come to its end")]
    NothingToCollect { out: String },

    #[error("{place}: {reason}")]
    Problem { place: String, reason: ProblemError },
    #[error(
        "cannot read {place}: it is a folder; if it is that of a training run, say which of its samples with --sample"
    )]
    Folder { place: String },
    #[error("--sample takes samples of one training run; name one folder")]
    SeveralRuns,
    #[error("standard input, -, can be read only once")]
    StandardTwice,
    #[error(
        "{failed} of {problems} problems have no answer; the first of them is {place}: {}", first.without_place()
    )]
    Unanswered { failed: u64, problems: u64, place: String, first: Box<Failure> },
    #[error("--sample takes samples of a training run, and a study makes its own problems")]
    SampleOfStudy,
    #[error(
        "--convention and --dt are said of a NIR file; name one with --output, such as -o network.nir"
    )]
    MeaningOfProblem,
    #[error(
        "a NIR file holds a network, and no sample; leave out --sample, or write to another file"
    )]
    NirOfSample,
    #[error(
        "--best takes the network of the best epoch, and --sample those of the last; leave one out"
    )]
    BestOfSample,
    #[error("--plot draws one problem, and there are several")]
    PlotOfMany,
    #[error(
        "a NIR file holds one network, and there are several problems; convert them one by one"
    )]
    NirOfMany,
    #[error("a fit is of one problem, and there are several; fit them one by one")]
    FitOfMany,
    #[error(
        "{place}: there are no spike trains to fit; add a \"loss\" of the type spike_time_mse, or a sum of such"
    )]
    NoTargets { place: String },
    #[error("--also {name}: no population has this parameter; there are {names}")]
    NoQuantity { name: String, names: String },
    /// What a fit cannot begin with.
    #[error(transparent)]
    Fit(FitError),
    #[error("say where the NIR file goes with --output, such as -o network.nir")]
    NoNirFile,
    #[error("--convention says how a NIR file is written, and this one is read; leave it out")]
    ConventionOfRead,
    #[error("--convention discrete needs the step of the tool: add --dt, in seconds")]
    NoStep,
    #[error(
        "--dt is the step of the convention discrete; add --convention discrete, or leave it out"
    )]
    StepOfContinuous,
    #[error("--neurons {asked}: there is no population of this name; there are {names}")]
    NoPopulation { asked: String, names: String },
    #[error("--neurons {asked}: {name} has {size} neurons, counted from 0")]
    NoNeurons { asked: String, name: String, size: usize },
    #[error("--window {from:?}..{to:?}: the run ends at {t_end:?} s")]
    Window { from: f64, to: f64, t_end: f64 },
    #[error(
        "{place}: there is no loss, and so nothing to differentiate; add the key \"loss\", or ask for the spikes alone with `{} simulate`",
        program()
    )]
    NoLoss { place: String },
    #[error("{place}: there is no loss, and so nothing to compare; add the key \"loss\"")]
    NothingToCompare { place: String },
    #[error(
        "two problems would be written to {name}.json; compare them one after the other, with a folder for each (--out)"
    )]
    SameName { name: String },
    #[error(
        "the numbers would be written over the problem {place}; take another folder with --out"
    )]
    OverInput { place: String },
    #[error(
        "--record {dt:?}: {neurons} neurons every {dt:?} s up to {t_end:?} s are more than {limit} numbers, the most that is recorded; take a larger DT"
    )]
    TooManySamples { dt: f64, neurons: usize, t_end: f64, limit: u32 },

    #[error(
        "the simulation stopped at {time:?} s, before its end at {t_end:?} s: it has more than {max_events} events; allow more with --max-events, or lower the weights that excite"
    )]
    EventBudget { max_events: u64, time: f64, t_end: f64 },
    #[error(
        "neuron {neuron} would spike again at {time:?} s, the very time of its last spike; lower its input or give it a refractory time"
    )]
    Zeno { neuron: String, time: f64 },
    #[error(
        "the state of neuron {neuron} is not finite at {time:?} s; lower the weights, currents or potentials that lead there"
    )]
    NotFinite { neuron: String, time: f64 },

    #[error(
        "the gradient does not exist: neuron {neuron} grazes its threshold at {time:?} s, with a slope of {slope:?} per second; change a number a little, or say with --grazing what to do"
    )]
    Grazing { neuron: String, time: f64, slope: f64 },
    #[error(
        "the gradient does not exist: the derivative with respect to the spike of neuron {neuron} at {time:?} s is outside the range of a double; look for a very small slope there, or for large weights"
    )]
    DerivativeNotFinite { neuron: String, time: f64 },
    #[error(
        "the gradient does not exist: a number of the answer is outside the range of a double; look for large numbers in the problem"
    )]
    AnswerNotFinite,

    /// What the library may say beyond this; its sentence is complete.
    #[error(transparent)]
    Library(Error),
}

impl Failure {
    /// Translates an error of the library.
    pub(crate) fn of(error: Error) -> Self {
        match error {
            Error::Simulate(SimulateError::EventBudget { max_events, time, t_end }) => {
                Self::EventBudget { max_events, time, t_end }
            }
            Error::Simulate(SimulateError::Zeno { neuron, time }) => {
                Self::Zeno { neuron: neuron.name, time }
            }
            Error::Simulate(SimulateError::NonFinite { neuron, time }) => {
                Self::NotFinite { neuron: neuron.name, time }
            }
            Error::Adjoint(AdjointError::Grazing { neuron, time, slope }) => {
                Self::Grazing { neuron: neuron.name, time, slope }
            }
            Error::Adjoint(AdjointError::NonFinite { neuron, time }) => {
                Self::DerivativeNotFinite { neuron: neuron.name, time }
            }
            other => Self::Library(other),
        }
    }

    /// Translates an error of a fit.
    pub(crate) fn of_fit(reason: FitError) -> Self {
        match reason {
            FitError::Network(error) => Self::of(error.into()),
            FitError::Evaluate(error) => Self::of(error),
            other => Self::Fit(other),
        }
    }

    /// Adds the name of the file to what is wrong with it, unless it is named already.
    pub(crate) fn of_nir(file: &Path, reason: NirError) -> Self {
        let reason = Box::new(reason);
        match *reason {
            NirError::Read { .. } | NirError::Open { .. } | NirError::Write(_) => {
                Self::NirFile(reason)
            }
            _ => Self::Nir { place: file.display().to_string(), reason },
        }
    }

    /// Adds to what is wrong with the folder of a new run what to do about it.
    pub(crate) fn of_new_run(reason: TrainError) -> Self {
        match reason {
            TrainError::Occupied { .. } => Self::Occupied { reason },
            TrainError::NotEmpty { .. } => Self::NotEmpty { reason },
            other => Self::Train(other),
        }
    }

    /// Adds to what is wrong with the folder of an old run what to do about it.
    pub(crate) fn of_old_run(reason: TrainError) -> Self {
        match reason {
            TrainError::NoRun { .. } => Self::NoRun { reason },
            other => Self::Train(other),
        }
    }

    /// Translates an error of a comparison.
    pub(crate) fn of_comparison(reason: StudyError) -> Self {
        match reason {
            StudyError::Compare(reason) => match *reason {
                CompareError::Evaluation(error) => Self::of(error),
                CompareError::Simulate(error) => Self::of(error.into()),
                other => Self::Study(other.into()),
            },
            other => Self::Study(other),
        }
    }

    /// Whether another process says it.
    pub(crate) fn is_said(&self) -> bool {
        matches!(self, Self::Said(_))
    }

    /// The sentence about a problem whose place stands beside it.
    pub(crate) fn without_place(&self) -> String {
        match self {
            Self::Problem { reason, .. } => reason.to_string(),
            Self::Read { reason, .. } => format!("it cannot be read: {reason}"),
            Self::NoLoss { .. } => "there is no loss, and so nothing to differentiate".to_owned(),
            other => other.to_string(),
        }
    }

    /// Translates what cannot be written.
    pub(crate) fn unwritable(reason: Unwritable) -> Self {
        match reason {
            Unwritable::Json(reason) => Self::Json { reason },
            Unwritable::NotFinite => Self::AnswerNotFinite,
        }
    }

    /// The exit status.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Unanswered { first, .. } => first.status(),
            Self::Said(failure) => failure.status(),
            #[cfg(feature = "mpi")]
            Self::NoMpi => 1,
            #[cfg(not(feature = "mpi"))]
            Self::WithoutMpi { .. } => 2,
            Self::Report(reason) => status_of_report(reason),
            Self::NirFile(reason) => match reason.as_ref() {
                NirError::Read { .. } => 1,
                NirError::Write(reason) => status_of_report(reason),
                _ => 2,
            },
            Self::Study(reason) => status_of_study(reason),
            Self::Train(reason) => status_of_training(reason),
            Self::Config { .. }
            | Self::NothingToLearn
            | Self::Occupied { .. }
            | Self::NotEmpty { .. }
            | Self::NoRun { .. }
            | Self::SweepOfMany { .. }
            | Self::NotInSweep { .. }
            | Self::NothingToCollect { .. }
            | Self::Problem { .. }
            | Self::SeveralRuns
            | Self::StandardTwice
            | Self::SampleOfStudy
            | Self::MeaningOfProblem
            | Self::NirOfSample
            | Self::BestOfSample
            | Self::PlotOfMany
            | Self::NirOfMany
            | Self::NoNirFile
            | Self::FitOfMany
            | Self::NoTargets { .. }
            | Self::NoQuantity { .. }
            | Self::Fit(_)
            | Self::ConventionOfRead
            | Self::NoStep
            | Self::StepOfContinuous
            | Self::Nir { .. }
            | Self::NoPopulation { .. }
            | Self::NoNeurons { .. }
            | Self::Window { .. }
            | Self::NoLoss { .. }
            | Self::NothingToCompare { .. }
            | Self::SameName { .. }
            | Self::OverInput { .. }
            | Self::TooManySamples { .. }
            | Self::Library(
                Error::Network(_)
                | Error::Loss(LossError::Network(_))
                | Error::Simulate(
                    SimulateError::Network(_)
                    | SimulateError::Channel { .. }
                    | SimulateError::Pseudospike(_),
                )
                | Error::Adjoint(AdjointError::Network(_)),
            ) => 2,
            Self::EventBudget { .. }
            | Self::Zeno { .. }
            | Self::NotFinite { .. }
            | Self::Library(Error::Simulate(_)) => 3,
            Self::Grazing { .. }
            | Self::DerivativeNotFinite { .. }
            | Self::AnswerNotFinite
            | Self::Library(Error::Adjoint(_) | Error::Loss(_)) => 4,
            Self::Read { .. }
            | Self::Folder { .. }
            | Self::Write { .. }
            | Self::Threads { .. }
            | Self::Interrupts { .. }
            | Self::Json { .. }
            | Self::Library(_) => 1,
            Self::Interrupted { .. } => 130,
        }
    }
}

/// What failed outside is 1, a sample that has no run 3, one that has no gradient, or a gradient that leads nowhere, 4; everything
/// else is a file or a setting that is not valid.
fn status_of_training(reason: &TrainError) -> u8 {
    match reason {
        TrainError::Read { .. } | TrainError::Write { .. } | TrainError::Busy { .. } => 1,
        TrainError::Report(reason) => status_of_report(reason),
        TrainError::NotFinite { .. } | TrainError::Step { .. } => 4,
        TrainError::Training { reason, .. } => status_of_engine(reason),
        TrainError::Evaluation { reason, .. } => status_of_engine(reason),
        _ => 2,
    }
}

fn status_of_engine(reason: &Error) -> u8 {
    match reason {
        Error::Simulate(SimulateError::Pseudospike(_)) => 2,
        Error::Simulate(_) => 3,
        Error::Adjoint(_) => 4,
        _ => 2,
    }
}

/// What failed outside is 1; all else is a figure that cannot be.
fn status_of_report(reason: &ReportError) -> u8 {
    match reason {
        ReportError::Write { .. } | ReportError::Drawing { .. } => 1,
        _ => 2,
    }
}

/// A study makes its own problems: what fails is not the user's.
fn status_of_study(reason: &StudyError) -> u8 {
    match reason {
        StudyError::Interrupted => 130,
        StudyError::NoLoss => 2,
        StudyError::Train(reason) => status_of_training(reason),
        StudyError::Report(reason) => status_of_report(reason),
        _ => 1,
    }
}
