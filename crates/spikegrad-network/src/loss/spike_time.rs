//! Half the squared distance of spike times from target times.

use super::{Derivatives, Loss, Observation, check, range};
use crate::{Network, NetworkError, NeuronId, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spikegrad_dynamics::Scalar;

/// `½ Σ (t − target)²`, the n-th spike of a neuron against its n-th target; times in seconds.
///
/// Surplus spikes do not count; a missing spike counts as one at the end of the run, a constant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpikeTimeMse {
    /// Name of the population that is read.
    pub population: String,
    /// Target times in seconds, a list for each neuron.
    pub targets: Vec<Vec<f64>>,
}

impl<T: Scalar> Loss<T> for SpikeTimeMse {
    fn check(&self, network: &Network) -> Result<(), NetworkError> {
        let of = check::spiking(network, &self.population)?;
        check::targets(of, &self.targets, "a finite number", f64::is_finite)
    }

    fn spikes_read(&self, network: &Network, neuron: NeuronId) -> usize {
        let index = neuron.index().wrapping_sub(range(network, &self.population).start);
        self.targets.get(index).map_or(0, Vec::len)
    }

    fn evaluate_into(&self, run: &Observation<'_, T>, into: &mut Derivatives<'_, T>) -> T {
        let (half, end) = (T::from(0.5), T::from(run.t_end));
        let mut value = T::from(0.0);
        for (neuron, targets) in run.neurons(&self.population).zip(&self.targets) {
            let mut targets = targets.iter();
            let own = run.spikes.iter().zip(&mut *into.spikes);
            let own = own.filter(|(spike, _)| spike.neuron.index() == neuron);
            for ((spike, derivative), &target) in own.zip(&mut targets) {
                let error = spike.at().since(Time::from(T::from(target)));
                value += half * error * error;
                *derivative = error;
            }
            for &target in targets {
                let error = end - T::from(target);
                value += half * error * error;
            }
        }
        value
    }
}
