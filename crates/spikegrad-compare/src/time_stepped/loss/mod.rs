//! Losses on the grid, each the counterpart of one on event-driven runs: equal to it if all events lay on grid points.
//!
//! A loss reads one population: potentials at grid points, or what was emitted there, which may be soft. It must be smooth in
//! both, for that is what a surrogate is applied to. Not here: the event-driven ones (`spikegrad_adjoint`), of which no code is
//! shared.

mod spikes;
mod voltage;

pub use spikes::{TtfsCrossEntropy, VanRossum};
pub use voltage::{
    MaxVoltageCrossEntropy, MeanVoltageCrossEntropy, ShapedVoltageCrossEntropy, VoltageMse,
};

use super::{GridError, Run};
use spikegrad_dynamics::math;
use spikegrad_network::problem::LossDocument;
use spikegrad_network::{Model, Network};
use std::fmt::Debug;
use std::ops::Range;

/// ∂L/∂(what a loss reads), step by step, one entry for each neuron of its population; an empty list is zero.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cotangents {
    /// With respect to potentials.
    pub voltage: Vec<f64>,
    /// With respect to what was emitted.
    pub spikes: Vec<f64>,
}

impl Cotangents {
    /// Nothing matters yet.
    pub fn clear(&mut self) {
        self.voltage.clear();
        self.spikes.clear();
    }
}

/// A run as a loss sees it: one population.
#[derive(Clone, Debug)]
pub struct View<'a> {
    run: &'a Run,
    neurons: Range<usize>,
}

impl<'a> View<'a> {
    /// The neurons `neurons` of a run.
    #[must_use]
    pub fn new(run: &'a Run, neurons: Range<usize>) -> Self {
        Self { run, neurons }
    }

    /// The whole run.
    #[must_use]
    pub fn run(&self) -> &'a Run {
        self.run
    }

    /// Number of neurons in the population.
    #[must_use]
    pub fn size(&self) -> usize {
        self.neurons.len()
    }

    /// Number of grid points, from time 0 to the end.
    #[must_use]
    pub fn points(&self) -> usize {
        self.run.steps() + 1
    }

    /// Potentials of the population at a grid point.
    #[must_use]
    pub fn voltages(&self, step: usize) -> &'a [f64] {
        &self.run.membrane[step * self.run.neurons..][self.neurons.clone()]
    }

    /// What each neuron emitted at each grid point, step by step.
    #[must_use]
    pub fn emitted(&self) -> Vec<f64> {
        let mut all = vec![0.0; self.points() * self.size()];
        for step in 0..self.points() {
            let own = self.run.emitted(step).filter(|(k, _)| self.neurons.contains(k));
            for (k, value) in own {
                all[step * self.size() + k - self.neurons.start] = value;
            }
        }
        all
    }
}

/// A smooth function of potentials at grid points and of what was emitted there.
pub trait GridLoss: Debug + Send + Sync {
    /// Position of the population that it reads.
    fn population(&self) -> usize;
    /// Checks that it fits `network`.
    ///
    /// # Errors
    /// [`GridError`]: it names what is not there, or reads what cannot be read.
    fn check(&self, network: &Network) -> Result<(), GridError>;
    /// The value; `into`, which comes empty, takes its derivatives with respect to what it read.
    fn evaluate(&self, view: &View<'_>, into: &mut Cotangents) -> f64;
}

/// The counterpart of the loss that a (checked) problem file states.
///
/// # Errors
/// [`GridError::PairedSpikeTimes`] for spike times paired with targets; [`GridError::NoCounterpart`] for losses that are not
/// written for a grid; [`GridError::Absent`] if the document is of another
/// network.
pub fn grid_loss_of(
    document: &LossDocument,
    network: &Network,
) -> Result<Box<dyn GridLoss>, GridError> {
    let population = |name: &str| {
        let count = network.populations().len();
        network.population(name).ok_or(GridError::Absent {
            what: "the loss's population",
            found: count,
            count,
        })
    };
    // An index too large for this machine is certainly absent.
    let index = |k: u64| usize::try_from(k).unwrap_or(usize::MAX);
    let loss: Box<dyn GridLoss> = match document {
        LossDocument::TtfsCrossEntropy { population: name, label, tau0, tau1, alpha } => {
            let (tau0, tau1, alpha) = (*tau0, *tau1, *alpha);
            let (population, label) = (population(name)?, index(*label));
            Box::new(TtfsCrossEntropy { population, label, tau0, tau1, alpha })
        }
        LossDocument::MaxVoltageCrossEntropy { population: name, label } => {
            Box::new(MaxVoltageCrossEntropy { population: population(name)?, label: index(*label) })
        }
        LossDocument::MeanVoltageCrossEntropy { population: name, label } => {
            Box::new(MeanVoltageCrossEntropy {
                population: population(name)?,
                label: index(*label),
            })
        }
        LossDocument::ShapedVoltageCrossEntropy { population: name, label, tau, scale } => {
            let (population, label) = (population(name)?, index(*label));
            Box::new(ShapedVoltageCrossEntropy { population, label, tau: *tau, scale: *scale })
        }
        LossDocument::VoltageMse { population: name, samples } => Box::new(VoltageMse {
            population: population(name)?,
            samples: samples.iter().map(|&(k, time, target)| (index(k), time, target)).collect(),
        }),
        LossDocument::VanRossum { population: name, targets, tau } => {
            let (population, targets) = (population(name)?, targets.clone());
            Box::new(VanRossum { population, targets, tau: *tau })
        }
        LossDocument::SpikeTimeMse { .. } => return Err(GridError::PairedSpikeTimes),
        LossDocument::RelativeSpikeTime { .. } => {
            return Err(GridError::NoCounterpart { loss: "relative_spike_time" });
        }
    };
    loss.check(network)?;
    Ok(loss)
}

/// Checks that `population` is there, is of the model that the loss can read, and has the neuron `index`.
fn check(
    network: &Network,
    population: usize,
    model: Model,
    indices: impl IntoIterator<Item = usize>,
) -> Result<(), GridError> {
    let populations = network.populations();
    let Some(read) = populations.get(population) else {
        let count = populations.len();
        return Err(GridError::Absent { what: "the loss's population", found: population, count });
    };
    if read.model != model {
        let population = read.name.clone();
        return Err(if model == Model::Li {
            GridError::ReadsSpiking { population }
        } else {
            GridError::ReadsSilent { population }
        });
    }
    match indices.into_iter().find(|&k| k >= read.size) {
        Some(found) => {
            Err(GridError::Absent { what: "a neuron of the loss", found, count: read.size })
        }
        None => Ok(()),
    }
}

/// Replaces `scores` by the derivatives of `−ln softmax(scores)[label]`, and returns its value.
fn cross_entropy(scores: &mut [f64], label: usize) -> f64 {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = scores.iter().map(|score| math::exp(score - largest)).sum();
    let value = math::ln(sum) + largest - scores[label];
    for score in &mut *scores {
        *score = math::exp(*score - largest) / sum;
    }
    scores[label] -= 1.0;
    value
}
