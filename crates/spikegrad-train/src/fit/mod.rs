//! The training loop: passes over the data, each followed by a look at data that were not trained
//! on, and a folder that remembers.
//!
//! A [`Run`] is the numbers: weights, optimiser, data. It moves an epoch at a time, and an epoch
//! that does not come to its end leaves it as it was. A [`RunFolder`] is the files: configuration,
//! metrics, checkpoint, figures, result. [`fit`] brings the two together, and an [`Observer`]
//! watches, and may ask it to stop.
//!
//! The order of the samples depends on the seed and the epoch alone, and sums are taken in a fixed
//! order: a run has the same bits on any number of threads, and whether or not it was interrupted.
//!
//! Not here: progress on a screen, signals (the program does both through its observer).

mod blame;
mod classifier;
mod epoch;
mod figures;
mod folder;
mod memory;
mod network;
mod record;
mod sample_problem;
mod samples;
mod score;
mod task_loss;
mod team;
mod tensors;
mod trained;
mod verdict;
mod warning;

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use spikegrad::{Settings, Stimulus, Trace};

pub use classifier::Classifier;
pub use folder::{RunFolder, Stored};
pub use record::{BestEpoch, EpochRecord, RunResult};
pub use score::Score;
pub use team::Team;
pub use verdict::Verdict;
pub use warning::Warning;

use crate::config::GrazingPolicy;
use crate::data::{DataProblem, DataSet, Splits};
use crate::optimise::{Average, Optimiser};
use crate::random::{Purpose, permutation, stream};
use crate::{Checkpoint, Config, TrainError};
use classifier::AVERAGE;
use epoch::Epoch;
use samples::Samples;
use team::Together;

/// Watches a run, and may end it.
pub trait Observer {
    /// Called after each batch. On [`ControlFlow::Break`] the run falls back to its last completed
    /// epoch, and ends.
    fn batch(&mut self, progress: Progress) -> ControlFlow<()>;

    /// Called after each epoch, when its checkpoint is on the disk.
    fn epoch(&mut self, record: &EpochRecord);

    /// Called with each sentence that a user should read, once: with those about the run before its first epoch, with others when
    /// their epoch has ended. They stand in the records, too.
    fn warn(&mut self, warning: &str) {
        let _ = warning;
    }

    /// Called after the last epoch, before the figures are drawn, which takes some seconds.
    fn finish(&mut self) {}
}

/// Watches nothing.
impl Observer for () {
    fn batch(&mut self, _: Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn epoch(&mut self, _: &EpochRecord) {}
}

/// How far an epoch has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The epoch under way, counted from 1.
    pub epoch: u32,
    /// Completed batches.
    pub batches: usize,
    /// Batches of an epoch.
    pub of: usize,
}

/// A training run between two epochs.
#[derive(Clone, Debug)]
pub struct Run {
    settings: Settings,
    data: Arc<Splits>,
    classifier: Classifier,
    optimiser: Optimiser,
    /// The average of the parameters, if that is what is evaluated.
    average: Option<Average>,
    /// Number of completed epochs.
    completed: u32,
    /// What a user should know before the first epoch.
    warnings: Vec<Warning>,
    /// The processes that train it, if there are several.
    team: Option<Together>,
}

impl Run {
    /// Prepares a run from its beginning, with the data of its configuration; `settings` say how its samples are evaluated.
    ///
    /// # Errors
    ///
    /// As [`DataConfig::load`](crate::data::DataConfig::load) and [`with_data`](Self::with_data).
    pub fn new(config: &Config, settings: Settings) -> Result<Self, TrainError> {
        config.validate()?;
        Self::with_data(config, config.data.load()?, settings)
    }

    /// Prepares a run from its beginning, with any data; with the parameters of another run, if the configuration says so.
    ///
    /// # Errors
    ///
    /// As [`Classifier::new`]; [`TrainError::NoSamples`] if the training or the test set is empty; [`TrainError::Data`] if the parts do not fit
    /// each other; [`TrainError::OtherCode`],
    /// [`TrainError::Untargeted`] or [`TrainError::ConflictingSetting`] if the data are of another kind than the configuration is made
    /// for; [`TrainError::Start`] if the parameters of the other run cannot be taken.
    pub fn with_data(
        config: &Config,
        data: Splits,
        settings: Settings,
    ) -> Result<Self, TrainError> {
        let classifier = Self::drawn(config, &data)?;
        let mut run = Self::of(classifier, data, settings);
        if let Some(init) = &config.init {
            let from =
                |reason| TrainError::Start { path: init.from.clone(), reason: Box::new(reason) };
            let checkpoint = folder::checkpoint_at(&init.from).map_err(from)?;
            run.classifier.start_from(&checkpoint, init.layers.as_deref()).map_err(from)?;
            run.forget();
        }
        Ok(run)
    }

