//! A network with its parameters and losses, and what its answer to a sample means.
//!
//! Spiking outputs name the class by who spikes first, integrators by whose potential is highest; where the data hold target spike
//! trains, no class is named, and an answer is right if each output has as many spikes as its target. A trace is read once, into a
//! [`Verdict`].
//!
//! Not here: how the network is built (`network.rs`), how parameters change (`epoch.rs`), averages over samples (`score.rs`).

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use spikegrad::dynamics::math;
use spikegrad::network::Time;
use spikegrad::network::loss::Term;
use spikegrad::{
    AnyLoss, Derivatives, Evaluator, Grazing, Loss, Network, NetworkError, NeuronId, Observation,
    Parameters, ReadoutRequest, Settings, Sum, Trace, WithRespectTo,
};

use super::network;
use super::samples::Samples;
use super::tensors::Named;
use super::trained::Trained;
use crate::config::Wanted;
use crate::data::DataSet;
use crate::optimise::{Average, Optimiser};
use crate::out_of_range::check;
use crate::{Checkpoint, Config, Tensor, TrainError};

/// A network with its parameters and its losses.
#[derive(Clone, Debug)]
pub struct Classifier {
    network: Network,
    parameters: Parameters,
    /// The loss of each label; none, if the loss compares with targets.
    losses: Vec<Arc<dyn Loss>>,
    /// Number of outputs.
    outputs: usize,
    config: Config,
    pub(super) trained: Trained,
}

/// The loss of the task for a sample, whose gradient is used where the label answers.
///
/// To a loss of first spikes, a silent label counts as one at the end of time, a constant: all that its gradient could do is
/// to make the other outputs later, until they are silent as well. So it is left out, as in the code of Wunderlich and Pehle;
/// the value stays what it is. A loss that goes on after the run has no such constant.
#[derive(Debug)]
struct TaskLoss {
    /// With all of its derivatives.
    loss: AnyLoss,
    /// The neuron that has to spike.
    needs: Option<usize>,
}

impl Loss for TaskLoss {
    fn check(&self, network: &Network) -> Result<(), NetworkError> {
        Loss::<f64>::check(&self.loss, network)
    }

    fn request(&self, network: &Network, requests: &mut Vec<ReadoutRequest>) {
        Loss::<f64>::request(&self.loss, network, requests);
    }

    fn spikes_read(&self, network: &Network, neuron: NeuronId) -> usize {
        Loss::<f64>::spikes_read(&self.loss, network, neuron)
    }

    fn evaluate_into(&self, run: &Observation<'_>, into: &mut Derivatives<'_>) -> f64 {
        let value = self.loss.evaluate_into(run, into);
        let is_silent =
            |label: usize| !run.spikes.iter().any(|spike| spike.neuron.index() == label);
        if self.needs.is_some_and(is_silent) {
            // It reads nothing but spikes.
            into.spikes.fill(0.0);
        }
        value
    }
}

/// The loss of a sample: that of its task, and the penalties of the configuration.
fn with_penalties(task: TaskLoss, config: &Config) -> Arc<dyn Loss> {
    if config.penalties.is_empty() {
        return Arc::new(task);
    }
    let task: Box<dyn Loss> = Box::new(task);
    let penalties = config.penalties.iter().cloned();
    let penalties = penalties.map(|term| (term.weight, Box::new(term.loss) as Box<dyn Loss>));
    Arc::new(Sum::of([(1.0, task)].into_iter().chain(penalties)))
}

/// What a network said about a sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The class of the answer; `None` if all outputs are silent or the first are tied, or if there are targets and no classes.
    pub class: Option<usize>,
    /// Share of that class in the loss's softmax; one over the number of classes is a guess. Without classes it is not a number.
    pub confidence: f64,
    /// Spikes of each neuron.
    pub spikes: Vec<u32>,
    /// For each class, whether its output is a spiking neuron without a spike.
    pub silent: Vec<bool>,
    /// The smallest dV/dt at a spike, per second; infinite without spikes.
    pub smallest_slope: f64,
    /// Spikes and touches at which the policy for grazing acts, and the gradient is not exact.
    pub inexact: usize,
}

