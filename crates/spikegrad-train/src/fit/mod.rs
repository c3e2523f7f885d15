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
mod network;
mod record;
mod sample_problem;
mod samples;
mod score;
mod trained;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use spikegrad::{Settings, Stimulus};

pub use classifier::{Classifier, Verdict};
pub use folder::RunFolder;
pub use record::{EpochRecord, RunResult};
pub use score::Score;

use crate::data::{DataSet, Splits};
use crate::optimise::{Average, Optimiser};
use crate::random::{Purpose, permutation, stream};
use crate::{Checkpoint, Config, TrainError};
use classifier::AVERAGE;
use epoch::Epoch;
use samples::Samples;

/// Watches a run, and may end it.
pub trait Observer {
    /// Called after each batch. On [`ControlFlow::Break`] the run falls back to its last completed
    /// epoch, and ends.
    fn batch(&mut self, progress: Progress) -> ControlFlow<()>;

    /// Called after each epoch, when its checkpoint is on the disk.
    fn epoch(&mut self, record: &EpochRecord);
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

    /// Prepares a run from its beginning, with any data.
    ///
    /// # Errors
    ///
    /// As [`Classifier::new`]; [`TrainError::OtherCode`] or [`TrainError::ConflictingSetting`] if the data are of another kind than the
    /// configuration is made for.
    pub fn with_data(
        config: &Config,
        data: Splits,
        settings: Settings,
    ) -> Result<Self, TrainError> {
        config.encoder.check(&data.train.inputs)?;
        if let Some(augmentation) = &config.augmentation {
            augmentation.check(&data.train.inputs)?;
        }
        let channels = config.encoder.channels(&data.train.inputs);
        let classifier = Classifier::new(config, channels, data.train.classes.len())?;
        let row = classifier.row();
        Ok(Self {
            settings,
            data: Arc::new(data),
            optimiser: Optimiser::new(config.optimiser, row.len()),
            average: config.average.map(|decay| Average::new(decay, &row)),
            completed: 0,
            classifier,
        })
    }

    /// Prepares a run that goes on from `checkpoint`, which must be of a run with this
    /// configuration; only the number of epochs, and where the data are, may differ.
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
        config.check_continues(&Config::from_json(&checkpoint.config)?)?;
        if config.epochs < checkpoint.epoch {
            let found = config.epochs.to_string();
            let rule = "at least the number of epochs that the run has completed";
            return Err(TrainError::InvalidSetting { key: "epochs".into(), found, rule });
        }
        let mut run = Self::new(config, settings)?;
        run.restore(checkpoint)?;
        Ok(run)
    }

    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<(), TrainError> {
        let Self { classifier, optimiser, average, completed, .. } = self;
        let config = classifier.config().optimiser;
        let names = config.memory_names().iter();
        let memory: Result<_, _> = names.map(|name| classifier.row_of(checkpoint, name)).collect();
        *optimiser = Optimiser::resume(config, memory?, checkpoint.step)
            .expect("rows of a checkpoint are as long as the optimiser's memory");
        if let Some(average) = average {
            *average = Average::new(average.decay(), &classifier.row_of(checkpoint, AVERAGE)?);
        }
        classifier.restore(checkpoint)?;
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
    pub fn evaluated(&self) -> Classifier {
        evaluated(&self.classifier, self.average.as_ref())
    }

    /// Returns the losses and verdicts on the test data.
    ///
    /// # Errors
    ///
    /// [`TrainError::Evaluation`] for the first sample that fails.
    pub fn answer_test(&self) -> Result<Vec<(f64, Verdict)>, TrainError> {
        let classifier = self.evaluated();
        let samples = Samples { data: self.test(), config: classifier.config(), epoch: None };
        classifier.answer(samples, &self.settings)
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
    /// [`TrainError::Network`] if the code makes no input of it.
    pub fn test_stimulus(&self, position: usize) -> Result<Stimulus, TrainError> {
        let config = self.classifier.config();
        Samples { data: self.test(), config, epoch: None }.stimulus(position)
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
            let progress = Progress { epoch: epoch.number, batches, of: self.batches() };
            if observer.batch(progress).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        let mut record = epoch.record()?;
        let Epoch { number, classifier, optimiser, average, .. } = epoch;
        self.classifier = classifier;
        self.optimiser = optimiser;
        self.average = average;
        self.completed = number;
        record.seconds = start.elapsed().as_secs_f64();
        Ok(ControlFlow::Continue(record))
    }
}

/// The network with the average of the parameters, if there is one.
fn evaluated(classifier: &Classifier, average: Option<&Average>) -> Classifier {
    let mut classifier = classifier.clone();
    if let Some(average) = average {
        classifier.set_row(&mut average.values().to_vec());
    }
    classifier
}

/// Trains `run` to its last epoch, or until the observer stops it, and keeps what happens in
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
    while run.completed() < run.classifier().config().epochs {
        let ControlFlow::Continue(record) = run.epoch(observer)? else {
            return Ok(ControlFlow::Break(()));
        };
        folder.keep(&record, &run.checkpoint()?)?;
        observer.epoch(&record);
    }
    folder.finish(run).map(ControlFlow::Continue)
}

