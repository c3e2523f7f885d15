//! Other starts for a neuron whose search has ended where no step leads on.
//!
//! Weights and delays are drawn as they were spread at first. Not here: when (`fit.rs`).

use crate::numbers::unit;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use spikegrad::{Parameters, Values};

/// Parameters of a single neuron of which the `trained` weights and delays are drawn anew: weights from a normal distribution with mean and standard deviation of those of their
/// connection, delays evenly from 0 to twice their mean. The deviation is at least half the mean, and that of which n weights add up to a threshold.
///
/// Start number `attempt` of the neuron at position `neuron` is the same whatever became of others.
pub(crate) fn redrawn(
    parameters: &Parameters,
    trained: &Parameters<bool>,
    seed: u64,
    neuron: usize,
    attempt: u32,
) -> Parameters {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(((neuron as u64) << 32) | u64::from(attempt));
    let mut drawn = parameters.clone();
    for (of, trained) in drawn.connections.iter_mut().zip(&trained.connections) {
        let (mean, deviation) = spread(&of.weights);
        let least = unit(parameters, 0) / count(&of.weights).sqrt();
        let deviation = deviation.max(0.5 * mean.abs()).max(least);
        for (weight, &is_trained) in of.weights.iter_mut().zip(&trained.weights) {
            let normal: f64 = StandardNormal.sample(&mut rng);
            if is_trained {
                *weight = mean + deviation * normal;
            }
        }
        if let (Values::Each(delays), Values::Each(trained)) = (&mut of.delay, &trained.delay) {
            let (mean, _) = spread(delays);
            for (delay, &is_trained) in delays.iter_mut().zip(trained) {
                let share: f64 = rng.random();
                if is_trained {
                    *delay = 2.0 * mean * share;
                }
            }
        }
    }
    drawn
}

/// Mean and standard deviation; zeros of nothing.
fn spread(numbers: &[f64]) -> (f64, f64) {
    let count = count(numbers).max(1.0);
    let mean = numbers.iter().sum::<f64>() / count;
    let squares: f64 = numbers.iter().map(|x| (x - mean) * (x - mean)).sum();
    (mean, (squares / count).sqrt())
}

#[expect(clippy::cast_precision_loss, reason = "there are fewer synapses than 2^32")]
fn count(numbers: &[f64]) -> f64 {
    numbers.len() as f64
}
