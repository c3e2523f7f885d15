//! Half the squared distance of first-spike times from a wanted delay behind the label.
//!
//! ```text
//! L = ½ Σ_{k≠l} (t_k − t_l − Δt)²
//! ```
//! J. Göltz, J. Weber, L. Kriener et al., *`DelGrad`*, Nat. Commun. 2025 (arXiv:2404.19165), the loss of its code; docs/mathematics.md,
//! eq. 20a. It knows differences of times alone: all outputs may move together at no cost, and a neuron that is too late is drawn back just
//! as one that is too early.
//!
//! Not here: a loss that rests once the label leads by enough (`ttfs.rs` comes close to it).

use super::{Derivatives, Loss, Observation, check, of_population};
use crate::{Network, NetworkError, NeuronId, Time};
use spikegrad_dynamics::Scalar;

/// `½ Σ (t_k − t_label − margin)²` over the other neurons k of a population, t being first spikes; times in seconds.
///
/// A silent neuron counts as one that spikes at the end of the run, a constant without a gradient. The derivatives add up to
/// zero, unless a neuron is silent.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "problem-file",
    derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema),
    serde(deny_unknown_fields)
)]
pub struct RelativeSpikeTime {
    /// Name of the population that is read.
    pub population: String,
    /// The neuron that shall be first.
    pub label: usize,
    /// How much later each other neuron shall spike, Δt, in seconds.
    pub margin: f64,
}

impl<T: Scalar> Loss<T> for RelativeSpikeTime {
    fn check(&self, network: &Network) -> Result<(), NetworkError> {
        check::label(check::spiking(network, &self.population)?, self.label)?;
        check::finite("margin", self.margin)
    }

    fn spikes_read(&self, network: &Network, neuron: NeuronId) -> usize {
        of_population(network, &self.population, neuron, 1)
    }

    fn evaluate_into(&self, run: &Observation<'_, T>, into: &mut Derivatives<'_, T>) -> T {
        let silent = Time::from(T::from(run.t_end));
        let first = |neuron: usize| {
            let spike = run.spikes.iter().position(|spike| spike.neuron.index() == neuron);
            (spike, spike.map_or(silent, |k| run.spikes[k].at()))
        };
        let neurons = run.neurons(&self.population);
        let label = neurons.start + self.label;
        let (label_spike, label_time) = first(label);
        let mut value = T::from(0.0);
        for neuron in neurons.filter(|&neuron| neuron != label) {
            let (spike, time) = first(neuron);
            let error = time.since(label_time) - T::from(self.margin);
            value += T::from(0.5) * error * error;
            if let Some(k) = spike {
                into.spikes[k] += error;
            }
            if let Some(k) = label_spike {
                into.spikes[k] -= error;
            }
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{check_cotangents, network, trace};
    use super::*;
    use crate::loss::Evaluate;

    fn loss() -> RelativeSpikeTime {
        RelativeSpikeTime { population: "out".into(), label: 1, margin: 0.25 }
    }

    fn evaluate(spikes: &[(usize, f64)]) -> (f64, Vec<f64>) {
        let (value, cotangents) = loss().evaluate(&network(3), &trace(4.0, spikes)).unwrap();
        (value, cotangents.spikes)
    }

    #[test]
    fn a_case_by_hand() {
        // 1.5 − 1 − ¼ = ¼ and 0.5 − 1 − ¼ = −¾; all of it is exact in binary, and later spikes do not count.
        let found = evaluate(&[(2, 0.5), (1, 1.0), (0, 1.5), (1, 1.75), (0, 3.0)]);
        assert_eq!(found, (0.3125, vec![-0.75, 0.5, 0.25, 0.0, 0.0]));
    }

    #[test]
    fn a_silent_neuron_stands_at_the_end_and_has_no_derivative() {
        // Neuron 0 is silent: 4 − 1 − ¼ = 2¾ still moves the label.
        assert_eq!(evaluate(&[(1, 1.0), (2, 1.25)]), (3.78125, vec![-2.75, 0.0]));
        // The label is silent: 1 − 4 − ¼ and 0.
        assert_eq!(evaluate(&[(0, 1.0)]), (0.5 * (3.25 * 3.25 + 0.0625), vec![-3.25]));
        assert_eq!(evaluate(&[]), (0.0625, vec![]));
    }

    #[test]
    fn derivatives_are_those_of_dual_numbers_and_of_differences() {
        check_cotangents(&loss(), 4.0, &[(2, 0.3), (0, 0.71), (1, 1.13), (1, 1.6), (0, 2.9)]);
        check_cotangents(&loss(), 4.0, &[(2, 0.3), (0, 0.71)]);
    }
}
