//! Losses: what a trace is worth, and how the worth changes with each spike time and read-out.
//!
//! The losses of the problem file stand here; a loss of your own implements [`Loss`]. What is done with a loss stands in
//! `evaluate.rs`. Not here: any derivative with respect to a parameter (`backward.rs`).

mod check;
mod evaluate;
#[cfg(test)]
mod fixtures;
mod relative_spike_time;
mod softmax;
mod spike_time;
mod ttfs;
mod van_rossum;
mod voltage;

pub use evaluate::Evaluate;
pub use relative_spike_time::RelativeSpikeTime;
pub use spike_time::SpikeTimeMse;
pub use ttfs::TtfsCrossEntropy;
pub use van_rossum::VanRossum;
pub use voltage::{
    MaxVoltageCrossEntropy, MeanVoltageCrossEntropy, ShapedVoltageCrossEntropy, VoltageMse,
};

use crate::AdjointError;
use spikegrad_dynamics::Scalar;
use spikegrad_network::problem::LossDocument;
use spikegrad_network::{Network, NetworkError, NeuronId, ReadoutRequest, Spike, Trace};
use std::fmt::Debug;

/// ∂L/∂(what the loss reads).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cotangents<T = f64> {
    /// ∂L/∂t for each spike of the trace, per second.
    pub spikes: Vec<T>,
    /// ∂L/∂(value) for each read-out of the trace.
    pub readouts: Vec<T>,
    /// Spikes at which the value itself has a kink, by their positions in the trace: its derivative is one-sided there.
    pub kinks: Vec<usize>,
    /// For each touch of the trace, whether the value may depend on it ([`crate::judge_touches`]); it may where nothing is said.
    pub touches: Vec<bool>,
}

impl<T: Scalar> Cotangents<T> {
    /// Nothing matters yet.
    #[must_use]
    pub fn zeros(trace: &Trace<T>) -> Self {
        let mut cotangents =
            Self { spikes: vec![], readouts: vec![], kinks: vec![], touches: vec![] };
        cotangents.reset(trace);
        cotangents
    }

    /// Nothing matters yet, in memory that has been used before.
    pub fn reset(&mut self, trace: &Trace<T>) {
        let zero = T::from(0.0);
        self.spikes.clear();
        self.spikes.resize(trace.spikes.len(), zero);
        self.readouts.clear();
        self.readouts.resize(trace.readouts.len(), zero);
        self.kinks.clear();
        self.touches.clear();
    }
}

impl<T> Cotangents<T> {
    /// Whether the value may depend on the touch at position `touch` of the trace.
    #[must_use]
    pub fn touch_matters(&self, touch: usize) -> bool {
        self.touches.get(touch).copied().unwrap_or(true)
    }

    /// Checks that there is one for each spike and each read-out of a trace.
    ///
    /// # Errors
    /// [`AdjointError::Cotangents`].
    pub fn check(&self, trace: &Trace<T>) -> Result<(), AdjointError> {
        let (spikes, readouts) = (self.spikes.len(), self.readouts.len());
        let (expected_spikes, expected_readouts) = (trace.spikes.len(), trace.readouts.len());
        if (spikes, readouts) == (expected_spikes, expected_readouts) {
            return Ok(());
        }
        Err(AdjointError::Cotangents { spikes, readouts, expected_spikes, expected_readouts })
    }
}

/// A function of spike times and read-outs: what a loss of your own says of itself.
///
/// [`Evaluate`] is what every loss can do then: `readouts` and `evaluate` are derived from these three methods, for all losses in
/// one place, and cannot be given a second meaning:
///
/// ```compile_fail,E0407
/// use spikegrad_adjoint::{Cotangents, Loss};
/// use spikegrad_network::{Network, ReadoutRequest, Trace};
/// #[derive(Debug)]
/// struct Mine;
/// impl Loss for Mine {
///     fn evaluate_into(&self, _: &Network, _: &Trace, _: &mut Cotangents) -> f64 { 0.0 }
///     fn readouts(&self, _: &Network) -> Vec<ReadoutRequest> { vec![] }
/// }
/// ```
pub trait Loss<T: Scalar = f64>: Debug + Send + Sync + Evaluate<T> {
    /// Checks that the loss fits `network`: that the populations and neurons which it names exist. It is asked before anything
    /// else, so that the other two can rely on it. By default every network will do.
    ///
    /// # Errors
    /// [`NetworkError`], with the place.
    fn check(&self, network: &Network) -> Result<(), NetworkError> {
        let _ = network;
        Ok(())
    }

