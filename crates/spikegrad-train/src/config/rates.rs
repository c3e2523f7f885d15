//! Learning rates: which parameters move, and how fast, in the whole network and in one layer.
//!
//! Not here: how they change over a run (`optimise/schedule.rs`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::out_of_range::{OutOfRange, not_negative, positive};

/// The learning rate of each kind of parameter in the first epoch after warming up, in units of the parameter; `null` for one
/// that is not trained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LearningRates {
    /// Of the weights.
    #[serde(default)]
    pub weights: Option<f64>,
    /// Of the delays, one for each synapse, in s.
    #[serde(default)]
    pub delays: Option<f64>,
    /// Of the logarithms of the membrane time constants, one for each neuron.
    #[serde(default)]
    pub tau_mem: Option<f64>,
    /// Of the logarithms of the synaptic time constants, one for each neuron.
    #[serde(default)]
    pub tau_syn: Option<f64>,
    /// Of the thresholds of spiking neurons.
    #[serde(default)]
    pub thresholds: Option<f64>,
    /// Of the constant input currents.
    #[serde(default)]
    pub biases: Option<f64>,
}

impl LearningRates {
    /// All rates with their names.
    pub(crate) fn all(&self) -> [(&'static str, Option<f64>); 6] {
        let Self { weights, delays, tau_mem, tau_syn, thresholds, biases } = *self;
        [
            ("weights", weights),
            ("delays", delays),
            ("tau_mem", tau_mem),
            ("tau_syn", tau_syn),
            ("thresholds", thresholds),
            ("biases", biases),
        ]
    }

    /// The rate called `name`.
    pub(crate) fn named(&self, name: &str) -> Option<f64> {
        self.all().into_iter().find(|(own, _)| *own == name).and_then(|(_, rate)| rate)
    }

    /// Those of a layer that has `own`: what these leave out is as in the whole network, and 0 is not trained.
    #[must_use]
    pub fn with(&self, own: Option<Self>) -> Self {
        let own = own.unwrap_or_default();
        let rate =
            |own: Option<f64>, of_all: Option<f64>| own.or(of_all).filter(|rate| *rate > 0.0);
        Self {
            weights: rate(own.weights, self.weights),
            delays: rate(own.delays, self.delays),
            tau_mem: rate(own.tau_mem, self.tau_mem),
            tau_syn: rate(own.tau_syn, self.tau_syn),
            thresholds: rate(own.thresholds, self.thresholds),
            biases: rate(own.biases, self.biases),
        }
    }

    /// Whether anything is trained.
    pub(super) fn train_something(&self) -> bool {
        self.all().iter().any(|(_, rate)| rate.is_some())
    }

    /// Checks the rates of the whole network.
    pub(super) fn validate(&self) -> Result<(), OutOfRange> {
        self.all()
            .into_iter()
            .try_for_each(|(key, rate)| rate.map_or(Ok(()), |rate| positive(key, rate)))
    }

    /// Checks the rates of a layer, which may be 0.
    pub(super) fn validate_own(&self) -> Result<(), OutOfRange> {
        let checked =
            |(key, rate): (_, Option<f64>)| rate.map_or(Ok(()), |rate| not_negative(key, rate));
        self.all().into_iter().try_for_each(checked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_overrides_what_it_names_and_zero_is_not_trained() {
        let all =
            LearningRates { weights: Some(0.1), delays: Some(0.2), ..LearningRates::default() };
        let own =
            LearningRates { delays: Some(0.0), biases: Some(0.3), ..LearningRates::default() };
        let expected =
            LearningRates { weights: Some(0.1), biases: Some(0.3), ..LearningRates::default() };
        assert_eq!(all.with(Some(own)), expected);
        assert_eq!(all.with(None), all);
        let frozen = LearningRates { weights: Some(0.0), ..own };
        assert_eq!(all.with(Some(frozen)).weights, None);
    }
}