#[cfg(test)]
mod tests {
    use super::*;
    use spikegrad::{Error, SimulateError};

    fn small() -> Config {
        let mut config = Config::default();
        for (key, value) in [
            ("layers.0.size", "30"),
            ("layers.1.weights.mean", "3"),
            ("batch_size", "150"),
            ("epochs", "2"),
        ] {
            config.set(key, value).unwrap();
        }
        config
    }

    /// Stops after this many batches.
    struct Patience(usize);

    impl Observer for Patience {
        fn batch(&mut self, _: Progress) -> ControlFlow<()> {
            self.0 -= 1;
            if self.0 == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }

        fn epoch(&mut self, _: &EpochRecord) {}
    }

    fn epoch(run: &mut Run) -> EpochRecord {
        match run.epoch(&mut ()).unwrap() {
            ControlFlow::Continue(record) => EpochRecord { seconds: 0.0, ..record },
            ControlFlow::Break(()) => panic!("nothing stops it"),
        }
    }

    #[test]
    fn an_epoch_learns_and_a_resumed_run_learns_the_same() {
        let mut through = Run::new(&small(), Settings::default()).unwrap();
        let first = epoch(&mut through);
        let checkpoint = through.checkpoint().unwrap();
        let second = epoch(&mut through);
        assert!(second.train_loss < first.train_loss, "{first:?} {second:?}");
        assert!(second.test_accuracy > 0.4 && second.gradient_norm > 0.0, "{second:?}");

        let mut resumed = Run::resume(&small(), &checkpoint, Settings::default()).unwrap();
        assert_eq!(epoch(&mut resumed), second);
        assert_eq!(resumed.checkpoint().unwrap(), through.checkpoint().unwrap());
    }

