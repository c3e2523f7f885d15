//! Losses on potentials of leaky integrators at grid points: maximum, average, samples.
//!
//! Not here: losses on spikes (`spikes.rs`).

use super::{Cotangents, GridLoss, View, check, cross_entropy};
use crate::time_stepped::GridError;
use spikegrad_dynamics::math;
use spikegrad_network::{Model, Network};

/// `−ln softmax` of the maxima of V over the grid, at the label.
#[derive(Clone, Debug, PartialEq)]
pub struct MaxVoltageCrossEntropy {
    /// Position of the population.
    pub population: usize,
    /// The neuron whose maximum shall be the largest.
    pub label: usize,
}

impl GridLoss for MaxVoltageCrossEntropy {
    fn population(&self) -> usize {
        self.population
    }

    fn check(&self, network: &Network) -> Result<(), GridError> {
        check(network, self.population, Model::Li, [self.label])
    }

    fn evaluate(&self, view: &View<'_>, into: &mut Cotangents) -> f64 {
        let mut scores = view.voltages(0).to_vec();
        let mut at = vec![0; scores.len()];
        for step in 1..view.points() {
            for (k, &v) in view.voltages(step).iter().enumerate() {
                // The first of equal maxima, as in the event-driven loss.
                if v > scores[k] {
                    (scores[k], at[k]) = (v, step);
                }
            }
        }
        let value = cross_entropy(&mut scores, self.label);
        into.voltage.resize(view.points() * view.size(), 0.0);
        for (k, (step, score)) in at.into_iter().zip(scores).enumerate() {
            into.voltage[step * view.size() + k] = score;
        }
        value
    }
}

/// `−ln softmax` of the time averages of V (trapezoidal rule), at the label.
#[derive(Clone, Debug, PartialEq)]
pub struct MeanVoltageCrossEntropy {
    /// Position of the population.
    pub population: usize,
    /// The neuron whose average shall be the largest.
    pub label: usize,
}

impl GridLoss for MeanVoltageCrossEntropy {
    fn population(&self) -> usize {
        self.population
    }

    fn check(&self, network: &Network) -> Result<(), GridError> {
        check(network, self.population, Model::Li, [self.label])
    }

    fn evaluate(&self, view: &View<'_>, into: &mut Cotangents) -> f64 {
        of_averages(view, into, self.label, &weights(view, |_| 1.0))
    }
}

/// `−ln softmax` of the time averages of V under a weight that decays (trapezoidal rule), at the label: the counterpart of
/// `spikegrad_adjoint::ShapedVoltageCrossEntropy`.
#[derive(Clone, Debug, PartialEq)]
pub struct ShapedVoltageCrossEntropy {
    /// Position of the population.
    pub population: usize,
    /// The neuron whose average shall be the largest.
    pub label: usize,
    /// How fast the weight decays, in seconds, positive; with an infinite one the averages are means.
    pub tau: f64,
    /// Distance of two averages that counts as decided, in the unit of V, positive.
    pub scale: f64,
}

impl GridLoss for ShapedVoltageCrossEntropy {
    fn population(&self) -> usize {
        self.population
    }

    fn check(&self, network: &Network) -> Result<(), GridError> {
        check(network, self.population, Model::Li, [self.label])
    }

    fn evaluate(&self, view: &View<'_>, into: &mut Cotangents) -> f64 {
        of_averages(view, into, self.label, &weights(view, self.weight()))
    }
}

impl ShapedVoltageCrossEntropy {
    /// The averages, divided by the scale: what the softmax is taken of.
    #[must_use]
    pub fn scores(&self, view: &View<'_>) -> Vec<f64> {
        averages(view, &weights(view, self.weight()))
    }

    /// Its weight at a time, in seconds.
    fn weight(&self) -> impl Fn(f64) -> f64 {
        let Self { tau, scale, .. } = *self;
        move |time| math::exp(-time / tau) / scale
    }
}

/// What each grid point counts for in `(1/T) ∫ weight(t) V dt`, where the weight is a function of time in seconds.
fn weights(view: &View<'_>, weight: impl Fn(f64) -> f64) -> Vec<f64> {
    let last = view.run().steps();
    #[expect(clippy::cast_precision_loss, reason = "steps are limited far below 2⁵³")]
    let at = |step: usize| {
        let share = match (last, step) {
            (0, _) => 1.0,
            (_, step) if step == 0 || step == last => 0.5 / last as f64,
            _ => 1.0 / last as f64,
        };
        share * weight(step as f64 * view.run().dt())
    };
    (0..view.points()).map(at).collect()
}

/// Σ weight · V, of each neuron.
fn averages(view: &View<'_>, weights: &[f64]) -> Vec<f64> {
    let mut scores = vec![0.0; view.size()];
    for (step, weight) in weights.iter().enumerate() {
        for (score, v) in scores.iter_mut().zip(view.voltages(step)) {
            *score += weight * v;
        }
    }
    scores
}

/// `−ln softmax` of the averages under these weights, at the label.
fn of_averages(view: &View<'_>, into: &mut Cotangents, label: usize, weights: &[f64]) -> f64 {
    let mut scores = averages(view, weights);
    let value = cross_entropy(&mut scores, label);
    for weight in weights {
        into.voltage.extend(scores.iter().map(|score| weight * score));
    }
    value
}

/// `½ Σ (V(time) − target)²`, each time rounded to the grid.
#[derive(Clone, Debug, PartialEq)]
pub struct VoltageMse {
    /// Position of the population.
    pub population: usize,
    /// (neuron of the population, time in seconds, target potential); what lies after the end is read there.
    pub samples: Vec<(usize, f64, f64)>,
}

impl GridLoss for VoltageMse {
    fn population(&self) -> usize {
        self.population
    }

    fn check(&self, network: &Network) -> Result<(), GridError> {
        check(network, self.population, Model::Li, self.samples.iter().map(|s| s.0))?;
        match self.samples.iter().find(|s| !(s.1.is_finite() && s.1 >= 0.0)) {
            Some(s) => Err(GridError::Setting {
                name: "the time of a sample",
                value: s.1,
                expected: "0 or more",
            }),
            None => Ok(()),
        }
    }

    fn evaluate(&self, view: &View<'_>, into: &mut Cotangents) -> f64 {
        let size = view.size();
        into.voltage.resize(view.points() * size, 0.0);
        let mut value = 0.0;
        for &(k, time, target) in &self.samples {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a cast saturates, and times were checked"
            )]
            let step = ((time / view.run().dt()).round() as usize).min(view.run().steps());
            let error = view.voltages(step)[k] - target;
            value += 0.5 * error * error;
            into.voltage[step * size + k] += error;
        }
        value
    }
}
