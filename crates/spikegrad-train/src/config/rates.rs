//! Learning rates: which parameters move, and how fast, in the whole network and in one layer.
//!
//! Those of neurons have the names that the tables of the models give them. Not here: how they change over a run (`optimise/schedule.rs`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::numbers::NeuronRates;
use crate::out_of_range::{OutOfRange, not_negative, positive};

/// The learning rate of each kind of parameter in the first epoch after warming up, in units of the parameter; `null` for one
/// that is not trained.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct LearningRates {
    /// Of the weights.
    #[serde(default)]
    pub weights: Option<f64>,
    /// Of the delays, one for each synapse, in s.
    #[serde(default)]
    pub delays: Option<f64>,
    /// Of the numbers of neurons.
    #[serde(flatten)]
    pub neurons: NeuronRates,
}

impl LearningRates {
    /// All rates with their names.
    fn all(&self) -> impl Iterator<Item = (&'static str, Option<f64>)> {
        let of_synapses = [("weights", self.weights), ("delays", self.delays)];
        of_synapses.into_iter().chain(self.neurons.all())
    }

    /// Those of a layer that has `own`: what these leave out is as in the whole network, and 0 is not trained.
    #[must_use]
    pub fn with(&self, own: Option<&Self>) -> Self {
        let nothing = Self::default();
        let own = own.unwrap_or(&nothing);
        let rate =
            |own: Option<f64>, of_all: Option<f64>| own.or(of_all).filter(|rate| *rate > 0.0);
        let neurons =
            own.neurons.all().map(|(name, own)| (name, rate(own, self.neurons.get(name))));
        Self {
            weights: rate(own.weights, self.weights),
            delays: rate(own.delays, self.delays),
            neurons: neurons.collect(),
        }
    }

    /// Whether anything is trained.
    pub(super) fn train_something(&self) -> bool {
        self.all().any(|(_, rate)| rate.is_some())
    }

    /// Checks the rates of the whole network.
    pub(super) fn validate(&self) -> Result<(), OutOfRange> {
        self.all().try_for_each(|(key, rate)| rate.map_or(Ok(()), |rate| positive(key, rate)))
    }

    /// Checks the rates of a layer, which may be 0.
    pub(super) fn validate_own(&self) -> Result<(), OutOfRange> {
        let checked =
            |(key, rate): (_, Option<f64>)| rate.map_or(Ok(()), |rate| not_negative(key, rate));
        self.all().try_for_each(checked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_overrides_what_it_names_and_zero_is_not_trained() {
        let all =
            LearningRates { weights: Some(0.1), delays: Some(0.2), ..LearningRates::default() };
        let biases = || [("biases", Some(0.3))].into_iter().collect();
        let own = LearningRates { delays: Some(0.0), neurons: biases(), weights: None };
        let expected = LearningRates { weights: Some(0.1), neurons: biases(), delays: None };
        assert_eq!(all.with(Some(&own)), expected);
        assert_eq!(all.with(None), all);
        let frozen = LearningRates { weights: Some(0.0), ..own };
        assert_eq!(all.with(Some(&frozen)).weights, None);
    }
}
