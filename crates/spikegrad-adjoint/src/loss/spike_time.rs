//! Half the squared distance of spike times from target times.

use super::{Cotangents, Loss, spikes_of};
use spikegrad_dynamics::Scalar;
use spikegrad_network::{Network, ReadoutRequest, Trace};

/// `½ Σ (t − target)²`, the n-th spike of a neuron against its n-th target; times in seconds.
///
/// Surplus spikes do not count; a missing spike counts as one at the end of the run, a constant.
#[derive(Clone, Debug, PartialEq)]
pub struct SpikeTimeMse {
    /// Position of the population.
    pub population: usize,
    /// Target times in seconds, a list for each neuron.
    pub targets: Vec<Vec<f64>>,
}

impl<T: Scalar> Loss<T> for SpikeTimeMse {
    fn readouts(&self, _: &Network) -> Vec<ReadoutRequest> {
        Vec::new()
    }

    fn evaluate(&self, network: &Network, trace: &Trace<T>) -> (T, Cotangents<T>) {
        let mut value = T::from(0.0);
        let mut cotangents = Cotangents::zeros(trace);
        for (spikes, targets) in
            spikes_of(network, self.population, trace).iter().zip(&self.targets)
        {
            for (n, &target) in targets.iter().enumerate() {
                let spike = spikes.get(n).copied();
                let time = spike.map_or(T::from(trace.stimulus.t_end()), |s| trace.spikes[s].time);
                let error = time - T::from(target);
                value += T::from(0.5) * error * error;
                if let Some(spike) = spike {
                    cotangents.spikes[spike] = error;
                }
            }
        }
        (value, cotangents)
    }
}
