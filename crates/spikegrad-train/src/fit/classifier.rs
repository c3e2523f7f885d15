//! The network that a configuration describes, and what its answer to a sample means.
//!
//! Inputs to a hidden layer to one output neuron a class, all leaky integrate-and-fire, dense: the
//! output that spikes first names the class. A trace is read once, into a [`Verdict`].
//!
//! Not here: how weights change (`mod.rs`), averages over samples (`score.rs`).

use std::collections::BTreeMap;
use std::ops::Range;

use spikegrad::{
    Connection, ConnectionParameters, Cotangents, Loss, Model, Network, Parameters, Population,
    PopulationParameters, Sample, Settings, Source, Stimulus, Synapses, Trace, TtfsCrossEntropy,
    Values, value_batch,
};

use crate::config::TtfsLoss;
use crate::data::yin_yang::N_CLASSES;
use crate::random::{Purpose, normal_matrix, stream};
use crate::{Adam, Config, Tensor, TrainError, YinYang};

/// Positions of the populations, and of the connections that end in them.
const HIDDEN: usize = 0;
const OUTPUT: usize = 1;

/// Names of the weights in a checkpoint, in the order of the connections.
const WEIGHTS: [&str; 2] = ["hidden.weight", "output.weight"];

/// Values of a Yin-Yang point, each with an input channel.
const N_VALUES: usize = 4;

/// A network with its weights, its code and its loss.
#[derive(Clone, Debug)]
pub struct Classifier {
    network: Network,
    parameters: Parameters,
    /// The loss of each label.
    losses: Vec<LabelLoss>,
    config: Config,
}

/// The cross-entropy of first-spike times, whose gradient is used where the label spikes.
///
/// A silent label counts as one at the end of time, a constant: all that its gradient could do is to
/// make the other outputs later, until they are silent as well. So it is left out, as in the code of
/// Wunderlich and Pehle; the value stays what it is.
#[derive(Clone, Debug)]
struct LabelLoss(TtfsCrossEntropy);

impl Loss for LabelLoss {
    fn evaluate_into(&self, network: &Network, trace: &Trace, cotangents: &mut Cotangents) -> f64 {
        let value = self.0.evaluate_into(network, trace, cotangents);
        let label = network.range(self.0.population).start + self.0.label;
        if !trace.spikes.iter().any(|spike| spike.neuron.index() == label) {
            cotangents.reset(trace);
        }
        value
    }
}

/// Samples as spikes, with their classes.
#[derive(Clone, Debug)]
pub struct Coded {
    /// The input of each sample.
    pub stimuli: Vec<Stimulus>,
    /// The class of each sample.
    pub labels: Vec<usize>,
}

/// What a network said about a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// The class whose output spiked first; `None` if all are silent or the first are tied.
    pub class: Option<usize>,
    /// Share of that class in the loss's softmax of spike times; ⅓ is a guess.
    pub confidence: f64,
    /// Spikes of the hidden layer.
    pub hidden_spikes: u32,
    /// Spikes of the outputs.
    pub output_spikes: u32,
    /// For each class, whether its output is without a spike.
    pub silent: [bool; N_CLASSES],
    /// The smallest dV/dt at a spike, per second; infinite without spikes.
    pub smallest_slope: f64,
}

