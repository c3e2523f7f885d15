//! Whose fault it is where a batch cannot be learned from: which sample, and which neuron.
//!
//! The engine names the neuron of a spike that grazes, or whose derivative overflows. It cannot see a sum over a batch that does,
//! and of a loss that is not finite it says only that. Then the samples are looked at once more, each alone, for the derivative
//! that is farthest out: the first that is not finite, or else the largest.
//!
//! Not here: what is wrong with parameters after a step (the network says so itself).

use spikegrad::{
    AdjointError, BatchError, Cotangents, Error, Evaluator, LossError, LossMemory, NeuronId,
    Settings, SimulateError, value_and_grad_batch,
};

use super::classifier::Classifier;
use super::samples::Coded;
use crate::TrainError;

/// A batch in which something went wrong.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blame<'a> {
    pub(super) classifier: &'a Classifier,
    pub(super) settings: &'a Settings,
    /// The epoch and the batch, counted from 1.
    pub(super) number: (u32, usize),
    /// Positions of the samples in the training data.
    pub(super) batch: &'a [usize],
    pub(super) coded: &'a Coded,
}

/// A derivative.
#[derive(Clone, Debug, PartialEq)]
struct Derivative {
    /// With respect to what, such as `weight`.
    of: String,
    /// Of which neuron, such as `hidden[3]`.
    neuron: String,
    value: f64,
}

/// The first of the largest size; one that is not finite is larger than any number.
fn farthest(derivatives: impl IntoIterator<Item = f64>) -> Option<(usize, f64)> {
    let size = |x: f64| if x.is_finite() { x.abs() } else { f64::INFINITY };
    derivatives.into_iter().enumerate().reduce(|a, b| if size(b.1) > size(a.1) { b } else { a })
}

/// The neuron that an error of the engine names, by its number in the whole network.
fn named(error: &Error) -> Option<NeuronId> {
    match error {
        Error::Simulate(
            SimulateError::Zeno { neuron, .. } | SimulateError::NonFinite { neuron, .. },
        )
        | Error::Adjoint(
            AdjointError::Grazing { neuron, .. } | AdjointError::NonFinite { neuron, .. },
        ) => Some(neuron.id),
        _ => None,
    }
}

impl Blame<'_> {
    /// What to say of a sample that the engine gave up.
    pub(super) fn sample(&self, error: BatchError) -> TrainError {
        match error.source {
            Error::Loss(LossError::NotFinite) => match self.of_loss(error.sample) {
                Ok(Some(derivative)) => self.not_finite("loss", error.sample, derivative),
                _ => self.given_up(error),
            },
            Error::Adjoint(AdjointError::NonFiniteGradient { .. }) => self.gradient("gradient"),
            _ => self.given_up(error),
        }
    }

    /// What the engine says of a sample.
    fn given_up(&self, BatchError { sample, source }: BatchError) -> TrainError {
        let (epoch, batch) = self.number;
        let neuron = named(&source).map(|neuron| self.classifier.network().describe(neuron));
        let (sample, reason) = (self.batch[sample], Box::new(source));
        TrainError::Training { epoch, batch, sample, neuron, reason }
    }

    /// What to say of a gradient that is outside the range of a double, or of its square if that is `what`.
    pub(super) fn gradient(&self, what: &'static str) -> TrainError {
        match self.of_gradient() {
            Ok((sample, derivative)) => self.not_finite(what, sample, derivative),
            Err(error) => self.given_up(error),
        }
    }

    fn not_finite(&self, what: &'static str, sample: usize, worst: Derivative) -> TrainError {
        let (epoch, batch) = self.number;
        let Derivative { of, neuron, value } = worst;
        TrainError::NotFinite { epoch, batch, sample: self.batch[sample], what, neuron, of, value }
    }

    /// The sample whose gradient is farthest out, by its position in the batch, and where it is.
    fn of_gradient(&self) -> Result<(usize, Derivative), BatchError> {
        let (network, parameters) = (self.classifier.network(), self.classifier.parameters());
        let trained = &self.classifier.trained;
        let mut row = Vec::new();
        let samples = self.coded.samples();
        let mut worst = Vec::with_capacity(samples.len());
        for (k, sample) in samples.iter().enumerate() {
            let one = std::slice::from_ref(sample);
            let alone = value_and_grad_batch(network, parameters, one, self.settings, |_, _| ())
                .map_err(|error| BatchError { sample: k, ..error })?;
            trained.gradient(&alone.gradient, parameters, 1.0, &mut row);
            worst.push(farthest(row.iter().copied()).expect("a run trains something"));
        }
        let sizes = worst.iter().map(|&(_, value)| value);
        let (sample, value) = farthest(sizes).expect("a batch has samples");
        let (of, neuron) = trained.describe(network, worst[sample].0);
        Ok((sample, Derivative { of, neuron, value }))
    }

    /// The derivative that is farthest out of all that the loss of a sample reads: spike times or potentials.
    fn of_loss(&self, sample: usize) -> Result<Option<Derivative>, Error> {
        let (network, parameters) = (self.classifier.network(), self.classifier.parameters());
        let Coded { stimuli, losses } = self.coded;
        let loss = &losses[sample];
        let requests = loss.readouts(network)?;
        let mut evaluator = Evaluator::new(network, parameters, *self.settings)?;
        let trace = evaluator.simulate(&stimuli[sample], &requests)?;
        // They are written although the value is not finite.
        let mut cotangents = Cotangents::zeros(trace);
        let _ = loss.evaluate_in(network, trace, &mut cotangents, &mut LossMemory::default());
        let spikes = trace.spikes.iter().map(|spike| ("spike time", spike.neuron));
        let potentials = requests.iter().map(|request| ("potential", request.neuron));
        let read: Vec<_> = spikes.chain(potentials).collect();
        let derivatives = cotangents.spikes.into_iter().chain(cotangents.readouts);
        Ok(farthest(derivatives).map(|(k, value)| {
            let (of, neuron) = (read[k].0.to_owned(), network.describe(read[k].1));
            Derivative { of, neuron, value }
        }))
    }
}