    /// The network with the parameters that are drawn, if it goes with these data.
    fn drawn(config: &Config, data: &Splits) -> Result<Classifier, TrainError> {
        for (part, set) in [("training", &data.train), ("test", &data.test)] {
            if set.is_empty() {
                return Err(TrainError::NoSamples { part });
            }
        }
        let train = &data.train;
        if let Some(augmentation) = &config.augmentation {
            augmentation.check(&train.inputs)?;
        }
        if config.best.is_some() && data.validation.is_empty() {
            let rule = "needs a validation set, and there is none; set `data.validation`";
            return Err(TrainError::ConflictingSetting { key: "best", rule });
        }
        let outputs = match (config.loss.reads_targets(), &train.targets) {
            (true, targets) => targets.as_ref().map_or(0, |targets| targets.channels),
            (false, _) => train.classes.len(),
        };
        let parts = [train, &data.validation, &data.test];
        for set in parts.into_iter().filter(|set| !set.is_empty()) {
            check_part(config, set, train.inputs.width(), outputs)?;
        }
        let channels = config.encoder.channels(&train.inputs);
        Classifier::new(config, channels, outputs)
    }

    /// A run of this network from its beginning.
    fn of(classifier: Classifier, data: Splits, settings: Settings) -> Self {
        let config = classifier.config();
        let grazing = match config.grazing {
            GrazingPolicy::Fail => settings.grazing,
            policy => policy.into(),
        };
        let mut run = Self {
            settings: Settings {
                grazing,
                with_respect_to: classifier.with_respect_to(),
                ..settings
            },
            warnings: warning::at_the_start(&classifier, &data),
            data: Arc::new(data),
            optimiser: Optimiser::new(config.optimiser, 0),
            average: None,
            completed: 0,
            classifier,
            team: None,
        };
        run.forget();
        run
    }

    /// Starts the optimiser and the average anew, with the parameters as they are.
    fn forget(&mut self) {
        let (config, row) = (self.classifier.config(), self.classifier.row());
        self.optimiser = Optimiser::new(config.optimiser, row.len());
        self.average = config.average.map(|decay| Average::new(decay, &row));
    }

    /// Prepares a run that goes on from `checkpoint`, which must be of a run with this configuration, but for what
    /// [`Config::check_continues`] lets differ.
    ///
    /// # Errors
    ///
    /// [`TrainError::OtherRun`] for the first setting that differs; [`TrainError::InvalidSetting`]
    /// if fewer epochs are asked for than are completed; [`TrainError::MissingTensor`] or
    /// [`TrainError::TensorShape`]; and as [`new`](Self::new).
    pub fn resume(
        config: &Config,
        checkpoint: &Checkpoint,
        settings: Settings,
    ) -> Result<Self, TrainError> {
        config.check_continues(&Config::of_run(&checkpoint.config)?)?;
        if config.epochs < checkpoint.epoch {
            let found = config.epochs.to_string();
            let rule = "at least the number of epochs that the run has completed";
            return Err(TrainError::InvalidSetting { key: "epochs".into(), found, rule });
        }
        config.validate()?;
        let data = config.data.load()?;
        let mut run = Self::of(Self::drawn(config, &data)?, data, settings);
        run.restore(checkpoint)?;
        Ok(run)
    }

    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<(), TrainError> {
        self.classifier.restore(checkpoint)?;
        self.forget();
        let Self { classifier, optimiser, average, completed, .. } = self;
        let config = classifier.config().optimiser;
        let names = config.memory_names().iter();
        let memory: Result<_, _> = names.map(|name| classifier.row_of(checkpoint, name)).collect();
        *optimiser = Optimiser::resume(config, memory?, checkpoint.step)
            .expect("rows of a checkpoint are as long as the optimiser's memory");
        if let Some(average) = average {
            *average = Average::new(average.decay(), &classifier.row_of(checkpoint, AVERAGE)?);
        }
        *completed = checkpoint.epoch;
        Ok(())
    }

    /// The network, as trained so far.
    #[must_use]
    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// Number of completed epochs.
    #[must_use]
    pub fn completed(&self) -> u32 {
        self.completed
    }

    /// What a user should know before the first epoch.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// How its samples are evaluated.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Number of batches of an epoch.
    #[must_use]
    pub fn batches(&self) -> usize {
        self.data.train.len().div_ceil(self.classifier.config().batch_size)
    }