impl Classifier {
    /// Makes the network of `config` with its initial parameters, for so many input channels and outputs: a class each, or a target.
    ///
    /// # Errors
    ///
    /// [`TrainError::InvalidSetting`], [`TrainError::Memory`] if it does not fit into that of the machine, or [`TrainError::Network`] if
    /// it is larger than the engine takes.
    pub fn new(config: &Config, channels: usize, outputs: usize) -> Result<Self, TrainError> {
        config.validate()?;
        let (network, parameters) = network::build(config, channels, outputs)?;
        let output = config.layers.len() - 1;
        let first = network.range(output).start;
        let loss = |label| {
            let is_constant = config.loss.reads_first_spikes() && !config.loss.goes_on();
            let needs = is_constant.then_some(first + label);
            let name = &network.populations()[output].name;
            let loss = config.loss.of_sample(name, Wanted::Label(label))?;
            Some(with_penalties(TaskLoss { loss, needs }, config))
        };
        for (k, Term { weight, loss }) in config.penalties.iter().enumerate() {
            let place = format!("penalties.{k}");
            check(format!("{place}.weight"), weight, weight.is_finite(), "a finite number")
                .map_err(TrainError::from)?;
            Loss::<f64>::check(loss, &network)
                .map_err(|error| error.below(&format!("{place}.loss")))?;
        }
        Ok(Self {
            losses: (0..outputs).filter_map(loss).collect(),
            outputs,
            trained: Trained::new(config, &network, &parameters),
            config: config.clone(),
            network,
            parameters,
        })
    }

    /// The network that a run ended with, with the parameters that are evaluated: its average, if the run has one. What the data say of
    /// its size is read off its weights.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new); [`TrainError::MissingTensor`] or [`TrainError::TensorShape`].
    pub fn of_checkpoint(checkpoint: &Checkpoint) -> Result<Self, TrainError> {
        let config = Config::of_run(&checkpoint.config)?;
        let [channels, outputs] = network::sizes_of(&config, checkpoint)?;
        let mut classifier = Self::new(&config, channels, outputs)?;
        classifier.start_from(checkpoint, None)?;
        Ok(classifier)
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

    /// Number of classes, or of outputs that have targets.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.outputs
    }

    /// With respect to what its gradients are taken.
    pub(super) fn with_respect_to(&self) -> WithRespectTo {
        WithRespectTo {
            time_constants: self.trained.has_time_constants(&self.network),
            input_times: self.trained.has_delays_of_inputs(&self.network),
        }
    }

    /// The trained parameters in a row.
    pub(super) fn row(&self) -> Vec<f64> {
        self.trained.read(&self.parameters)
    }

    /// Replaces the trained parameters; see [`Trained::write`].
    pub(super) fn set_row(&mut self, row: &mut [f64]) {
        self.trained.write(row, &mut self.parameters);
    }

    /// The loss of sample `k` of these data, whose gradient is used where the label answers.
    ///
    /// # Errors
    ///
    /// [`TrainError::Untargeted`] if the data have not what the loss needs.
    pub(super) fn loss_of(&self, data: &DataSet, k: usize) -> Result<Arc<dyn Loss>, TrainError> {
        let missing = || self.config.loss.untargeted();
        if !self.config.loss.reads_targets() {
            let label = data.labels.get(k).and_then(|&label| self.losses.get(label));
            return label.cloned().ok_or_else(missing);
        }
        let loss = self.task_loss_of(data, k).ok_or_else(missing)?;
        Ok(with_penalties(TaskLoss { loss, needs: None }, &self.config))
    }

    /// The loss of sample `k` of these data, whoever is silent; nothing, if the data have not what it needs.
    pub(super) fn whole_loss_of(&self, data: &DataSet, k: usize) -> Option<AnyLoss> {
        let task = self.task_loss_of(data, k)?;
        if self.config.penalties.is_empty() {
            return Some(task);
        }
        let penalties = self.config.penalties.iter().cloned();
        let terms = [Term { weight: 1.0, loss: task }].into_iter().chain(penalties).collect();
        Some(Sum { terms }.into())
    }

