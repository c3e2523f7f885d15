//! Half the squared distance of spike times from target times.

use super::{Derivatives, Loss, Observation, check, missing, range};
use crate::{Network, NetworkError, NeuronId, ReadoutRequest, Time};
use spikegrad_dynamics::Scalar;

/// `½ Σ (t − target)²`, the n-th spike of a neuron against its n-th target; times in seconds.
///
/// Surplus spikes do not count; a missing spike counts as one at the end of the run, a constant, or with `pseudospikes` as one after it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "problem-file",
    derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema),
    serde(deny_unknown_fields)
)]
pub struct SpikeTimeMse {
    /// Name of the population that is read.
    pub population: String,
    /// Target times in seconds, a list for each neuron.
    pub targets: Vec<Vec<f64>>,
    /// Whether spikes that did not happen have a time after the run, at which the neuron would go on by itself, so that the loss is
    /// continuous where spikes leave the run; only of `qif` and `qif_delta` populations.
    #[cfg_attr(
        feature = "problem-file",
        serde(default, skip_serializing_if = "std::ops::Not::not")
    )]
    pub pseudospikes: bool,
    /// Width of the softplus that makes the drive of `qif` neurons positive after the run; 10 unless given.
    #[cfg_attr(feature = "problem-file", serde(default, skip_serializing_if = "Option::is_none"))]
    pub pseudo_alpha: Option<f64>,
}

impl SpikeTimeMse {
    /// A missing spike counts as one at the end.
    pub fn new(population: impl Into<String>, targets: Vec<Vec<f64>>) -> Self {
        Self { population: population.into(), targets, pseudospikes: false, pseudo_alpha: None }
    }
}

impl<T: Scalar> Loss<T> for SpikeTimeMse {
    fn check(&self, network: &Network) -> Result<(), NetworkError> {
        let of = check::spiking(network, &self.population)?;
        check::targets(of, &self.targets, "a finite number", f64::is_finite)?;
        if self.pseudospikes {
            missing::check(network, of, self.pseudo_alpha)?;
        }
        Ok(())
    }

    fn request(&self, network: &Network, requests: &mut Vec<ReadoutRequest>) {
        if self.pseudospikes {
            for (neuron, targets) in range(network, &self.population).zip(&self.targets) {
                missing::request(neuron, targets.len(), self.pseudo_alpha, requests);
            }
        }
    }

    fn spikes_read(&self, network: &Network, neuron: NeuronId) -> usize {
        let index = neuron.index().wrapping_sub(range(network, &self.population).start);
        self.targets.get(index).map_or(0, Vec::len)
    }

    fn evaluate_into(&self, run: &Observation<'_, T>, into: &mut Derivatives<'_, T>) -> T {
        let (half, end) = (T::from(0.5), Time::from(T::from(run.t_end)));
        let mut value = T::from(0.0);
        let mut after = run.readouts.iter().zip(&mut *into.readouts);
        for (neuron, targets) in run.neurons(&self.population).zip(&self.targets) {
            let mut after = after.by_ref().take(targets.len());
            let mut targets = targets.iter();
            let own = run.spikes.iter().zip(&mut *into.spikes);
            let own = own.filter(|(spike, _)| spike.neuron.index() == neuron);
            for ((spike, derivative), &target) in own.zip(&mut targets) {
                let error = spike.at().since(Time::from(T::from(target)));
                value += half * error * error;
                *derivative = error;
            }
            for &target in targets {
                let next = after.next();
                let time = next.as_ref().map_or(end, |(next, _)| end.after(next.value));
                let error = time.since(Time::from(T::from(target)));
                value += half * error * error;
                if let Some((_, derivative)) = next {
                    *derivative = error;
                }
            }
            after.for_each(drop);
        }
        value
    }
}
