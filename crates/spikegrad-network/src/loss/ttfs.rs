//! Cross-entropy of first-spike times (time to first spike).
//!
//! ```text
//! L = −ln( e^(−t_label/τ₀) / Σ_k e^(−t_k/τ₀) ) + α (e^(t_label/τ₁) − 1)
//! ```
//! Wunderlich and Pehle 2021, in the sign of their code (an early label is favoured). A silent neuron counts as one that
//! spikes at the end of the run, a constant.

use super::{Derivatives, Loss, Observation, check, of_population, softmax};
use crate::{Network, NetworkError, NeuronId, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spikegrad_dynamics::Scalar;

/// Cross-entropy of first-spike times of a population; times in seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TtfsCrossEntropy {
    /// Name of the population that is read.
    pub population: String,
    /// The neuron that shall be first.
    pub label: usize,
    /// Scale τ₀ of the softmax, in seconds.
    pub tau0: f64,
    /// Scale τ₁ of the regulariser, in seconds.
    #[serde(default = "second")]
    pub tau1: f64,
    /// Weight α of the regulariser.
    #[serde(default)]
    pub alpha: f64,
}

fn second() -> f64 {
    1.0
}

impl<T: Scalar> Loss<T> for TtfsCrossEntropy {
    fn check(&self, network: &Network) -> Result<(), NetworkError> {
        check::label(check::spiking(network, &self.population)?, self.label)?;
        check::time_constant("tau0", self.tau0)?;
        check::time_constant("tau1", self.tau1)?;
        check::finite("alpha", self.alpha)
    }

    fn spikes_read(&self, network: &Network, neuron: NeuronId) -> usize {
        of_population(network, &self.population, neuron, 1)
    }

    fn evaluate_into(&self, run: &Observation<'_, T>, into: &mut Derivatives<'_, T>) -> T {
        let silent = Time::from(T::from(run.t_end));
        let at = |k: usize| run.spikes[k].at();
        let spikes = || run.spikes_of(&self.population);
        // A softmax knows differences alone: times count from the first spike, so that a late one loses no digits.
        let first = spikes().next().map_or(silent, |(k, _)| at(k));
        let score = |time: Time<T>| -time.since(first) / T::from(self.tau0);
        let scores = &mut *into.memory;
        scores.clear();
        scores.resize(run.neurons(&self.population).len(), score(silent));
        let mut label = (None, silent);
        // The last one written is the first that spiked.
        for (k, n) in spikes().rev() {
            scores[n] = score(at(k));
            if n == self.label {
                label = (Some(k), at(k));
            }
        }
        let mut value = softmax::cross_entropy(scores, self.label);
        for (k, n) in spikes() {
            // Later spikes of the neuron find nothing left.
            into.spikes[k] = -std::mem::replace(&mut scores[n], T::from(0.0)) / T::from(self.tau0);
        }
        if self.alpha != 0.0 {
            let (spike, time) = label;
            let (growth, less_one) = self.growth(time);
            value += T::from(self.alpha) * less_one;
            if let Some(spike) = spike {
                into.spikes[spike] += T::from(self.alpha / self.tau1) * growth;
            }
        }
        value
    }
}

impl TtfsCrossEntropy {
    /// `e^(t/τ₁)`, and the same less one.
    ///
    /// What the rounding of the time and of the quotient left off is added behind the exponential, which would magnify it.
    fn growth<T: Scalar>(&self, time: Time<T>) -> (T, T) {
        let late = time.rounded / T::from(self.tau1);
        let rest = late.re().mul_add(-self.tau1, time.rounded.re()) + time.rest;
        let rest = T::from(rest / self.tau1);
        let growth = late.exp();
        (growth + growth * rest, late.exp_m1() + growth * rest)
    }
}