    /// The same without penalties.
    fn task_loss_of(&self, data: &DataSet, k: usize) -> Option<AnyLoss> {
        let wanted = if self.config.loss.reads_targets() {
            Wanted::Targets(data.target(k).filter(|targets| targets.len() == self.outputs)?)
        } else {
            Wanted::Label(*data.labels.get(k)?)
        };
        self.config.loss.of_sample(&self.network.populations()[self.output()].name, wanted)
    }

    /// Whether this is the right answer to sample `k` of these data.
    #[must_use]
    pub fn is_right(&self, verdict: &Verdict, data: &DataSet, k: usize) -> bool {
        if !self.config.loss.reads_targets() {
            return verdict.class.is_some() && verdict.class == data.labels.get(k).copied();
        }
        let spikes = &verdict.spikes[self.network.range(self.output())];
        data.target(k).is_some_and(|targets| {
            let count =
                |(spikes, target): (&u32, &Vec<f64>)| usize::try_from(*spikes) == Ok(target.len());
            spikes.len() == targets.len() && spikes.iter().zip(&targets).all(count)
        })
    }

    /// Whether there is no answer: all outputs are silent, or the first are tied.
    #[must_use]
    pub fn is_undecided(&self, verdict: &Verdict) -> bool {
        match self.config.loss.reads_targets() {
            true => verdict.silent.iter().all(|silent| *silent),
            false => verdict.class.is_none(),
        }
    }

    /// Runs the network on the samples at these positions, and returns the loss and the verdict of each.
    ///
    /// # Errors
    ///
    /// [`TrainError::Evaluation`] for the first sample that fails.
    pub(super) fn answer(
        &self,
        samples: Samples<'_>,
        positions: Range<usize>,
        settings: &Settings,
    ) -> Result<Vec<(f64, Verdict)>, TrainError> {
        self.answer_with(samples, positions, settings, |_, _| ())
            .map(|answers| answers.into_iter().map(|(loss, verdict, ())| (loss, verdict)).collect())
    }

    /// The same, with what `look` sees in the run of the sample at each position.
    ///
    /// # Errors
    ///
    /// As [`answer`](Self::answer).
    pub(super) fn answer_with<R: Send>(
        &self,
        samples: Samples<'_>,
        positions: Range<usize>,
        settings: &Settings,
        look: impl Fn(usize, &Trace) -> R + Sync,
    ) -> Result<Vec<(f64, Verdict, R)>, TrainError> {
        let evaluator = Evaluator::new(&self.network, &self.parameters, *settings)?;
        let positions: Vec<usize> = positions.collect();
        let mut answers = Vec::with_capacity(positions.len());
        for chunk in positions.chunks(CODED_AT_ONCE) {
            let coded = samples.coded(chunk, self)?;
            let read = |k: usize, trace: &Trace| {
                (self.verdict(trace, settings.grazing), look(chunk[k], trace))
            };
            let answered = evaluator.value_batch(&coded.samples(), read).map_err(|error| {
                TrainError::Evaluation { sample: chunk[error.sample], reason: error.source }
            })?;
            answers
                .extend(answered.into_iter().map(|(loss, (verdict, seen))| (loss, verdict, seen)));
        }
        Ok(answers)
    }

