//! Losses: what a trace is worth, and how the worth changes with each spike time and read-out.
//!
//! The losses of the problem file stand here; a loss of your own implements [`Loss`]. Not here: any derivative with respect to a
//! parameter (`backward.rs`).

#[cfg(test)]
mod fixtures;
mod relative_spike_time;
mod softmax;
mod spike_time;
mod ttfs;
mod van_rossum;
mod voltage;

pub use relative_spike_time::RelativeSpikeTime;
pub use spike_time::SpikeTimeMse;
pub use ttfs::TtfsCrossEntropy;
pub use van_rossum::VanRossum;
pub use voltage::{
    MaxVoltageCrossEntropy, MeanVoltageCrossEntropy, ShapedVoltageCrossEntropy, VoltageMse,
};

use spikegrad_dynamics::Scalar;
use spikegrad_network::problem::LossDocument;
use spikegrad_network::{Network, NeuronId, ReadoutRequest, Spike, Trace};
use std::fmt::Debug;

/// ∂L/∂(what the loss reads).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cotangents<T = f64> {
    /// ∂L/∂t for each spike of the trace, per second.
    pub spikes: Vec<T>,
    /// ∂L/∂(value) for each read-out of the trace.
    pub readouts: Vec<T>,
}

impl<T: Scalar> Cotangents<T> {
    /// Nothing matters yet.
    #[must_use]
    pub fn zeros(trace: &Trace<T>) -> Self {
        let zero = T::from(0.0);
        Self { spikes: vec![zero; trace.spikes.len()], readouts: vec![zero; trace.readouts.len()] }
    }

    /// Nothing matters yet, in memory that has been used before.
    pub fn reset(&mut self, trace: &Trace<T>) {
        let zero = T::from(0.0);
        self.spikes.clear();
        self.spikes.resize(trace.spikes.len(), zero);
        self.readouts.clear();
        self.readouts.resize(trace.readouts.len(), zero);
    }
}

/// A function of spike times and read-outs.
pub trait Loss<T: Scalar = f64>: Debug + Send + Sync {
    /// Adds what the run shall record of membrane potentials; the trace holds it in this order. By default nothing.
    fn request(&self, network: &Network, requests: &mut Vec<ReadoutRequest>) {
        let _ = (network, requests);
    }
    /// Returns the value, and writes its derivative with respect to everything it read into `cotangents`, which come with
    /// one zero for each spike and each read-out of the trace.
    fn evaluate_into(
        &self,
        network: &Network,
        trace: &Trace<T>,
        cotangents: &mut Cotangents<T>,
    ) -> T;

    /// What the run shall record of membrane potentials.
    fn readouts(&self, network: &Network) -> Vec<ReadoutRequest> {
        let mut requests = Vec::new();
        self.request(network, &mut requests);
        requests
    }
    /// The value, and its derivative with respect to everything it read.
    fn evaluate(&self, network: &Network, trace: &Trace<T>) -> (T, Cotangents<T>) {
        let mut cotangents = Cotangents::zeros(trace);
        let value = self.evaluate_into(network, trace, &mut cotangents);
        (value, cotangents)
    }
}

/// The loss that a (checked) problem file states.
///
/// # Panics
/// If the document was not checked against this network.
#[must_use]
pub fn loss_of<T: Scalar>(document: &LossDocument, network: &Network) -> Box<dyn Loss<T>> {
    let population = |name: &str| {
        network.population(name).expect("a checked loss names a population of its network")
    };
    let index = |k: u64| usize::try_from(k).expect("a checked index fits");
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

/// The neurons of a population as ids.
fn neurons_of(network: &Network, population: usize) -> impl Iterator<Item = NeuronId> {
    network.range(population).map(NeuronId::new)
}