    /// Adds what the run shall record of membrane potentials; the trace holds it in this order. By default nothing.
    fn request(&self, network: &Network, requests: &mut Vec<ReadoutRequest>) {
        let _ = (network, requests);
    }

    /// Returns the value, and writes its derivative with respect to everything it read into `cotangents`, which come with
    /// one zero for each spike and each read-out of the trace.
    ///
    /// Times are best read as [`Spike::at`], whose differences keep the digits that a rounded time leaves off.
    fn evaluate_into(
        &self,
        network: &Network,
        trace: &Trace<T>,
        cotangents: &mut Cotangents<T>,
    ) -> T;

    /// How many spikes of `neuron`, from its first on, the value may depend on, those included that have not happened: all of
    /// them, unless a loss says less. Asked where a potential touches its threshold, which is an error only if it matters.
    fn spikes_read(&self, network: &Network, neuron: NeuronId) -> usize {
        let _ = (network, neuron);
        usize::MAX
    }
}

/// The loss that a problem file states.
///
/// The document of a [`spikegrad_network::Problem`] is checked. One of another network may not fit this one, and its loss then says
/// so wherever it is used ([`Loss::check`]): a population that is not there is taken as one behind the last.
#[must_use]
pub fn loss_of<T: Scalar>(document: &LossDocument, network: &Network) -> Box<dyn Loss<T>> {
    let population =
        |name: &str| network.population(name).unwrap_or_else(|| network.populations().len());
    let index = |k: u64| usize::try_from(k).unwrap_or(usize::MAX);
    match document {
        LossDocument::TtfsCrossEntropy { population: name, label, tau0, tau1, alpha } => {
            Box::new(TtfsCrossEntropy {
                population: population(name),
                label: index(*label),
                tau0: *tau0,
                tau1: *tau1,
                alpha: *alpha,
            })
        }
        LossDocument::RelativeSpikeTime { population: name, label, margin } => {
            Box::new(RelativeSpikeTime {
                population: population(name),
                label: index(*label),
                margin: *margin,
            })
        }
        LossDocument::VanRossum { population: name, targets, tau } => Box::new(VanRossum {
            population: population(name),
            targets: targets.clone(),
            tau: *tau,
        }),
        LossDocument::SpikeTimeMse { population: name, targets } => {
            Box::new(SpikeTimeMse { population: population(name), targets: targets.clone() })
        }
        LossDocument::MaxVoltageCrossEntropy { population: name, label } => {
            Box::new(MaxVoltageCrossEntropy { population: population(name), label: index(*label) })
        }
        LossDocument::MeanVoltageCrossEntropy { population: name, label } => {
            Box::new(MeanVoltageCrossEntropy { population: population(name), label: index(*label) })
        }
        LossDocument::ShapedVoltageCrossEntropy { population: name, label, tau, scale } => {
            Box::new(ShapedVoltageCrossEntropy {
                population: population(name),
                label: index(*label),
                tau: *tau,
                scale: *scale,
            })
        }
        LossDocument::VoltageMse { population: name, samples } => Box::new(VoltageMse {
            population: population(name),
            samples: samples.iter().map(|&(k, time, target)| (index(k), time, target)).collect(),
        }),
    }
}

/// Spikes of a population, in order: position in the trace, and index of the neuron in the population.
fn spikes_of<T: Scalar>(
    network: &Network,
    population: usize,
    trace: &Trace<T>,
) -> impl DoubleEndedIterator<Item = (usize, usize)> {
    let range = network.range(population);
    let of = move |(k, spike): (usize, &Spike<T>)| {
        let n = spike.neuron.index();
        range.contains(&n).then(|| (k, n - range.start))
    };
    trace.spikes.iter().enumerate().filter_map(of)
}

/// `count` for a neuron of a population, none for all others.
fn of_population(network: &Network, population: usize, neuron: NeuronId, count: usize) -> usize {
    if network.range(population).contains(&neuron.index()) { count } else { 0 }
}

/// The neurons of a population as ids.
fn neurons_of(network: &Network, population: usize) -> impl Iterator<Item = NeuronId> {
    network.range(population).map(NeuronId::new)
}