    /// Reads the answer of the network from a run, with the read-outs of the loss, whose gradient is taken with this policy.
    ///
    /// # Panics
    ///
    /// If the run is that of a larger network.
    #[must_use]
    pub fn verdict(&self, trace: &Trace, grazing: Grazing) -> Verdict {
        let outputs = self.network.range(self.output());
        let mut spikes = vec![0; self.network.neurons()];
        let mut first = vec![None; outputs.len()];
        let mut smallest_slope = f64::INFINITY;
        let mut inexact = if grazing == Grazing::Fail { 0 } else { trace.touches.len() };
        for spike in &trace.spikes {
            smallest_slope = smallest_slope.min(spike.slope);
            inexact += usize::from(match grazing {
                Grazing::Fail => false,
                Grazing::Zero => spike.slope <= 0.0,
                Grazing::Floor(floor) => spike.slope < floor,
            });
            spikes[spike.neuron.index()] += 1;
            if let Some(class) = spike.neuron.index().checked_sub(outputs.start) {
                first[class].get_or_insert(spike.at());
            }
        }
        // The larger the better.
        let (unit, goes_on) = (self.config.loss.unit(), self.config.loss.reads_pseudospikes());
        let (scores, silent): (Vec<f64>, Vec<bool>) = if self.config.loss.reads_spikes() {
            let silent = first.iter().map(Option::is_none).collect();
            if goes_on {
                // One that is silent answers when it would have spiked.
                let end = Time::from(self.config.t_end);
                for (first, next) in first.iter_mut().zip(&trace.readouts) {
                    first.get_or_insert(end.after(next.value));
                }
            }
            (lead(&first, self.config.t_end, unit), silent)
        } else {
            // Those of the task come first.
            let read = trace.readouts.iter().take(outputs.len());
            let read = read.map(|readout| readout.value / unit);
            (read.collect(), vec![false; outputs.len()])
        };
        if self.config.loss.reads_targets() {
            let (class, confidence) = (None, f64::NAN);
            return Verdict { class, confidence, spikes, silent, smallest_slope, inexact };
        }
        let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let wins =
            |(k, score): (usize, &f64)| (*score >= best && (goes_on || !silent[k])).then_some(k);
        let mut winners = scores.iter().enumerate().filter_map(wins);
        let class = winners.next().filter(|_| winners.next().is_none());
        let confidence = 1.0 / scores.iter().map(|score| math::exp(score - best)).sum::<f64>();
        Verdict { class, confidence, spikes, silent, smallest_slope, inexact }
    }

    /// For each true class, how often each class was the answer, and at the end how often none was. A label without a class does not
    /// count.
    #[must_use]
    pub fn confusion(&self, answers: &[(f64, Verdict)], labels: &[usize]) -> Vec<Vec<u32>> {
        let none = self.classes();
        let mut counts = vec![vec![0; none + 1]; none];
        for ((_, verdict), &label) in answers.iter().zip(labels) {
            let row = counts.get_mut(label);
            let count = row.and_then(|row| row.get_mut(verdict.class.unwrap_or(none)));
            count.into_iter().for_each(|count| *count += 1);
        }
        counts
    }

    /// Returns all parameters, and of those that are trained the memory of their optimiser and their average, as the tensors of a
    /// checkpoint; the average and the memory are of the coordinates in which the parameters move.
    pub(super) fn tensors(
        &self,
        optimiser: &Optimiser,
        average: Option<&Average>,
    ) -> BTreeMap<String, Tensor> {
        let all = Named::all(&self.config, &self.network).into_iter();
        let mut tensors: BTreeMap<String, Tensor> =
            all.map(|named| (named.name.clone(), named.tensor(&self.parameters))).collect();
        let memory = optimiser.memory().iter().map(Vec::as_slice);
        let names = optimiser.config().memory_names().iter().copied();
        let average = average.map(|average| (AVERAGE, average.values()));
        for (suffix, mut rest) in names.zip(memory).chain(average) {
            for part in &self.trained.parts {
                let (own, later) = rest.split_at(part.len());
                let tensor = Tensor { shape: part.shape.clone(), values: own.to_vec() };
                tensors.insert(tensor_name(&part.name, suffix), tensor);
                rest = later;
            }
        }
        tensors
    }

    /// Takes the parameters of a checkpoint. One of an earlier version holds those alone that are trained: the others are as they
    /// were drawn.
    pub(super) fn restore(&mut self, from: &Checkpoint) -> Result<(), TrainError> {
        for named in Named::all(&self.config, &self.network) {
            if let Some(tensor) = from.tensors.get(&named.name) {
                named.take(tensor, &mut self.parameters)?;
            }
        }
        self.trained = Trained::new(&self.config, &self.network, &self.parameters);
        // All that are trained must be there.
        self.row_of(from, "").map(drop)
    }

