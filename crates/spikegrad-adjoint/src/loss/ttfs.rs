//! Cross-entropy of first-spike times (time to first spike).
//!
//! ```text
//! L = −ln( e^(−t_label/τ₀) / Σ_k e^(−t_k/τ₀) ) + α (e^(t_label/τ₁) − 1)
//! ```
//! Wunderlich and Pehle 2021, in the sign of their code (an early label is favoured). A silent neuron counts as one that
//! spikes at the end of the run, a constant.

use super::{Cotangents, Loss, softmax, spikes_of};
use spikegrad_dynamics::Scalar;
use spikegrad_network::{Network, Trace};

/// Cross-entropy of first-spike times of a population; times in seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct TtfsCrossEntropy {
    /// Position of the population.
    pub population: usize,
    /// The neuron that shall be first.
    pub label: usize,
    /// Scale τ₀ of the softmax, in seconds.
    pub tau0: f64,
    /// Scale τ₁ of the regulariser, in seconds.
    pub tau1: f64,
    /// Weight α of the regulariser.
    pub alpha: f64,
}

impl<T: Scalar> Loss<T> for TtfsCrossEntropy {
    fn evaluate_into(
        &self,
        network: &Network,
        trace: &Trace<T>,
        cotangents: &mut Cotangents<T>,
    ) -> T {
        let silent = T::from(trace.stimulus.t_end());
        let count = network.range(self.population).len();
        // Scores stand behind the spikes' cotangents, in the same memory, until they are done with.
        let spikes = cotangents.spikes.len();
        cotangents.spikes.resize(spikes + count, -silent / T::from(self.tau0));
        let (of_spikes, scores) = cotangents.spikes.split_at_mut(spikes);
        let mut label = (None, silent);
        // The last one written is the first that spiked.
        for (k, n) in spikes_of(network, self.population, trace).rev() {
            scores[n] = -trace.spikes[k].time / T::from(self.tau0);
            if n == self.label {
                label = (Some(k), trace.spikes[k].time);
            }
        }
        let mut value = softmax::cross_entropy(scores, self.label);
        for (k, n) in spikes_of(network, self.population, trace) {
            // Later spikes of the neuron find nothing left.
            of_spikes[k] = -std::mem::replace(&mut scores[n], T::from(0.0)) / T::from(self.tau0);
        }
        if self.alpha != 0.0 {
            let (spike, time) = label;
            let late = time / T::from(self.tau1);
            value += T::from(self.alpha) * late.exp_m1();
            if let Some(spike) = spike {
                of_spikes[spike] += T::from(self.alpha / self.tau1) * late.exp();
            }
        }
        cotangents.spikes.truncate(spikes);
        value
    }
}