impl Classifier {
    /// Makes the network of `config` with its initial weights.
    ///
    /// # Errors
    ///
    /// [`TrainError::InvalidSetting`], or [`TrainError::Network`] if it is larger than the engine
    /// takes.
    pub fn new(config: &Config) -> Result<Self, TrainError> {
        config.validate()?;
        let lif = |name: &str, size| Population { name: name.to_owned(), size, model: Model::Lif };
        let dense = |from, to| Connection { from, to, synapses: Synapses::Dense };
        let network = Network::new(
            config.encoder.n_channels(N_VALUES),
            vec![lif("hidden", config.hidden_size), lif("output", N_CLASSES)],
            vec![dense(Source::Input, HIDDEN), dense(Source::Population(HIDDEN), OUTPUT)],
        )?;
        let neurons = PopulationParameters {
            tau_mem: Values::Shared(config.tau_mem),
            tau_syn: Values::Shared(config.tau_syn),
            v_th: Values::Shared(config.v_th),
            ..PopulationParameters::default()
        };
        let initial = [config.initial_weights.hidden, config.initial_weights.output];
        let connections = (0..).zip(initial).map(|(index, normal)| {
            let (n_pre, n_post) = network.shape(index as usize);
            let mut rng = stream(config.seed, Purpose::Weights, index);
            let weights = normal_matrix(n_post, n_pre, normal.mean, normal.std, &mut rng);
            ConnectionParameters { weights, delay: Values::Shared(0.0) }
        });
        let parameters = Parameters {
            connections: connections.collect(),
            populations: vec![neurons.clone(), neurons],
        };
        let TtfsLoss { tau0, tau1, alpha } = config.loss;
        let population = OUTPUT;
        let loss = |label| LabelLoss(TtfsCrossEntropy { population, label, tau0, tau1, alpha });
        let losses = (0..N_CLASSES).map(loss).collect();
        Ok(Self { network, parameters, losses, config: config.clone() })
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

    /// What it was made of; the weights may have moved since.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the spikes of one sample.
    ///
    /// # Errors
    ///
    /// [`TrainError::Network`] if a value is so far outside [0, 1] that its time is negative.
    pub fn stimulus(&self, values: &[f64]) -> Result<Stimulus, TrainError> {
        let spikes = self.config.encoder.encode(values).into_iter();
        let spikes =
            spikes.map(|(channel, time)| spikegrad::InputSpike { channel, time }).collect();
        Ok(Stimulus::new(self.config.t_end, spikes)?)
    }

    /// Returns the spikes of all samples.
    ///
    /// # Errors
    ///
    /// As [`stimulus`](Self::stimulus).
    pub fn code(&self, data: &YinYang) -> Result<Coded, TrainError> {
        let stimuli = data.points.iter().map(|point| self.stimulus(point));
        Ok(Coded { stimuli: stimuli.collect::<Result<_, _>>()?, labels: data.labels.clone() })
    }

    /// Returns a sample for the engine: an input, and what its answer is worth.
    pub(super) fn sample<'a>(&'a self, stimulus: &'a Stimulus, label: usize) -> Sample<'a> {
        Sample { stimulus, loss: &self.losses[label] }
    }

    /// Runs the network on every sample, and returns the loss and the verdict of each.
    ///
    /// # Errors
    ///
    /// [`TrainError::Evaluation`] for the first sample that fails.
    pub fn answer(
        &self,
        data: &Coded,
        settings: &Settings,
    ) -> Result<Vec<(f64, Verdict)>, TrainError> {
        let labelled = data.stimuli.iter().zip(&data.labels);
        let samples: Vec<_> = labelled.map(|(input, &label)| self.sample(input, label)).collect();
        let verdict = |_, trace: &Trace| self.verdict(trace);
        value_batch(&self.network, &self.parameters, &samples, settings, verdict)
            .map_err(|error| TrainError::Evaluation { sample: error.sample, reason: error.source })
    }

    /// Reads the answer of the network from a run.
    #[must_use]
    pub fn verdict(&self, trace: &Trace) -> Verdict {
        let outputs = self.network.range(OUTPUT);
        let mut first = [None; N_CLASSES];
        let (mut hidden_spikes, mut output_spikes) = (0, 0);
        let mut smallest_slope = f64::INFINITY;
        for spike in &trace.spikes {
            smallest_slope = smallest_slope.min(spike.slope);
            if let Some(class) = spike.neuron.index().checked_sub(outputs.start) {
                output_spikes += 1;
                first[class].get_or_insert(spike.time);
            } else {
                hidden_spikes += 1;
            }
        }
        let silent = first.map(|time| time.is_none());
        let class = earliest(&first);
        let times = first.map(|time| time.unwrap_or(self.config.t_end));
        let best = times.iter().copied().fold(f64::INFINITY, f64::min);
        let share = |time: &f64| ((best - time) / self.config.loss.tau0).exp();
        let confidence = 1.0 / times.iter().map(share).sum::<f64>();
        Verdict { class, confidence, hidden_spikes, output_spikes, silent, smallest_slope }
    }

    /// Positions, among all weights in a row, of those onto the output of `class`.
    pub(super) fn weights_onto(&self, class: usize) -> Range<usize> {
        let (n_pre, _) = self.network.shape(OUTPUT);
        let before = self.network.synapse_count(HIDDEN);
        before + class * n_pre..before + (class + 1) * n_pre
    }

    /// Number of weights.
    #[must_use]
    pub fn n_weights(&self) -> usize {
        self.parameters.connections.iter().map(|connection| connection.weights.len()).sum()
    }

    /// Returns all weights in a row, connection by connection.
    pub(super) fn weights(&self) -> Vec<f64> {
        flat(&self.parameters)
    }

    /// Replaces all weights.
    pub(super) fn set_weights(&mut self, weights: &[f64]) {
        let mut rest = weights;
        for connection in &mut self.parameters.connections {
            let (own, later) = rest.split_at(connection.weights.len());
            connection.weights.copy_from_slice(own);
            rest = later;
        }
    }

    /// Returns weights and moments as the tensors of a checkpoint.
    pub(super) fn tensors(&self, optimiser: &Adam) -> BTreeMap<String, Tensor> {
        let weights = self.weights();
        let memory = [weights.as_slice(), optimiser.first_moment(), optimiser.second_moment()];
        let mut tensors = BTreeMap::new();
        for (suffix, mut rest) in SUFFIXES.into_iter().zip(memory) {
            for (connection, name) in WEIGHTS.into_iter().enumerate() {
                let (n_pre, n_post) = self.network.shape(connection);
                let (own, later) = rest.split_at(n_pre * n_post);
                let tensor = Tensor { shape: vec![n_post, n_pre], values: own.to_vec() };
                tensors.insert(format!("{name}{suffix}"), tensor);
                rest = later;
            }
        }
        tensors
    }

    /// Takes the weights of a checkpoint, and returns its optimiser.
    pub(super) fn restore(&mut self, from: &crate::Checkpoint) -> Result<Adam, TrainError> {
        let mut all = Vec::new();
        for suffix in SUFFIXES {
            let mut values = Vec::new();
            for (connection, name) in WEIGHTS.into_iter().enumerate() {
                let (n_pre, n_post) = self.network.shape(connection);
                values.extend(from.tensor(&format!("{name}{suffix}"), &[n_post, n_pre])?);
            }
            all.push(values);
        }
        let (second, first) = (all.pop().unwrap_or_default(), all.pop().unwrap_or_default());
        self.set_weights(&all.pop().unwrap_or_default());
        Ok(Adam::resume(self.config.optimiser, first, second, from.step))
    }
}

/// What follows the name of a weight in a checkpoint: nothing, and Adam's two moments.
const SUFFIXES: [&str; 3] = ["", ".first_moment", ".second_moment"];

/// The weights of `parameters`, or of a gradient, in a row.
pub(super) fn flat(parameters: &Parameters) -> Vec<f64> {
    parameters
        .connections
        .iter()
        .flat_map(|connection| connection.weights.iter().copied())
        .collect()
}

/// The class with the first spike, if there is one and only one.
fn earliest(first: &[Option<f64>]) -> Option<usize> {
    let times = || first.iter().enumerate().filter_map(|(class, time)| Some((class, (*time)?)));
    let (class, best) = times().min_by(|a, b| a.1.total_cmp(&b.1))?;
    let tied = times().any(|(other, time)| other != class && time <= best);
    (!tied).then_some(class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_spike_decides_and_a_tie_or_silence_decides_nothing() {
        assert_eq!(earliest(&[Some(0.02), Some(0.01), None]), Some(1));
        assert_eq!(earliest(&[None, None, Some(0.05)]), Some(2));
        assert_eq!(earliest(&[Some(0.01), Some(0.02), Some(0.01)]), None);
        assert_eq!(earliest(&[None, None, None]), None);
    }

    #[test]
    fn a_trace_is_read_into_a_verdict() {
        let mut config = Config::default();
        config.set("hidden_size", "4").unwrap();
        let classifier = Classifier::new(&config).unwrap();
        let any = some_spike(&classifier);
        let spike = |neuron, time, slope| {
            let neuron = spikegrad::NeuronId::new(neuron);
            spikegrad::Spike { time, neuron, slope, ..any }
        };
        let spikes = vec![
            spike(2, 0.01, 30.0),
            spike(5, 0.02, 7.0),
            spike(4, 0.02 + config.loss.tau0, 50.0),
            spike(5, 0.03, 50.0),
        ];
        let verdict = classifier.verdict(&Trace { spikes, ..Trace::default() });
        assert_eq!(verdict.class, Some(1));
        assert_eq!((verdict.hidden_spikes, verdict.output_spikes), (1, 3));
        assert_eq!(verdict.silent, [false, false, true]);
        assert_eq!(verdict.smallest_slope.to_bits(), 7f64.to_bits());
        // The runner-up is one τ₀ later, the silent output at the end of time.
        let expected = 1.0 / (1.0 + (-1f64).exp());
        assert!((verdict.confidence - expected).abs() < 1e-12, "{}", verdict.confidence);

        let silent = classifier.verdict(&Trace::default());
        assert_eq!((silent.class, silent.silent), (None, [true; 3]));
        assert!((silent.confidence - 1.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn a_silent_label_has_a_loss_and_no_gradient() {
        let classifier = Classifier::new(&Config::default()).unwrap();
        let neuron = spikegrad::NeuronId::new(200);
        let spikes = vec![spikegrad::Spike { time: 0.02, neuron, ..some_spike(&classifier) }];
        let trace = Trace { spikes, ..Trace::default() };
        let evaluate = |label: usize| {
            let loss = &classifier.losses[label];
            let exact: (f64, Cotangents) = loss.0.evaluate(&classifier.network, &trace);
            (loss.evaluate(&classifier.network, &trace), exact)
        };
        let (ours, exact) = evaluate(0);
        assert_eq!(ours, exact);
        let (ours, exact) = evaluate(1);
        assert_eq!(ours.0.to_bits(), exact.0.to_bits());
        assert_eq!((ours.1.spikes[0], exact.1.spikes[0] != 0.0), (0.0, true));
    }

    /// A spike of a run, of which a test changes what it is about.
    fn some_spike(classifier: &Classifier) -> spikegrad::Spike {
        let stimulus = classifier.stimulus(&[0.0, 0.1, 0.2, 0.3]).unwrap();
        let options = spikegrad::Options { max_events: 100_000, readouts: Vec::new() };
        let run =
            spikegrad::simulate(classifier.network(), classifier.parameters(), &stimulus, &options);
        run.unwrap().spikes[0]
    }

    #[test]
    fn weights_are_drawn_from_a_stream_for_each_connection() {
        let classifier = Classifier::new(&Config::default()).unwrap();
        let Config { seed, initial_weights, .. } = Config::default();
        let drawn = |connection: usize, rows, columns, normal: crate::config::Normal| {
            let index = u32::try_from(connection).unwrap();
            let mut rng = stream(seed, Purpose::Weights, index);
            let expected = normal_matrix(rows, columns, normal.mean, normal.std, &mut rng);
            assert_eq!(classifier.parameters.connections[connection].weights, expected);
        };
        drawn(HIDDEN, 200, 5, initial_weights.hidden);
        drawn(OUTPUT, 3, 200, initial_weights.output);
        assert_eq!(classifier.n_weights(), 1600);
    }
}
