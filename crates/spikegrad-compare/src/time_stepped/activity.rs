//! Bounds on spike counts: what keeps surrogate training in a sparse, or an active, regime.
//!
//! ```text
//! upper    strength · mean over the neurons of relu(count − threshold)^power
//! lower    strength · mean over the neurons of relu(threshold − count)^power
//! ```
//!
//! in each sample, as in the program *stork* of the authors of Zenke and Vogels 2021, whose mean goes over the batch as well. A
//! count is constant wherever it can be differentiated, so that these terms have a surrogate gradient only; they are added to the
//! loss and reported apart from it. Not here: pushes that claim to be no derivative (`spikegrad_train`).

use super::{GridError, Run};
use spikegrad_network::Network;

/// Which side a bound limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// No more spikes than the threshold.
    Upper,
    /// No fewer.
    Lower,
}

/// A bound on the spike counts of a population.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Activity {
    /// Position of the population.
    pub population: usize,
    /// Which side is limited.
    pub side: Side,
    /// Weight of the term.
    pub strength: f64,
    /// Spikes of a neuron in a sample.
    pub threshold: f64,
    /// Exponent, 1 or more.
    pub power: i32,
}

impl Activity {
    pub(super) fn check(&self, network: &Network) -> Result<(), GridError> {
        let populations = network.populations();
        let Some(population) = populations.get(self.population) else {
            let (found, count) = (self.population, populations.len());
            return Err(GridError::Absent { what: "a bounded population", found, count });
        };
        if !population.model.spikes() {
            return Err(GridError::ReadsSilent { population: population.name.clone() });
        }
        if self.power < 1 {
            let value = f64::from(self.power);
            return Err(GridError::Setting {
                name: "activity.power",
                value,
                expected: "1 or more",
            });
        }
        Ok(())
    }

    /// The term, and its derivative with respect to the count of each neuron, added to `by_count` (one entry a neuron of the
    /// network).
    pub(super) fn evaluate(&self, network: &Network, run: &Run, by_count: &mut [f64]) -> f64 {
        let neurons = network.range(self.population);
        let sign = match self.side {
            Side::Upper => 1.0,
            Side::Lower => -1.0,
        };
        #[expect(clippy::cast_precision_loss, reason = "a network has at most a million neurons")]
        let weight = self.strength / neurons.len() as f64;
        let mut value = 0.0;
        for (count, into) in run.counts(&neurons).into_iter().zip(&mut by_count[neurons]) {
            let beyond = sign * (count - self.threshold);
            if beyond > 0.0 {
                value += weight * beyond.powi(self.power);
                *into += sign * weight * f64::from(self.power) * beyond.powi(self.power - 1);
            }
        }
        value
    }
}