    /// Returns the state of the run, to go on from.
    ///
    /// # Errors
    ///
    /// [`TrainError::MalformedConfig`], which a validated configuration has no reason for.
    pub fn checkpoint(&self) -> Result<Checkpoint, TrainError> {
        let config = self.classifier.config();
        Ok(Checkpoint {
            epoch: self.completed,
            step: self.optimiser.steps(),
            seed: config.seed,
            config: config.to_json()?,
            tensors: self.classifier.tensors(&self.optimiser, self.average.as_ref()),
        })
    }

    /// The network with the parameters that are evaluated: their average, if the configuration wants one.
    #[must_use]
    pub fn evaluated(&self) -> Cow<'_, Classifier> {
        evaluated(&self.classifier, self.average.as_ref())
    }

    /// Returns the losses and verdicts on the test data.
    ///
    /// # Errors
    ///
    /// [`TrainError::Evaluation`] for the first sample that fails.
    pub fn answer_test(&self) -> Result<Vec<(f64, Verdict)>, TrainError> {
        let answers = self.answer_test_with(|_, _| ())?;
        Ok(answers.into_iter().map(|(loss, verdict, ())| (loss, verdict)).collect())
    }

    /// The same, with what `look` sees in the run of the sample at each position.
    ///
    /// # Errors
    ///
    /// As [`answer_test`](Self::answer_test).
    pub fn answer_test_with<R: Send>(
        &self,
        look: impl Fn(usize, &Trace) -> R + Sync,
    ) -> Result<Vec<(f64, Verdict, R)>, TrainError> {
        let classifier = self.evaluated();
        let samples = Samples { data: self.test(), config: classifier.config(), epoch: None };
        let all = 0..samples.data.len();
        classifier.answer_with(samples, all, &self.settings, look)
    }

    /// The test data.
    #[must_use]
    pub fn test(&self) -> &DataSet {
        &self.data.test
    }

    /// The input of a test sample.
    ///
    /// # Errors
    ///
    /// [`TrainError::NoSample`] if there is no such sample, [`TrainError::Network`] if the code makes no input of it.
    pub fn test_stimulus(&self, position: usize) -> Result<Stimulus, TrainError> {
        let count = self.test().len();
        if position >= count {
            return Err(TrainError::NoSample { split: "test", position, count });
        }
        let config = self.classifier.config();
        Samples { data: self.test(), config, epoch: None }.stimulus(position)
    }

    /// Trains this run together with other processes: this one is the first of `team`, the others [`follow`](Self::follow).
    ///
    /// # Errors
    ///
    /// [`TrainError::Member`] for the first process that cannot take the run over.
    pub fn lead(&mut self, team: Arc<dyn Team>) -> Result<(), TrainError> {
        let team = Together::new(team);
        team.of_first(Some(self.checkpoint()?.to_bytes(Path::new(SENT))?));
        joined(&team, Ok(()))?;
        self.team = Some(team);
        Ok(())
    }

    /// Takes over the run that the first process of `team` [leads](Self::lead), which is trained with [`follow`].
    ///
    /// # Errors
    ///
    /// As [`resume`](Self::resume), and [`TrainError::Member`] for the first process that cannot take it over.
    pub fn follow(team: Arc<dyn Team>, settings: Settings) -> Result<Self, TrainError> {
        let team = Together::new(team);
        let sent: Vec<u8> = team.of_first(None);
        let run = Checkpoint::from_bytes(&sent, Path::new(SENT)).and_then(|checkpoint| {
            Self::resume(&Config::of_run(&checkpoint.config)?, &checkpoint, settings)
        });
        joined(&team, run.as_ref().map(drop).map_err(ToString::to_string))?;
        Ok(Self { team: Some(team), ..run? })
    }

    /// Whether it is so, which the first process decides.
    fn decided(&self, is_so: bool) -> bool {
        match &self.team {
            Some(team) => team.of_first(team.is_first().then_some(is_so)),
            None => is_so,
        }
    }

    /// The losses and verdicts of samples, of which each process has a share.
    fn answers(
        &self,
        classifier: &Classifier,
        samples: Samples<'_>,
    ) -> Result<Vec<(f64, Verdict)>, TrainError> {
        let all = 0..samples.data.len();
        if let Some(team) = &self.team {
            let own = classifier.answer(samples, team.share(all.len()), &self.settings);
            if team.all(own.is_ok()) {
                return Ok(team.gathered(own?).into_iter().flatten().collect());
            }
        }
        classifier.answer(samples, all, &self.settings)
    }

    /// Trains for one epoch, or until the observer stops it: then the run is as it was before.
    ///
    /// # Errors
    ///
    /// [`TrainError::Training`] for the first sample that has no loss or no gradient, [`TrainError::NotFinite`] if a loss or the
    /// gradient of a batch is not finite, [`TrainError::Step`] if a step leads out of what a network can have,
    /// [`TrainError::Evaluation`] for a sample of the validation or test data.
    pub fn epoch(
        &mut self,
        observer: &mut dyn Observer,
    ) -> Result<ControlFlow<(), EpochRecord>, TrainError> {
        let start = Instant::now();
        let config = self.classifier.config();
        let mut rng = stream(config.seed, Purpose::Shuffle, self.completed);
        let order = permutation(self.data.train.len(), &mut rng);
        let mut epoch = Epoch::new(self)?;
        for (batches, batch) in (1..).zip(order.chunks(config.batch_size)) {
            epoch.batch(batches, batch)?;
            let progress = Progress { epoch: epoch.number(), batches, of: self.batches() };
            let is_over = observer.batch(progress).is_break();
            if self.decided(is_over) {
                return Ok(ControlFlow::Break(()));
            }
        }
        let mut record = epoch.record()?;
        (self.completed, self.classifier, self.optimiser, self.average) = epoch.into_parts();
        record.seconds = start.elapsed().as_secs_f64();
        Ok(ControlFlow::Continue(record))
    }
}