    /// Takes the parameters that another run ended with, or their average if that is what was evaluated there, in the layers with
    /// these names; in all, if there are none.
    ///
    /// # Errors
    ///
    /// [`TrainError::MissingTensor`] or [`TrainError::TensorShape`].
    pub(super) fn start_from(
        &mut self,
        from: &Checkpoint,
        layers: Option<&[String]>,
    ) -> Result<(), TrainError> {
        for named in Named::all(&self.config, &self.network) {
            let layer = &self.config.layers[named.layer].name;
            if layers.is_some_and(|layers| !layers.contains(layer)) {
                continue;
            }
            if let Some(free) = from.tensors.get(&tensor_name(&named.name, AVERAGE)) {
                let constraint = named.place.constraint(&self.network);
                let values = free.values.iter().map(|&free| constraint.from_free(free)).collect();
                let tensor = Tensor { shape: free.shape.clone(), values };
                named.take(&tensor, &mut self.parameters)?;
            } else if let Some(tensor) = from.tensors.get(&named.name) {
                named.take(tensor, &mut self.parameters)?;
            } else if named.place.is_weights() {
                // Of an earlier version a checkpoint may lack what was not trained, but hardly the weights.
                return Err(TrainError::MissingTensor { tensor: named.name });
            }
        }
        self.trained = Trained::new(&self.config, &self.network, &self.parameters);
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

/// Minus how much later than the first of all is each of these times, in `unit` s; one that is missing is at the end.
///
/// Counted from the first and not from 0, they differ wherever the times do, be it by what their rounding left off.
fn lead(times: &[Option<Time>], t_end: f64, unit: f64) -> Vec<f64> {
    let end = Time::from(t_end);
    let times: Vec<Time> = times.iter().map(|time| time.unwrap_or(end)).collect();
    let earlier = |a: Time, b: Time| if b.since(a) < 0.0 { b } else { a };
    let first = times.iter().copied().fold(end, earlier);
    times.iter().map(|time| -time.since(first) / unit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use spikegrad::dynamics::TimeConstants;
    use spikegrad::{Evaluate, NeuronId, Settings, Spike, Stimulus, simulate};

    fn classifier() -> Classifier {
        let mut config = Config::default();
        config.set("layers.0.size", "4").unwrap();
        Classifier::new(&config, 5, 3).unwrap()
    }

    fn spike(neuron: usize, time: f64, slope: f64) -> Spike {
        Spike {
            time,
            time_remainder: 0.0,
            neuron: NeuronId::new(neuron),
            round: 0,
            slope,
            release_rate: 0.0,
            tangent: TimeConstants::default(),
        }
    }

    #[test]
    fn the_first_spike_decides_and_a_tie_or_silence_decides_nothing() {
        let classifier = classifier();
        let class = |times: [Option<f64>; 3]| {
            let spikes =
                times.iter().zip(4..).filter_map(|(time, n)| Some(spike(n, (*time)?, 1.0)));
            let trace = Trace { spikes: spikes.collect(), ..Trace::default() };
            classifier.verdict(&trace, Grazing::Fail).class
        };
        assert_eq!(class([Some(0.02), Some(0.01), None]), Some(1));
        assert_eq!(class([None, None, Some(0.05)]), Some(2));
        assert_eq!(class([None, None, Some(0.06)]), Some(2), "the very end is early enough");
        assert_eq!(class([Some(0.01), Some(0.02), Some(0.01)]), None);
        assert_eq!(class([None, None, None]), None);
    }

    #[test]
    fn outputs_that_go_on_after_the_run_answer_with_whoever_is_next() {
        let mut config = Config::default();
        for (key, value) in [
            ("loss.pseudospikes", "true"),
            ("layers.1.model", "qif_delta"),
            ("layers.1.tau_mem", "1"),
            ("layers.1.bias", "1.25"),
            ("layers.1.initial_v", r#"{"mean": 0.5, "std": 0.1}"#),
            ("layers.1.weights", r#"{"mean": 0, "std": 0}"#),
        ] {
            config.set(key, value).unwrap();
        }
        let next = |config: &Config| {
            let classifier = Classifier::new(config, 5, 3).unwrap();
            let (network, parameters) = (classifier.network(), classifier.parameters());
            let (mut requests, stimulus) = (vec![], Stimulus::new(config.t_end, vec![]).unwrap());
            classifier.losses[0].request(network, &mut requests);
            let settings = Settings::default();
            let trace = simulate(network, parameters, &stimulus, &requests, &settings).unwrap();
            let verdict = classifier.verdict(&trace, Grazing::Fail);
            assert_eq!(verdict.silent, [true; 3]);
            let start = parameters.populations[1][spikegrad::dynamics::qif::delta::V].clone();
            (verdict.class, start)
        };
        for seed in 0..5 {
            config.seed = seed;
            let (class, start) = next(&config);
            // Nothing arrives, so that the highest potential is the first at its spike.
            let start = start.as_slice();
            assert!(start.iter().all(|v| *v <= start[class.unwrap()]), "{class:?} {start:?}");
        }
        config.set("loss.pseudospikes", "false").unwrap();
        assert_eq!(next(&config).0, None);
    }

    #[test]
    fn spikes_next_to_each_other_are_no_tie() {
        let classifier = classifier();
        let class = |spikes: [Spike; 2]| {
            let trace = Trace { spikes: spikes.to_vec(), ..Trace::default() };
            classifier.verdict(&trace, Grazing::Fail).class
        };
        let mut time: f64 = 0.03;
        for _ in 0..1000 {
            let next = time.next_up();
            // Divided by the unit of the loss, some of these are equal.
            assert_eq!(class([spike(4, time, 1.0), spike(6, next, 1.0)]), Some(0), "{time}");
            time = next;
        }
        let late = |rest: f64| Spike { time_remainder: rest, ..spike(6, time, 1.0) };
        assert_eq!(class([spike(4, time, 1.0), late(1e-19)]), Some(0));
        assert_eq!(class([spike(4, time, 1.0), late(-1e-19)]), Some(2));
        assert_eq!(class([spike(4, time, 1.0), late(0.0)]), None);
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
        let verdict =
            classifier.verdict(&Trace { spikes, ..Trace::default() }, Grazing::Floor(30.0));
        assert_eq!(verdict.class, Some(1));
        assert_eq!(verdict.spikes, [0, 0, 1, 0, 1, 2, 0]);
        assert_eq!(verdict.silent, [false, false, true]);
        assert_eq!(verdict.smallest_slope.to_bits(), 7f64.to_bits());
        assert_eq!(verdict.inexact, 1, "one of the slopes is below the floor");
        // The runner-up is one τ₀ later, the silent output at the end of time.
        let expected = 1.0 / (1.0 + (-1f64).exp());
        assert!((verdict.confidence - expected).abs() < 1e-12, "{}", verdict.confidence);

        let silent = classifier.verdict(&Trace::default(), Grazing::Fail);
        assert_eq!((silent.class, silent.silent), (None, vec![true; 3]));
        assert!((silent.confidence - 1.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn a_silent_label_has_a_loss_and_no_gradient() {
        let classifier = classifier();
        let trace = Trace { spikes: vec![spike(4, 0.02, 1.0)], ..Trace::default() };
        let evaluate = |label: usize| {
            let network = &classifier.network;
            let of_task = classifier.config.loss.of_sample("output", Wanted::Label(label)).unwrap();
            let exact = of_task.evaluate(network, &trace).unwrap();
            (classifier.losses[label].evaluate(network, &trace).unwrap(), exact)
        };
        let (ours, exact) = evaluate(0);
        assert_eq!(ours, exact);
        let (ours, exact) = evaluate(1);
        assert_eq!(ours.0.to_bits(), exact.0.to_bits());
        assert_eq!((ours.1.spikes[0], exact.1.spikes[0] != 0.0), (0.0, true));
    }
}
