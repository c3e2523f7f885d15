//! A network with its parameters and losses, and what its answer to a sample means.
//!
//! Spiking outputs name the class by who spikes first, integrators by whose potential is highest. A trace is read once,
//! into a [`Verdict`].
//!
//! Not here: how the network is built (`network.rs`), how parameters change (`epoch.rs`), averages over samples (`score.rs`).

use std::collections::BTreeMap;
use std::sync::Arc;

use spikegrad::{
    Cotangents, Evaluator, Loss, Network, NetworkError, NeuronId, Parameters, ReadoutRequest,
    Sample, Settings, Stimulus, Trace,
};

use super::network;
use super::samples::Samples;
use super::trained::Trained;
use crate::optimise::{Average, Optimiser};
use crate::{Checkpoint, Config, Tensor, TrainError};

/// A network with its parameters and its losses.
#[derive(Clone, Debug)]
pub struct Classifier {
    network: Network,
    parameters: Parameters,
    /// The loss of each label.
    losses: Vec<Arc<LabelLoss>>,
    config: Config,
    pub(super) trained: Trained,
}

/// A loss whose gradient is used where the label answers.
///
/// To a loss of first spikes, a silent label counts as one at the end of time, a constant: all that its gradient could do is
/// to make the other outputs later, until they are silent as well. So it is left out, as in the code of Wunderlich and Pehle;
/// the value stays what it is.
#[derive(Debug)]
struct LabelLoss {
    loss: Box<dyn Loss>,
    /// The neuron that has to spike.
    needs: Option<usize>,
}

impl Loss for LabelLoss {
    fn check(&self, network: &Network) -> Result<(), NetworkError> {
        self.loss.check(network)
    }

    fn request(&self, network: &Network, requests: &mut Vec<ReadoutRequest>) {
        self.loss.request(network, requests);
    }

    fn spikes_read(&self, network: &Network, neuron: NeuronId) -> usize {
        self.loss.spikes_read(network, neuron)
    }

    fn evaluate_into(&self, network: &Network, trace: &Trace, cotangents: &mut Cotangents) -> f64 {
        let value = self.loss.evaluate_into(network, trace, cotangents);
        let is_silent =
            |label: usize| !trace.spikes.iter().any(|spike| spike.neuron.index() == label);
        if self.needs.is_some_and(is_silent) {
            cotangents.reset(trace);
        }
        value
    }
}

/// What a network said about a sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The class of the answer; `None` if all outputs are silent or the first are tied.
    pub class: Option<usize>,
    /// Share of that class in the loss's softmax; one over the number of classes is a guess.
    pub confidence: f64,
    /// Spikes of each neuron.
    pub spikes: Vec<u32>,
    /// For each class, whether its output is a spiking neuron without a spike.
    pub silent: Vec<bool>,
    /// The smallest dV/dt at a spike, per second; infinite without spikes.
    pub smallest_slope: f64,
}

impl Classifier {
    /// Makes the network of `config` with its initial parameters, for so many input channels and classes.
    ///
    /// # Errors
    ///
    /// [`TrainError::InvalidSetting`], or [`TrainError::Network`] if it is larger than the engine
    /// takes.
    pub fn new(config: &Config, channels: usize, classes: usize) -> Result<Self, TrainError> {
        config.validate()?;
        let (network, parameters) = network::build(config, channels, classes)?;
        let output = config.layers.len() - 1;
        let first = network.range(output).start;
        let loss = |label| {
            let needs = config.loss.reads_spikes().then_some(first + label);
            Arc::new(LabelLoss { loss: config.loss.of(output, label), needs })
        };
        Ok(Self {
            losses: (0..classes).map(loss).collect(),
            trained: Trained::new(config, &network, &parameters),
            config: config.clone(),
            network,
            parameters,
        })
    }

    /// The structure of the network.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Its values.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// What it was made of; the parameters may have moved since.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Number of trained parameters.
    #[must_use]
    pub fn n_trained(&self) -> usize {
        self.trained.len()
    }