/// Checks that a part of the data is one that a network with inputs of this width, and so many outputs, can be asked.
fn check_part(
    config: &Config,
    set: &DataSet,
    width: usize,
    outputs: usize,
) -> Result<(), TrainError> {
    set.check()?;
    config.encoder.check(&set.inputs)?;
    let found = set.inputs.width();
    if found != width {
        return Err(DataProblem::OtherWidth { found, expected: width }.into());
    }
    if config.loss.reads_targets() {
        return match &set.targets {
            Some(targets) if targets.channels == outputs => Ok(()),
            Some(targets) => {
                let (found, expected) = (targets.channels, outputs);
                Err(DataProblem::OtherTargets { found, expected }.into())
            }
            None => Err(config.loss.untargeted()),
        };
    }
    match set.labels.iter().position(|&label| label >= outputs) {
        _ if set.labels.is_empty() => Err(config.loss.untargeted()),
        Some(sample) => {
            let (label, classes) = (set.labels[sample], outputs);
            Err(DataProblem::Label { sample, label, classes }.into())
        }
        None => Ok(()),
    }
}

/// The network with the average of the parameters, if there is one.
fn evaluated<'a>(classifier: &'a Classifier, average: Option<&Average>) -> Cow<'a, Classifier> {
    let Some(average) = average else { return Cow::Borrowed(classifier) };
    let mut classifier = classifier.clone();
    classifier.set_row(&mut average.values().to_vec());
    Cow::Owned(classifier)
}

/// Trains `run` to its last epoch, or until no epoch is better, or until the observer stops it, and keeps what happens in
/// `folder`.
///
/// After each epoch its metrics and then its checkpoint are on the disk. After the last, figures
/// and the result are written.
///
/// # Errors
///
/// As [`Run::epoch`], and [`TrainError::Write`]. The folder then holds the last completed epoch.
pub fn fit(
    run: &mut Run,
    folder: &mut RunFolder,
    observer: &mut dyn Observer,
) -> Result<ControlFlow<(), RunResult>, TrainError> {
    let mut said: Vec<String> = run.warnings().iter().map(Warning::to_string).collect();
    said.iter().for_each(|warning| observer.warn(warning));
    folder.begin(run)?;
    while run.decided(run.completed() < run.classifier().config().epochs && !folder.is_over(run)) {
        let ControlFlow::Continue(record) = run.epoch(observer)? else {
            return Ok(ControlFlow::Break(()));
        };
        folder.keep(&record, run)?;
        observer.epoch(&record);
        for warning in &record.warnings {
            if !said.contains(warning) {
                observer.warn(warning);
                said.push(warning.clone());
            }
        }
    }
    observer.finish();
    folder.finish(run).map(ControlFlow::Continue)
}

/// Trains `run`, which [follows](Run::follow) another process, as far as that one goes.
///
/// # Errors
///
/// As [`Run::epoch`].
pub fn follow(run: &mut Run) -> Result<ControlFlow<()>, TrainError> {
    while run.decided(false) {
        if run.epoch(&mut ())?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// What stands for the path of a checkpoint that another process sends.
const SENT: &str = "the first process";

/// Says to all processes whether this one has the run.
fn joined(team: &Together, own: Result<(), String>) -> Result<(), TrainError> {
    let outcomes = team.gathered(own).into_iter().enumerate();
    let mut failed = outcomes.filter_map(|(rank, outcome)| Some((rank, outcome.err()?)));
    match failed.next() {
        Some((rank, reason)) => Err(TrainError::Member { rank, reason }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
