//! One pass over the training data: a step of the optimiser for each batch.
//!
//! An [`Epoch`] works on a copy of the weights and of the optimiser's memory, and the run takes them
//! over only when the pass has come to its end.
//!
//! Not here: the order of the samples (`mod.rs`), the gradient (`spikegrad`).

use spikegrad::{
    AdjointError, Evaluator, NetworkError, Parameters, Sample, Trace, value_and_grad_batch,
};

use super::classifier::{Classifier, Coded, Verdict, flat};
use super::score::{Score, Tally};
use super::{EpochRecord, Run};
use crate::{Adam, TrainError, learning_rate};

/// A pass under way.
#[derive(Debug)]
pub(super) struct Epoch<'a> {
    run: &'a Run,
    /// Counted from 1.
    pub(super) number: u32,
    pub(super) classifier: Classifier,
    pub(super) optimiser: Adam,
    evaluator: Evaluator<'a>,
    /// The gradient of the batch under way.
    derivatives: Parameters,
    rate: f64,
    tally: Tally,
    batches: u32,
    /// Sum over the batches of the norm of the gradient.
    norms: f64,
    largest_norm: f64,
}

impl<'a> Epoch<'a> {
    pub(super) fn new(run: &'a Run) -> Result<Self, TrainError> {
        let config = run.classifier.config();
        let (network, parameters) = (run.classifier.network(), run.classifier.parameters());
        let failed = |reason: NetworkError| TrainError::Training {
            epoch: run.completed + 1,
            batch: 0,
            sample: 0,
            reason: reason.into(),
        };
        Ok(Self {
            evaluator: Evaluator::new(network, parameters, run.settings).map_err(failed)?,
            derivatives: parameters.zeros_like(),
            run,
            number: run.completed + 1,
            classifier: run.classifier.clone(),
            optimiser: run.optimiser.clone(),
            rate: learning_rate(config.optimiser.learning_rate, config.decay, run.completed),
            tally: Tally::new(),
            batches: 0,
            norms: 0.0,
            largest_norm: 0.0,
        })
    }

    /// Moves the weights one step along the mean gradient of the training samples `batch`, which is
    /// the batch `number` of the epoch.
    pub(super) fn batch(&mut self, number: usize, batch: &[usize]) -> Result<(), TrainError> {
        let (run, epoch) = (self.run, self.number);
        let classifier = &self.classifier;
        let (evaluator, derivatives) = (&mut self.evaluator, &mut self.derivatives);
        let failed = |position: usize, reason| TrainError::Training {
            epoch,
            batch: number,
            sample: batch[position],
            reason,
        };
        let labels: Vec<usize> = batch.iter().map(|&k| run.train.labels[k]).collect();
        let inputs = batch.iter().map(|&k| &run.train.stimuli[k]);
        let samples: Vec<Sample<'_>> =
            inputs.zip(&labels).map(|(input, &label)| classifier.sample(input, label)).collect();
        let verdict = |_, trace: &Trace| classifier.verdict(trace);
        evaluator
            .set_parameters(classifier.parameters())
            .map_err(|error| failed(0, error.into()))?;
        let evaluated = evaluator
            .value_and_grad_batch(&samples, derivatives, verdict)
            .map_err(|error| failed(error.sample, error.source))?;

        #[expect(clippy::cast_precision_loss, reason = "a batch has at most a million samples")]
        let share = 1.0 / batch.len() as f64;
        let mut gradient = flat(derivatives);
        gradient.iter_mut().for_each(|derivative| *derivative *= share);
        let norm = gradient.iter().map(|derivative| derivative * derivative).sum::<f64>().sqrt();
        if !norm.is_finite() {
            return Err(failed(self.steepest(&samples), AdjointError::NonFiniteLoss.into()));
        }
        self.batches += 1;
        self.norms += norm;
        self.largest_norm = self.largest_norm.max(norm);
        for ((loss, verdict), &label) in evaluated.iter().zip(&labels) {
            self.tally.add(*loss, verdict, label);
            self.push_if_silent(verdict, label, share, &mut gradient);
        }
        let mut weights = self.classifier.weights();
        self.optimiser.step(self.rate, &mut weights, &gradient);
        self.classifier.set_weights(&weights);
        Ok(())
    }

    /// Gives a sample with a silent label something to learn from: see `Config::silent_label_push`.
    fn push_if_silent(&self, verdict: &Verdict, label: usize, share: f64, gradient: &mut [f64]) {
        if verdict.silent[label] {
            let push = share * self.classifier.config().silent_label_push;
            for derivative in &mut gradient[self.classifier.weights_onto(label)] {
                *derivative -= push;
            }
        }
    }

    /// Position of the sample with the largest derivative, or one that is not finite.
    fn steepest(&self, samples: &[Sample<'_>]) -> usize {
        let (network, parameters) = (self.classifier.network(), self.classifier.parameters());
        let largest = |sample: &Sample<'_>| {
            let one = std::slice::from_ref(sample);
            let alone =
                value_and_grad_batch(network, parameters, one, &self.run.settings, |_, _| ());
            let gradient = alone.map(|evaluated| flat(&evaluated.gradient)).unwrap_or_default();
            let size = |x: f64| if x.is_nan() { f64::INFINITY } else { x.abs() };
            gradient.into_iter().map(size).fold(0.0, f64::max)
        };
        let sizes: Vec<f64> = samples.iter().map(largest).collect();
        (0..samples.len()).max_by(|&a, &b| sizes[a].total_cmp(&sizes[b])).unwrap_or(0)
    }

    /// What is to be said of the pass when it has come to its end, but for the time it took.
    pub(super) fn record(&self) -> Result<EpochRecord, TrainError> {
        let score = |data: &Coded| -> Result<Score, TrainError> {
            Ok(Score::of(&self.classifier.answer(data, &self.run.settings)?, &data.labels))
        };
        let train = self.tally.score();
        let (validation, test) = (score(&self.run.validation)?, score(&self.run.test)?);
        Ok(EpochRecord {
            epoch: self.number,
            train_loss: train.loss,
            train_accuracy: train.accuracy,
            validation_loss: validation.loss,
            validation_accuracy: validation.accuracy,
            test_loss: test.loss,
            test_accuracy: test.accuracy,
            learning_rate: self.rate,
            hidden_spikes_per_sample: train.hidden_spikes,
            spikes_per_sample: test.spikes,
            silent_outputs_per_sample: train.silent_outputs,
            undecided: train.undecided,
            smallest_slope: train.smallest_slope,
            gradient_norm: self.norms / f64::from(self.batches.max(1)),
            largest_gradient_norm: self.largest_norm,
            seconds: 0.0,
        })
    }
}
