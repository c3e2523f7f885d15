//! Half the squared distance of spike times from target times.

use super::{Cotangents, Loss, check};
use spikegrad_dynamics::Scalar;
use spikegrad_network::{Network, NetworkError, NeuronId, Time, Trace};

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
    fn check(&self, network: &Network) -> Result<(), NetworkError> {
        check::targets(network, self.population, &self.targets)
    }

    fn spikes_read(&self, network: &Network, neuron: NeuronId) -> usize {
        let index = neuron.index().wrapping_sub(network.range(self.population).start);
        self.targets.get(index).map_or(0, Vec::len)
    }
    fn evaluate_into(
        &self,
        network: &Network,
        trace: &Trace<T>,
        cotangents: &mut Cotangents<T>,
    ) -> T {
        let (half, end) = (T::from(0.5), T::from(trace.stimulus.t_end()));
        let mut value = T::from(0.0);
        for (neuron, targets) in network.range(self.population).zip(&self.targets) {
            let mut targets = targets.iter();
            let own = trace.spikes.iter().zip(&mut cotangents.spikes);
            let own = own.filter(|(spike, _)| spike.neuron.index() == neuron);
            for ((spike, cotangent), &target) in own.zip(&mut targets) {
                let error = spike.at().since(Time::from(T::from(target)));
                value += half * error * error;
                *cotangent = error;
            }
            for &target in targets {
                let error = end - T::from(target);
                value += half * error * error;
            }
        }
        value
    }
}
