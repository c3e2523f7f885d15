//! Losses evaluated on the grid: the values would be those of event-driven runs if all events lay on grid points.
//!
//! A loss reads one population: potentials at grid points, or what was emitted there, which may be soft. It must be smooth in
//! both, for that is what a surrogate is applied to. Not here: what a loss states, and its evaluation on a trace (`spikegrad_network`),
//! of which no formula is shared.

mod spikes;
mod voltage;

pub use voltage::shaped_scores;

use super::{GridError, Run};
use spikegrad_dynamics::math;
use spikegrad_network::Network;
use spikegrad_network::loss::{AnyLoss, Loss};
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
    /// Name of the population that it reads.
    fn population(&self) -> &str;
    /// The neurons that it reads: none, if it does not fit the network.
    fn neurons(&self, network: &Network) -> Range<usize> {
        network.neurons_of(self.population()).unwrap_or_default()
    }
    /// Checks that it fits `network`.
    ///
    /// # Errors
    /// [`GridError`]: it names what is not there, or reads what cannot be read.
    fn check(&self, network: &Network) -> Result<(), GridError>;
    /// The value; `into`, which comes empty, takes its derivatives with respect to what it read.
    fn evaluate(&self, view: &View<'_>, into: &mut Cotangents) -> f64;
}

/// A loss of a problem file as one on the grid.
///
/// # Errors
/// [`GridError::PairedSpikeTimes`] for spike times paired with targets; [`GridError::NoCounterpart`] for other losses that are not
/// written for a grid.
pub fn grid_loss_of(loss: &AnyLoss) -> Result<&dyn GridLoss, GridError> {
    Ok(match loss {
        AnyLoss::TtfsCrossEntropy(loss) => loss,
        AnyLoss::VanRossum(loss) => loss,
        AnyLoss::MaxVoltageCrossEntropy(loss) => loss,
        AnyLoss::MeanVoltageCrossEntropy(loss) => loss,
        AnyLoss::ShapedVoltageCrossEntropy(loss) => loss,
        AnyLoss::VoltageMse(loss) => loss,
        AnyLoss::SpikeTimeMse(_) => return Err(GridError::PairedSpikeTimes),
        other => return Err(GridError::NoCounterpart { loss: other.name() }),
    })
}

/// Checks that a loss fits `network`.
fn fits(loss: &impl Loss, network: &Network) -> Result<(), GridError> {
    Ok(loss.readouts(network).map(drop)?)
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
