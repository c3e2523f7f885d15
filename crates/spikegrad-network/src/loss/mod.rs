//! Losses: the value of a run, and how it changes with each spike time and read-out.
//!
//! Each loss is stated once: a struct that a problem file can hold (`serde`), that checks itself against a network, asks for its
//! read-outs, and evaluates itself on them. [`AnyLoss`] is any of them. A loss of your own implements [`Loss`]. What is done with a
//! loss stands in `evaluate.rs`. Not here: any derivative with respect to a parameter (`spikegrad_adjoint`), grids of time steps
//! (`spikegrad_compare`).

mod any;
mod check;
mod cotangents;
mod evaluate;
#[cfg(test)]
mod fixtures;
mod missing;
#[cfg(feature = "problem-file")]
mod read;
mod regularisers;
mod relative_spike_time;
mod softmax;
mod spike_time;
mod sum;
mod ttfs;
mod van_rossum;
mod voltage;

pub use any::AnyLoss;
pub use cotangents::{Cotangents, Derivatives, LossMemory};
pub use evaluate::{Evaluate, LossError};
pub use regularisers::{RateRegulariser, VoltageMeasure, VoltageRegulariser};
pub use relative_spike_time::RelativeSpikeTime;
pub use spike_time::SpikeTimeMse;
pub use sum::{Sum, Term};
pub use ttfs::TtfsCrossEntropy;
pub use van_rossum::VanRossum;
pub use voltage::{
    MaxVoltageCrossEntropy, MeanVoltageCrossEntropy, ShapedVoltageCrossEntropy, VoltageMse,
};

use crate::{Network, NetworkError, NeuronId, Readout, ReadoutRequest, Spike};
use spikegrad_dynamics::Scalar;
use std::fmt::Debug;
use std::ops::Range;

/// What a loss sees of a run.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a, T = f64> {
    /// The network.
    pub network: &'a Network,
    /// End of the run, in seconds.
    pub t_end: f64,
    /// Every spike of the run, in order.
    pub spikes: &'a [Spike<T>],
    /// What the loss asked for in [`Loss::request`], in that order, and nothing else.
    pub readouts: &'a [Readout<T>],
}

impl<'a, T: Scalar> Observation<'a, T> {
    /// The neurons of a population: their positions among those of the network. None, if there is no such population.
    #[must_use]
    pub fn neurons(&self, population: &str) -> Range<usize> {
        range(self.network, population)
    }

    /// Spikes of a population, in order: position in the run, and index of the neuron in the population.
    #[must_use]
    pub fn spikes_of(
        &self,
        population: &str,
    ) -> impl DoubleEndedIterator<Item = (usize, usize)> + use<'a, T> {
        let range = self.neurons(population);
        let of = move |(k, spike): (usize, &Spike<T>)| {
            let n = spike.neuron.index();
            range.contains(&n).then(|| (k, n - range.start))
        };
        self.spikes.iter().enumerate().filter_map(of)
    }
}

/// A function of spike times and read-outs: what a loss of your own says of itself.
///
/// [`Evaluate`] is what every loss can do then: `readouts` and `evaluate` are derived from these methods, for all losses in
/// one place, and cannot be given a second meaning:
///
/// ```compile_fail,E0407
/// use spikegrad_network::loss::{Derivatives, Loss, Observation};
/// use spikegrad_network::{Network, ReadoutRequest};
/// #[derive(Debug)]
/// struct Mine;
/// impl Loss for Mine {
///     fn evaluate_into(&self, _: &Observation, _: &mut Derivatives) -> f64 { 0.0 }
///     fn readouts(&self, _: &Network) -> Vec<ReadoutRequest> { vec![] }
/// }
/// ```
pub trait Loss<T: Scalar = f64>: Debug + Send + Sync + Evaluate<T> {
    /// Checks that the loss fits `network`: that the populations and neurons which it names exist. It is asked before anything
    /// else, so that the other methods can rely on it. By default every network will do.
    ///
    /// # Errors
    /// [`NetworkError`], with the place within the loss.
    fn check(&self, network: &Network) -> Result<(), NetworkError> {
        let _ = network;
        Ok(())
    }

    /// Adds what the run shall record of membrane potentials; an [`Observation`] holds it in this order. By default nothing.
    fn request(&self, network: &Network, requests: &mut Vec<ReadoutRequest>) {
        let _ = (network, requests);
    }

    /// Returns the value, and writes its derivative with respect to everything it read into `into`, which comes with
    /// one zero for each spike and each read-out of `run`.
    ///
    /// Times are best read as [`Spike::at`], whose differences keep the digits that a rounded time leaves off.
    fn evaluate_into(&self, run: &Observation<'_, T>, into: &mut Derivatives<'_, T>) -> T;

    /// How many spikes of `neuron`, from its first on, the value may depend on, those included that have not happened: all of
    /// them, unless a loss says less. Asked where a potential touches its threshold, which is an error only if it matters.
    fn spikes_read(&self, network: &Network, neuron: NeuronId) -> usize {
        let _ = (network, neuron);
        usize::MAX
    }
}

/// A boxed loss is the loss in the box, so that losses of several kinds can be summed ([`Sum`]).
impl<T: Scalar, L: Loss<T> + ?Sized> Loss<T> for Box<L> {
    fn check(&self, network: &Network) -> Result<(), NetworkError> {
        (**self).check(network)
    }
    fn request(&self, network: &Network, requests: &mut Vec<ReadoutRequest>) {
        (**self).request(network, requests);
    }
    fn evaluate_into(&self, run: &Observation<'_, T>, into: &mut Derivatives<'_, T>) -> T {
        (**self).evaluate_into(run, into)
    }
    fn spikes_read(&self, network: &Network, neuron: NeuronId) -> usize {
        (**self).spikes_read(network, neuron)
    }
}

/// The neurons of a population; none, if there is no such population.
fn range(network: &Network, population: &str) -> Range<usize> {
    network.neurons_of(population).unwrap_or_default()
}

/// `count` for a neuron of a population, none for all others.
fn of_population(network: &Network, population: &str, neuron: NeuronId, count: usize) -> usize {
    if range(network, population).contains(&neuron.index()) { count } else { 0 }
}