    #[test]
    fn silent_neurons_are_left_alone_for_the_batches_that_were_asked_for() {
        // No hidden neuron ever spikes. Of the five batches of an epoch, the last ones push.
        let push = |after: &str| {
            let mut config = small();
            for (key, value) in [
                ("layers.0.weights.mean", "-1"),
                ("layers.0.weights.std", "0"),
                ("batch_size", "1000"),
                ("regularisers.silent_label_push", "0"),
                ("regularisers.wake_silent", &format!(r#"{{"push": 0.5, "after": {after}}}"#)),
            ] {
                config.set(key, value).unwrap();
            }
            epoch(&mut Run::new(&config, Settings::default()).unwrap()).push_norm
        };
        let every = push("1");
        assert!(every > 0.0);
        for (after, batches) in [("2", 4.0), ("5", 1.0), ("6", 0.0)] {
            assert!((push(after) / every - batches / 5.0).abs() < 1e-12, "{after}");
        }
    }

    #[test]
    fn a_resumed_run_has_the_same_bits_whatever_is_trained() {
        let mut config = small();
        for (key, value) in [
            ("layers.0.size", "10"),
            ("layers.0.recurrent", r#"{"mean": 0, "std": 0.3}"#),
            ("layers.0.delays", r#"{"mean": 0, "std": 0.003}"#),
            ("layers.1.weights.mean", "5"),
            ("learning_rates.delays", "0.0005"),
            ("learning_rates.tau_mem", "0.01"),
            ("learning_rates.tau_syn", "0.01"),
            ("learning_rates.thresholds", "0.01"),
            ("learning_rates.biases", "0.01"),
            ("optimiser", r#"{"name": "ada-belief", "epsilon": 1e-12}"#),
            ("schedule.warm_up", "0.5"),
            ("augmentation", r#"{"jitter": 0.001}"#),
            ("average", "0.9"),
            ("clip", "5"),
        ] {
            config.set(key, value).unwrap();
        }
        let mut through = Run::new(&config, Settings::default()).unwrap();
        epoch(&mut through);
        let checkpoint = through.checkpoint().unwrap();
        let second = epoch(&mut through);
        let mut resumed = Run::resume(&config, &checkpoint, Settings::default()).unwrap();
        assert_eq!(resumed.checkpoint().unwrap(), checkpoint);
        assert_eq!(epoch(&mut resumed), second);
        assert_eq!(resumed.checkpoint().unwrap(), through.checkpoint().unwrap());
        // A checkpoint holds time constants, not the logarithms in which they move.
        let tau_mem = checkpoint.tensor("hidden.tau_mem", &[10]).unwrap();
        assert!(tau_mem.iter().all(|tau| (0.01..0.04).contains(tau)), "{tau_mem:?}");
    }

    #[test]
    fn a_stopped_epoch_never_happened() {
        let mut run = Run::new(&small(), Settings::default()).unwrap();
        let before = run.checkpoint().unwrap();
        // 5000 samples are 34 batches of 150; the last one is shorter.
        let stopped = run.epoch(&mut Patience(34)).unwrap();
        assert!(stopped.is_break());
        assert_eq!(run.checkpoint().unwrap(), before);
        assert!(run.epoch(&mut Patience(35)).unwrap().is_continue());
        assert_eq!(run.completed(), 1);
    }

    #[test]
    fn a_run_goes_on_with_its_own_settings_and_perhaps_more_epochs() {
        let run = Run::new(&small(), Settings::default()).unwrap();
        let mut checkpoint = run.checkpoint().unwrap();
        checkpoint.epoch = 2;
        let resume = |key: &str, value: &str| {
            let mut config = small();
            config.set(key, value).unwrap();
            Run::resume(&config, &checkpoint, Settings::default()).map(|run| run.completed())
        };
        assert_eq!(resume("epochs", "7").unwrap(), 2);
        // A cosine would have given the completed epochs other learning rates.
        let cosine = |epochs: u32| {
            let mut config = Config { epochs, ..small() };
            config.set("schedule.shape", r#"{"name": "cosine", "final_share": 0}"#).unwrap();
            config
        };
        assert!(cosine(3).check_continues(&cosine(2)).is_err());
        cosine(2).check_continues(&cosine(2)).unwrap();
        assert_eq!(
            resume("epochs", "1").unwrap_err().to_string(),
            "setting `epochs` is 1, but must be at least the number of epochs that the run has completed"
        );
        assert_eq!(
            resume("optimiser.beta1", "0.8").unwrap_err().to_string(),
            "setting `optimiser.beta1` is 0.8, but the run was started with 0.9; a run goes on with its own settings; only where the data are may change, and `epochs` unless the learning rates depend on it"
        );
    }

    #[test]
    fn a_sample_that_cannot_be_learned_is_named() {
        let mut config = small();
        config.set("seed", "5").unwrap();
        let mut run = Run::new(&config, Settings { max_events: 3, ..Settings::default() }).unwrap();
        let first = permutation(5000, &mut stream(5, Purpose::Shuffle, 0))[0];
        match run.epoch(&mut ()).unwrap_err() {
            TrainError::Training { epoch: 1, batch: 1, sample, neuron: None, reason } => {
                let is_budget = matches!(
                    *reason,
                    Error::Simulate(SimulateError::EventBudget { max_events: 3, .. })
                );
                assert!(is_budget, "{reason}");
                assert_eq!(sample, first);
            }
            other => panic!("{other}"),
        }
    }

    fn failure(settings: &[(&str, &str)]) -> TrainError {
        let mut config = small();
        for (key, value) in settings {
            config.set(key, value).unwrap();
        }
        let mut run = Run::new(&config, Settings::default()).unwrap();
        let before = run.checkpoint().unwrap();
        let error = run.epoch(&mut ()).unwrap_err();
        assert_eq!(run.checkpoint().unwrap(), before, "the run is as it was");
        error
    }

    /// Scores are averages in units of `scale`.
    fn shaped(scale: &str) -> String {
        format!(r#"{{"name": "shaped-voltage-cross-entropy", "tau": 0.02, "scale": {scale}}}"#)
    }

    #[test]
    fn a_loss_that_is_not_finite_is_traced_to_a_neuron() {
        // Averages of 10⁻¹ in units of 10⁻³¹⁰ are no doubles.
        let settings = [("layers.1.model", "li"), ("loss", &shaped("1e-310"))];
        let error = failure(&settings);
        let message = error.to_string();
        assert!(
            message.contains("the loss is outside the range of a double; look at neuron output[")
        );
        assert!(message.contains("with respect to a potential is "), "{message}");
        let first = permutation(5000, &mut stream(0, Purpose::Shuffle, 0))[0];
        match error {
            TrainError::NotFinite { epoch: 1, batch: 1, sample, what: "loss", value, .. } => {
                assert_eq!(sample, first);
                assert!(!value.is_finite());
            }
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_sum_of_gradients_that_overflows_is_traced_to_a_sample_and_a_neuron() {
        let layer = r#"[{"name": "output", "model": "li", "tau_mem": 0.02, "tau_syn": 0.005,
                         "weights": {"mean": 0.01, "std": 0.01}}]"#;
        // Of the first only the sum over the batch overflows; of the second, only its square.
        for (scale, outside) in [("1e-307", "gradient"), ("1e-200", "square of the gradient")] {
            let loss = shaped(scale);
            let settings = [("layers", layer), ("loss", loss.as_str()), ("batch_size", "5000")];
            match failure(&settings) {
                TrainError::NotFinite { epoch: 1, batch: 1, neuron, of, what, value, .. } => {
                    assert_eq!((what, of.as_str()), (outside, "weight"));
                    assert!(neuron.starts_with("output["), "{neuron}");
                    let scale: f64 = scale.parse().unwrap();
                    assert!((1e-3..10.0).contains(&(value.abs() * scale)), "{value}");
                }
                other => panic!("{other}"),
            }
        }
    }

    #[test]
    fn a_spike_whose_derivative_overflows_is_named_with_its_layer() {
        // The derivative of a score is 10³⁰⁸, and that of a score with respect to a hidden spike time more than one a second.
        let settings = [("layers.1.model", "li"), ("loss", &shaped("1e-308"))];
        let message = failure(&settings).to_string();
        assert!(message.starts_with("epoch 1, batch 1, training sample "), "{message}");
        assert!(message.contains(", neuron hidden["), "{message}");
    }

    #[test]
    fn a_step_that_leads_out_of_the_range_of_a_double_is_named_with_its_batch() {
        let message = failure(&[
            ("learning_rates.weights", "1e300"),
            ("optimiser", r#"{"name": "sgd"}"#),
            ("loss.tau0", "1e-20"),
        ]);
        let message = message.to_string();
        assert!(
            message
                .starts_with("epoch 1, batch 1: the step was too far, because after it network."),
            "{message}"
        );
        // A logarithm of a time constant that far below zero is none at all.
        let message = failure(&[("learning_rates.tau_mem", "1e5")]).to_string();
        assert!(message.contains("params.tau_mem["), "{message}");
        assert!(message.contains("must be a positive time in seconds"), "{message}");
    }

    #[test]
    fn a_silent_label_is_pushed_if_the_configuration_says_so() {
        let mut config = small();
        // Outputs that never spike, not even after an epoch of pushes.
        config.set("layers.1.weights.mean", "-1").unwrap();
        config.set("regularisers.silent_label_push", "0").unwrap();
        let start = Run::new(&config, Settings::default()).unwrap();
        let mut left = start.clone();
        let record = epoch(&mut left);
        assert_eq!((record.undecided, record.gradient_norm), (1.0, 0.0));
        assert_eq!(left.classifier.row(), start.classifier.row());

        config.set("regularisers.silent_label_push", "0.1").unwrap();
        let mut pushed = Run::new(&config, Settings::default()).unwrap();
        assert_eq!(epoch(&mut pushed).gradient_norm.to_bits(), 0, "a push is no gradient");
        let (before, after) = (start.classifier.row(), pushed.classifier.row());
        let outputs = 30 * 5;
        assert_eq!(before[..outputs], after[..outputs]);
        assert!(
            before[outputs..].iter().zip(&after[outputs..]).all(|(before, after)| before < after)
        );
    }
}
