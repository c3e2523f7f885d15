//! What a layer is: its neurons, and the synapses that it is reached by.
//!
//! Weights are in units of the threshold, so that a network keeps its activity if all potentials are scaled. Not here: how
//! they are drawn (`network.rs`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::out_of_range::{OutOfRange, count, finite, not_negative, positive};

/// A layer, reached by every neuron of the one before, or by every input channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayerConfig {
    /// Its name, in checkpoints and figures.
    pub name: String,
    /// Number of neurons. That of the last layer may be left out: it is the number of classes.
    #[serde(default)]
    pub size: Option<usize>,
    /// Spiking neurons or leaky integrators.
    pub model: LayerModel,
    /// Membrane time constant, in s.
    pub tau_mem: f64,
    /// Synaptic time constant, in s.
    pub tau_syn: f64,
    /// Threshold; of an integrator, the unit of its weights.
    #[serde(default = "one")]
    pub v_th: f64,
    /// Refractory time, in s.
    #[serde(default)]
    pub t_ref: f64,
    /// Constant input current, in units of the threshold.
    #[serde(default)]
    pub bias: f64,
    /// Distribution of the initial weights from the layer before, in units of the threshold.
    pub weights: Normal,
    /// Distribution of the initial delays from the layer before, in s; what is drawn below zero is taken positive. `null` for
    /// no delay.
    #[serde(default)]
    pub delays: Option<Normal>,
    /// Distribution of the initial weights from the layer to itself, in units of the threshold. `null` for no such synapses.
    #[serde(default)]
    pub recurrent: Option<Normal>,
}

/// What kind of neuron a layer is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LayerModel {
    /// Leaky integrate-and-fire.
    Lif,
    /// Leaky integrator: never spikes, and is read by its potential.
    Li,
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

fn one() -> f64 {
    1.0
}

impl LayerConfig {
    pub(super) fn validate(&self) -> Result<(), OutOfRange> {
        self.size.map_or(Ok(()), |size| count("size", size))?;
        positive("tau_mem", self.tau_mem)?;
        positive("tau_syn", self.tau_syn)?;
        positive("v_th", self.v_th)?;
        not_negative("t_ref", self.t_ref)?;
        finite("bias", self.bias)?;
        let all = [
            ("weights", Some(self.weights)),
            ("delays", self.delays),
            ("recurrent", self.recurrent),
        ];
        all.into_iter().try_for_each(|(key, normal)| match normal {
            Some(normal) => normal.validate().map_err(|broken| broken.below(key)),
            None => Ok(()),
        })
    }
}

impl Normal {
    fn validate(self) -> Result<(), OutOfRange> {
        finite("mean", self.mean)?;
        not_negative("std", self.std)
    }
}
