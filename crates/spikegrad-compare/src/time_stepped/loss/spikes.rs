//! Losses on what was emitted at grid points: the time of the first spike, and van Rossum's distance.
//!
//! **The first spike time as a function of a spike train** (docs/mathematics.md, eq. 42). Let sₙ be what a neuron emits at grid
//! point n = 1, …, N. Then
//!
//! ```text
//! t = dt Σ_{n=0}^{N−1} Π_{m=1}^{n} (1 − s_m)          ∂t/∂s_m = −dt Π_{k<m} (1 − s_k) Σ_{n=m}^{N−1} Π_{k=m+1}^{n} (1 − s_k)
//! ```
//!
//! counts the grid points before the first spike: it is the time of that spike for a train of zeros and ones, and the end of the
//! run if there is none, the constant of the event-driven loss. It is the only such function that is linear in each sₙ, and the
//! expected time if sₙ are probabilities of independent spikes; its derivative at a train is the change of the time if one spike
//! were added or taken away. That is what the surrogate s' is multiplied with, so that a silent neuron is told to spike, which an
//! exact gradient cannot. (`snnTorch` takes −1 in units of steps at the first spike and 0 elsewhere; the sign agrees there, the
//! size does not.)
//!
//! Not here: losses on potentials (`voltage.rs`).

use super::{Cotangents, GridLoss, View, cross_entropy, fits};
use crate::time_stepped::GridError;
use spikegrad_dynamics::math;
use spikegrad_network::Network;
use spikegrad_network::loss::{TtfsCrossEntropy, VanRossum};

/// Number of grid points before the first spike of neuron `k`, of `size`.
fn steps_before_the_first(emitted: &[f64], k: usize, size: usize) -> f64 {
    let mut unspiked = 1.0;
    let mut steps = 0.0;
    // The train of the last grid point does not count: the run ends there.
    for value in emitted.iter().skip(k).step_by(size).take(emitted.len() / size - 1) {
        unspiked *= 1.0 - value;
        steps += unspiked;
    }
    steps
}

/// Writes `scale` times the derivative of [`steps_before_the_first`] with respect to each entry of the train to `into`.
fn pull_first_back(emitted: &[f64], k: usize, size: usize, scale: f64, into: &mut [f64]) {
    let points = emitted.len() / size;
    // How many points are still to be counted from here on, per unit of what is left unspiked here: none at the end.
    let mut ahead = 0.0;
    into[(points - 1) * size + k] = ahead;
    for n in (0..points - 1).rev() {
        ahead = 1.0 + (1.0 - emitted[(n + 1) * size + k]) * ahead;
        into[n * size + k] = ahead;
    }
    let mut unspiked = 1.0;
    for n in 0..points {
        into[n * size + k] *= -scale * unspiked;
        unspiked *= 1.0 - emitted[n * size + k];
    }
}

/// Of the first spike times of the head of this file.
impl GridLoss for TtfsCrossEntropy {
    fn population(&self) -> &str {
        &self.population
    }

    fn check(&self, network: &Network) -> Result<(), GridError> {
        fits(self, network)
    }

    fn evaluate(&self, view: &View<'_>, into: &mut Cotangents) -> f64 {
        let (size, dt) = (view.size(), view.run().dt());
        let emitted = view.emitted();
        let times: Vec<f64> =
            (0..size).map(|k| dt * steps_before_the_first(&emitted, k, size)).collect();
        let mut scores: Vec<f64> = times.iter().map(|t| -t / self.tau0).collect();
        let mut value = cross_entropy(&mut scores, self.label);
        let late = times[self.label] / self.tau1;
        value += self.alpha * math::exp_m1(late);
        into.spikes.resize(emitted.len(), 0.0);
        for (k, score) in scores.into_iter().enumerate() {
            let mut by_time = -score / self.tau0;
            if k == self.label {
                by_time += self.alpha / self.tau1 * math::exp(late);
            }
            pull_first_back(&emitted, k, size, dt * by_time, &mut into.spikes);
        }
        value
    }
}

/// In the normalisation of the event-driven loss, with targets rounded to the grid:
///
/// ```text
/// D = (1/τ) ∫₀^∞ (f − g)² dt = ½ Σₙ hₙ² (1 − e^(−2dt/τ))       hₙ = e^(−dt/τ) hₙ₋₁ + sₙ − (targets at n)
/// ```
///
/// where the last h decays for ever and has a factor of 1.
impl GridLoss for VanRossum {
    fn population(&self) -> &str {
        &self.population
    }

    fn check(&self, network: &Network) -> Result<(), GridError> {
        fits(self, network)
    }

    fn evaluate(&self, view: &View<'_>, into: &mut Cotangents) -> f64 {
        let (size, dt) = (view.size(), view.run().dt());
        let emitted = view.emitted();
        into.spikes.resize(emitted.len(), 0.0);
        let (decay, share) = (math::exp(-dt / self.tau), -math::exp_m1(-2.0 * dt / self.tau));
        let mut value = 0.0;
        for (k, targets) in self.targets.iter().enumerate() {
            let mut targets: Vec<f64> = targets.iter().map(|t| (t / dt).round()).collect();
            targets.sort_unstable_by(f64::total_cmp);
            let mut targets = targets.into_iter().peekable();
            let (mut trace, mut at) = (0.0, 0.0);
            // Each h in the place of its derivative, until that is known.
            for n in 0..view.points() {
                trace = trace * decay + emitted[n * size + k];
                while targets.next_if(|&target| target <= at).is_some() {
                    trace -= 1.0;
                }
                into.spikes[n * size + k] = trace;
                at += 1.0;
            }
            let (of_the_rest, mut adjoint) = after_the_end(self.tau, trace, dt, at - 1.0, targets);
            value += of_the_rest;
            let last = view.run().steps();
            into.spikes[last * size + k] = adjoint;
            for n in (0..last).rev() {
                let h = &mut into.spikes[n * size + k];
                value += 0.5 * share * *h * *h;
                adjoint = decay * adjoint + share * *h;
                *h = adjoint;
            }
        }
        value
    }
}

/// What the time after the last grid point adds, where only `targets` come, and its derivative with respect to the last h.
fn after_the_end(
    tau: f64,
    h: f64,
    dt: f64,
    last: f64,
    targets: impl Iterator<Item = f64>,
) -> (f64, f64) {
    let (mut value, mut derivative) = (0.0, 0.0);
    let (mut h, mut by_h, mut at) = (h, 1.0, last);
    for target in targets {
        let length = (target - at) * dt / tau;
        let share = -math::exp_m1(-2.0 * length);
        value += 0.5 * share * h * h;
        derivative += share * h * by_h;
        by_h *= math::exp(-length);
        h = h * math::exp(-length) - 1.0;
        at = target;
    }
    (value + 0.5 * h * h, derivative + h * by_h)
}
