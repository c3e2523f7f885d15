//! Losses: what a trace is worth, and how the worth changes with each spike time and read-out.
//!
//! The five losses of the problem file stand here; a loss of your own implements [`Loss`]. Not here: any derivative with
//! respect to a parameter (`backward.rs`).

mod softmax;
mod spike_time;
mod ttfs;
mod voltage;

pub use spike_time::SpikeTimeMse;
pub use ttfs::TtfsCrossEntropy;
pub use voltage::{MaxVoltageCrossEntropy, MeanVoltageCrossEntropy, VoltageMse};

use spikegrad_dynamics::Scalar;
use spikegrad_network::problem::LossDocument;
use spikegrad_network::{Network, NeuronId, ReadoutRequest, Trace};
use std::fmt::Debug;

/// ∂L/∂(what the loss reads).
#[derive(Clone, Debug, PartialEq)]
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
}

/// A function of spike times and read-outs.
pub trait Loss<T: Scalar = f64>: Debug + Send + Sync {
    /// What the run shall record of membrane potentials; the trace holds it in this order.
    fn readouts(&self, network: &Network) -> Vec<ReadoutRequest>;
    /// The value, and its derivative with respect to everything it read.
    fn evaluate(&self, network: &Network, trace: &Trace<T>) -> (T, Cotangents<T>);
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
        LossDocument::SpikeTimeMse { population: name, targets } => {
            Box::new(SpikeTimeMse { population: population(name), targets: targets.clone() })
        }
        LossDocument::MaxVoltageCrossEntropy { population: name, label } => {
            Box::new(MaxVoltageCrossEntropy { population: population(name), label: index(*label) })
        }
        LossDocument::MeanVoltageCrossEntropy { population: name, label } => {
            Box::new(MeanVoltageCrossEntropy { population: population(name), label: index(*label) })
        }
        LossDocument::VoltageMse { population: name, samples } => Box::new(VoltageMse {
            population: population(name),
            samples: samples.iter().map(|&(k, time, target)| (index(k), time, target)).collect(),
        }),
    }
}

/// Positions in the trace of the spikes of each neuron of a population, in order.
fn spikes_of<T: Scalar>(network: &Network, population: usize, trace: &Trace<T>) -> Vec<Vec<usize>> {
    let range = network.range(population);
    let mut spikes = vec![Vec::new(); range.len()];
    for (k, spike) in trace.spikes.iter().enumerate() {
        if range.contains(&spike.neuron.index()) {
            spikes[spike.neuron.index() - range.start].push(k);
        }
    }
    spikes
}

/// The neurons of a population as ids.
fn neurons_of(network: &Network, population: usize) -> impl Iterator<Item = NeuronId> {
    network.range(population).map(NeuronId::new)
}