    /// Position of the output layer among the populations.
    #[must_use]
    pub fn output(&self) -> usize {
        self.config.layers.len() - 1
    }

    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.losses.len()
    }

    /// The trained parameters in a row.
    pub(super) fn row(&self) -> Vec<f64> {
        self.trained.read(&self.parameters)
    }

    /// Replaces the trained parameters; see [`Trained::write`].
    pub(super) fn set_row(&mut self, row: &mut [f64]) {
        self.trained.write(row, &mut self.parameters);
    }

    /// Returns a sample for the engine: an input, and what its answer is worth.
    pub(super) fn sample<'a>(&'a self, stimulus: &'a Stimulus, label: usize) -> Sample<'a> {
        Sample { stimulus, loss: &*self.losses[label] }
    }

    /// The loss of a sample of class `label`, with all of its derivatives.
    pub(super) fn loss(&self, label: usize) -> &dyn Loss {
        &*self.losses[label].loss
    }

    /// Runs the network on every sample, and returns the loss and the verdict of each.
    ///
    /// # Errors
    ///
    /// [`TrainError::Evaluation`] for the first sample that fails.
    pub(super) fn answer(
        &self,
        samples: Samples<'_>,
        settings: &Settings,
    ) -> Result<Vec<(f64, Verdict)>, TrainError> {
        let evaluator = Evaluator::new(&self.network, &self.parameters, *settings)?;
        let positions: Vec<usize> = (0..samples.data.len()).collect();
        let mut answers = Vec::with_capacity(positions.len());
        for chunk in positions.chunks(CODED_AT_ONCE) {
            let stimuli = samples.stimuli(chunk)?;
            let labelled = stimuli.iter().zip(chunk);
            let batch: Vec<Sample<'_>> = labelled
                .map(|(stimulus, &k)| self.sample(stimulus, samples.data.labels[k]))
                .collect();
            let answered = evaluator
                .value_batch(&batch, |_, trace: &Trace| self.verdict(trace))
                .map_err(|error| TrainError::Evaluation {
                    sample: chunk[error.sample],
                    reason: error.source,
                })?;
            answers.extend(answered);
        }
        Ok(answers)
    }

    /// Reads the answer of the network from a run, with the read-outs of the loss.
    #[must_use]
    pub fn verdict(&self, trace: &Trace) -> Verdict {
        let outputs = self.network.range(self.output());
        let mut spikes = vec![0; self.network.neurons()];
        let mut first = vec![None; outputs.len()];
        let mut smallest_slope = f64::INFINITY;
        for spike in &trace.spikes {
            smallest_slope = smallest_slope.min(spike.slope);
            spikes[spike.neuron.index()] += 1;
            if let Some(class) = spike.neuron.index().checked_sub(outputs.start) {
                first[class].get_or_insert(spike.time);
            }
        }
        // The larger the better.
        let unit = self.config.loss.unit();
        let (scores, silent): (Vec<f64>, Vec<bool>) = if self.config.loss.reads_spikes() {
            let time = |time: &Option<f64>| -time.unwrap_or(self.config.t_end) / unit;
            (first.iter().map(time).collect(), first.iter().map(Option::is_none).collect())
        } else {
            let read = trace.readouts.iter().map(|readout| readout.value / unit);
            (read.collect(), vec![false; outputs.len()])
        };
        let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let winners = scores.iter().zip(&silent).enumerate();
        let mut winners =
            winners.filter(|(_, (score, silent))| **score >= best && !**silent).map(|(k, _)| k);
        let class = winners.next().filter(|_| winners.next().is_none());
        let confidence = 1.0 / scores.iter().map(|score| (score - best).exp()).sum::<f64>();
        Verdict { class, confidence, spikes, silent, smallest_slope }
    }

    /// For each true class, how often each class was the answer, and at the end how often none was.
    #[must_use]
    pub fn confusion(&self, answers: &[(f64, Verdict)], labels: &[usize]) -> Vec<Vec<u32>> {
        let none = self.classes();
        let mut counts = vec![vec![0; none + 1]; none];
        for ((_, verdict), &label) in answers.iter().zip(labels) {
            counts[label][verdict.class.unwrap_or(none)] += 1;
        }
        counts
    }

    /// Returns the trained parameters, the memory of their optimiser and their average as the tensors of a checkpoint; the
    /// average and the memory are of the coordinates in which the parameters move.
    pub(super) fn tensors(
        &self,
        optimiser: &Optimiser,
        average: Option<&Average>,
    ) -> BTreeMap<String, Tensor> {
        let values = self.trained.values(&self.parameters);
        let mut rows = vec![("", values.as_slice())];
        let memory = optimiser.memory().iter().map(Vec::as_slice);
        rows.extend(optimiser.config().memory_names().iter().copied().zip(memory));
        rows.extend(average.map(|average| (AVERAGE, average.values())));
        let mut tensors = BTreeMap::new();
        for (suffix, mut rest) in rows {
            for part in &self.trained.parts {
                let (own, later) = rest.split_at(part.len());
                let tensor = Tensor { shape: part.shape.clone(), values: own.to_vec() };
                tensors.insert(tensor_name(&part.name, suffix), tensor);
                rest = later;
            }
        }
        tensors
    }

    /// Takes the trained parameters of a checkpoint.
    pub(super) fn restore(&mut self, from: &Checkpoint) -> Result<(), TrainError> {
        let values = self.row_of(from, "")?;
        self.trained.set_values(&values, &mut self.parameters);
        Ok(())
    }

    /// Reads a row of a checkpoint.
    pub(super) fn row_of(&self, from: &Checkpoint, suffix: &str) -> Result<Vec<f64>, TrainError> {
        let mut row = Vec::with_capacity(self.trained.len());
        for part in &self.trained.parts {
            row.extend(from.tensor(&tensor_name(&part.name, suffix), &part.shape)?);
        }
        Ok(row)
    }
}

