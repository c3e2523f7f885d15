//! A network with its parameters and losses, and its way into a checkpoint and back.
//!
//! Not here: how the network is built (`network.rs`), what its answers mean (`verdict.rs`), how parameters change (`epoch.rs`).

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use spikegrad::network::loss::Term;
use spikegrad::{
    AnyLoss, Evaluator, Loss, Network, Parameters, Settings, Sum, Trace, WithRespectTo,
};

use super::network;
use super::samples::Samples;
use super::task_loss::{TaskLoss, with_penalties};
use super::tensors::Named;
use super::trained::Trained;
use super::verdict::Verdict;
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

    /// The same with `network`, which is the same but for the order of dense connections.
    pub(super) fn reordered(&self, network: Network) -> Self {
        let parameters = self.parameters.reordered(&self.network, &network);
        Self { network, parameters, ..self.clone() }
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
