//! Cross-entropy of first-spike times (time to first spike).
//!
//! ```text
//! L = −ln( e^(−t_label/τ₀) / Σ_k e^(−t_k/τ₀) ) + α (e^(t_label/τ₁) − 1)
//! ```
//! Wunderlich and Pehle 2021, in the sign of their code (an early label is favoured). A silent neuron counts as one that
//! spikes at the end of the run, a constant.

use super::{Cotangents, Loss, softmax, spikes_of};
use spikegrad_dynamics::Scalar;
use spikegrad_network::{Network, ReadoutRequest, Trace};

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
    fn readouts(&self, _: &Network) -> Vec<ReadoutRequest> {
        Vec::new()
    }

    fn evaluate(&self, network: &Network, trace: &Trace<T>) -> (T, Cotangents<T>) {
        let first: Vec<Option<usize>> = spikes_of(network, self.population, trace)
            .iter()
            .map(|list| list.first().copied())
            .collect();
        let silent = T::from(trace.stimulus.t_end());
        let times: Vec<T> =
            first.iter().map(|s| s.map_or(silent, |s| trace.spikes[s].time)).collect();
        let scores: Vec<T> = times.iter().map(|&t| -t / T::from(self.tau0)).collect();
        let (mut value, by_score) = softmax::cross_entropy(&scores, self.label);
        let mut cotangents = Cotangents::zeros(trace);
        for (spike, &score) in first.iter().zip(&by_score) {
            if let Some(spike) = *spike {
                cotangents.spikes[spike] = -score / T::from(self.tau0);
            }
        }
        if self.alpha != 0.0 {
            let late = times[self.label] / T::from(self.tau1);
            value += T::from(self.alpha) * late.exp_m1();
            if let Some(spike) = first[self.label] {
                cotangents.spikes[spike] += T::from(self.alpha / self.tau1) * late.exp();
            }
        }
        (value, cotangents)
    }
}