/// Samples whose spikes are held at a time.
const CODED_AT_ONCE: usize = 512;

/// What follows the name of a part in a checkpoint, if it is the average.
pub(super) const AVERAGE: &str = "average";

fn tensor_name(part: &str, suffix: &str) -> String {
    if suffix.is_empty() { part.to_owned() } else { format!("{part}.{suffix}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spikegrad::dynamics::TimeConstants;
    use spikegrad::{Evaluate, NeuronId, Spike};

    fn classifier() -> Classifier {
        let mut config = Config::default();
        config.set("layers.0.size", "4").unwrap();
        Classifier::new(&config, 5, 3).unwrap()
    }

    fn spike(neuron: usize, time: f64, slope: f64) -> Spike {
        Spike {
            time,
            time_rest: 0.0,
            neuron: NeuronId::new(neuron),
            round: 0,
            slope,
            release_rate: 0.0,
            tangent: TimeConstants { tau_mem: 0.0, tau_syn: 0.0 },
        }
    }

    #[test]
    fn the_first_spike_decides_and_a_tie_or_silence_decides_nothing() {
        let classifier = classifier();
        let class = |times: [Option<f64>; 3]| {
            let spikes =
                times.iter().zip(4..).filter_map(|(time, n)| Some(spike(n, (*time)?, 1.0)));
            classifier.verdict(&Trace { spikes: spikes.collect(), ..Trace::default() }).class
        };
        assert_eq!(class([Some(0.02), Some(0.01), None]), Some(1));
        assert_eq!(class([None, None, Some(0.05)]), Some(2));
        assert_eq!(class([None, None, Some(0.06)]), Some(2), "the very end is early enough");
        assert_eq!(class([Some(0.01), Some(0.02), Some(0.01)]), None);
        assert_eq!(class([None, None, None]), None);
    }

    #[test]
    fn a_trace_is_read_into_a_verdict() {
        let classifier = classifier();
        let tau0 = 0.00025;
        let spikes = vec![
            spike(2, 0.01, 30.0),
            spike(5, 0.02, 7.0),
            spike(4, 0.02 + tau0, 50.0),
            spike(5, 0.03, 50.0),
        ];
        let verdict = classifier.verdict(&Trace { spikes, ..Trace::default() });
        assert_eq!(verdict.class, Some(1));
        assert_eq!(verdict.spikes, [0, 0, 1, 0, 1, 2, 0]);
        assert_eq!(verdict.silent, [false, false, true]);
        assert_eq!(verdict.smallest_slope.to_bits(), 7f64.to_bits());
        // The runner-up is one τ₀ later, the silent output at the end of time.
        let expected = 1.0 / (1.0 + (-1f64).exp());
        assert!((verdict.confidence - expected).abs() < 1e-12, "{}", verdict.confidence);

        let silent = classifier.verdict(&Trace::default());
        assert_eq!((silent.class, silent.silent), (None, vec![true; 3]));
        assert!((silent.confidence - 1.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn a_silent_label_has_a_loss_and_no_gradient() {
        let classifier = classifier();
        let trace = Trace { spikes: vec![spike(4, 0.02, 1.0)], ..Trace::default() };
        let evaluate = |label: usize| {
            let loss = &classifier.losses[label];
            let exact = loss.loss.evaluate(&classifier.network, &trace).unwrap();
            (loss.evaluate(&classifier.network, &trace).unwrap(), exact)
        };
        let (ours, exact) = evaluate(0);
        assert_eq!(ours, exact);
        let (ours, exact) = evaluate(1);
        assert_eq!(ours.0.to_bits(), exact.0.to_bits());
        assert_eq!((ours.1.spikes[0], exact.1.spikes[0] != 0.0), (0.0, true));
    }
}
