//! What a layer is: its neurons, and the synapses that it is reached by.
//!
//! Weights are in units of the threshold, so that a network keeps its activity if all potentials are scaled. Not here: the numbers of neurons
//! (`numbers.rs`), how weights are drawn (`fit/network.rs`).

use std::fmt::Display;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spikegrad::Model;
use spikegrad::dynamics::receptors::Options;

use super::kind::LayerKind;
use super::numbers::{LayerModel, NeuronValues};
use super::rates::LearningRates;
use crate::out_of_range::{OutOfRange, check, count, finite, not_negative};

/// A layer, reached by the one before, or by the input channels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct LayerConfig {
    /// Its name, in checkpoints and figures.
    pub name: String,
    /// How the layer before reaches it.
    #[serde(default)]
    pub kind: LayerKind,
    /// Number of neurons. May be left out where it follows: of the last layer it is the number of classes, of a `conv2d` and an `avg_pool2d` that of their
    /// windows.
    #[serde(default)]
    pub size: Option<usize>,
    /// What its neurons are.
    pub model: LayerModel,
    /// Whether a spike sets the synaptic currents of its neuron to zero; of `lif` and `alif`.
    #[serde(default)]
    pub reset_current: bool,
    /// Whether synaptic currents do not decay within the refractory time of their neuron; of `lif` and `alif`.
    #[serde(default)]
    pub hold_current: bool,
    /// The numbers of its neurons, at keys of their own.
    #[serde(flatten)]
    pub neurons: NeuronValues,
    /// Distribution of the initial weights from the layer before, in units of the threshold; of an `avg_pool2d` that of the sum over a window.
    pub weights: Normal,
    /// Distribution of the initial delays from the layer before, in s, one for each weight; what is drawn below zero is taken positive. `null` for
    /// no delay.
    #[serde(default)]
    pub delays: Option<Normal>,
    /// Distribution of the initial weights from the layer to itself, in units of the threshold. `null` for no such synapses.
    #[serde(default)]
    pub recurrent: Option<Normal>,
    /// Distribution of the initial delays from the layer to itself, as `delays`.
    #[serde(default)]
    pub recurrent_delays: Option<Normal>,
    /// Further connections, from layers before the last, or from the input.
    #[serde(default)]
    pub skip: Vec<SkipConfig>,
    /// Learning rates of this layer, and of the synapses onto it, in place of those of the whole network; `null` where they are the same,
    /// 0 for what is not trained here.
    #[serde(default)]
    pub learning_rates: Option<LearningRates>,
}

/// A connection that leaves out the layers between.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SkipConfig {
    /// Name of an earlier layer, or `input`.
    pub from: String,
    /// Distribution of the initial weights, in units of the threshold.
    pub weights: Normal,
    /// Distribution of the initial delays, in s, as those of a layer.
    #[serde(default)]
    pub delays: Option<Normal>,
}

/// A normal distribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Normal {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub std: f64,
}

impl LayerConfig {
    /// The model of its neurons with what is said of their currents, if it can have that.
    #[must_use]
    pub fn neuron(&self) -> Option<Model> {
        let Self { reset_current, hold_current, .. } = *self;
        self.model.0.with_options(Options { reset_current, hold_current })
    }

    /// The mean threshold, or what stands for it: the unit of weights, potentials and currents.
    #[must_use]
    pub fn unit(&self) -> f64 {
        self.neurons.unit(self.model)
    }

    /// The learning rates of the layer in a network with these. The weight of an average is trained only if the layer has a rate of its own for it.
    #[must_use]
    pub fn rates(&self, of_network: &LearningRates) -> LearningRates {
        let is_average = matches!(self.kind, LayerKind::AvgPool2d { .. });
        let weights = of_network.weights.filter(|_| !is_average);
        LearningRates { weights, ..of_network.clone() }.with(self.learning_rates.as_ref())
    }

    pub(super) fn validate(&self) -> Result<(), OutOfRange> {
        self.size.map_or(Ok(()), |size| count("size", size))?;
        let key = if self.reset_current { "reset_current" } else { "hold_current" };
        check(key, true, self.neuron().is_some(), "false for models other than lif and alif")?;
        self.neurons.validate(self.model)?;
        let own = [
            ("weights", Some(self.weights)),
            ("delays", self.delays),
            ("recurrent", self.recurrent),
            ("recurrent_delays", self.recurrent_delays),
        ];
        own.into_iter().try_for_each(|(key, normal)| check_normal(key, normal))?;
        for (k, skip) in self.skip.iter().enumerate() {
            check_normal(format!("skip.{k}.weights"), Some(skip.weights))?;
            check_normal(format!("skip.{k}.delays"), skip.delays)?;
        }
        let rates = self.learning_rates.as_ref().map_or(Ok(()), LearningRates::validate_own);
        rates.map_err(|broken| broken.below("learning_rates"))
    }
}

fn check_normal(key: impl Display, normal: Option<Normal>) -> Result<(), OutOfRange> {
    normal.map_or(Ok(()), Normal::validate).map_err(|broken| broken.below(key))
}

impl Normal {
    fn validate(self) -> Result<(), OutOfRange> {
        finite("mean", self.mean)?;
        not_negative("std", self.std)
    }
}
