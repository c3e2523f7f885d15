//! Losses on potentials of leaky integrators at grid points: maximum, average, samples.
//!
//! Not here: losses on spikes (`spikes.rs`).

use super::{Cotangents, GridLoss, View, cross_entropy, fits};
use crate::time_stepped::GridError;
use spikegrad_dynamics::math;
use spikegrad_network::loss::{
    Loss, MaxVoltageCrossEntropy, MeanVoltageCrossEntropy, ShapedVoltageCrossEntropy, VoltageMse,
};
use spikegrad_network::{Model, Network};

/// Checks that a loss fits, and that the population which it reads does not spike.
fn check(loss: &(impl GridLoss + Loss), network: &Network) -> Result<(), GridError> {
    fits(loss, network)?;
    let mut populations = network.populations().iter();
    match populations.find(|p| p.name == loss.population() && p.model != Model::Li) {
        Some(spiking) => Err(GridError::ReadsSpiking { population: spiking.name.clone() }),
        None => Ok(()),
    }
}

/// The maxima over the grid.
impl GridLoss for MaxVoltageCrossEntropy {
    fn population(&self) -> &str {
        &self.population
    }

    fn check(&self, network: &Network) -> Result<(), GridError> {
        check(self, network)
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

/// The averages by the trapezoidal rule.
impl GridLoss for MeanVoltageCrossEntropy {
    fn population(&self) -> &str {
        &self.population
    }

    fn check(&self, network: &Network) -> Result<(), GridError> {
        check(self, network)
    }

    fn evaluate(&self, view: &View<'_>, into: &mut Cotangents) -> f64 {
        of_averages(view, into, self.label, &weights(view, |_| 1.0))
    }
}

/// The averages by the trapezoidal rule.
impl GridLoss for ShapedVoltageCrossEntropy {
    fn population(&self) -> &str {
        &self.population
    }

    fn check(&self, network: &Network) -> Result<(), GridError> {
        check(self, network)
    }

    fn evaluate(&self, view: &View<'_>, into: &mut Cotangents) -> f64 {
        of_averages(view, into, self.label, &weights(view, decaying(self)))
    }
}

/// The averages of a loss, divided by its scale (trapezoidal rule): what the softmax is taken of.
#[must_use]
pub fn shaped_scores(loss: &ShapedVoltageCrossEntropy, view: &View<'_>) -> Vec<f64> {
    averages(view, &weights(view, decaying(loss)))
}

/// The weight of a loss at a time, in seconds.
fn decaying(loss: &ShapedVoltageCrossEntropy) -> impl Fn(f64) -> f64 {
    let (tau, scale) = (loss.tau, loss.scale);
    move |time| math::exp(-time / tau) / scale
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

/// Each time rounded to the grid; what lies after the end is read there.
impl GridLoss for VoltageMse {
    fn population(&self) -> &str {
        &self.population
    }

    fn check(&self, network: &Network) -> Result<(), GridError> {
        check(self, network)?;
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
