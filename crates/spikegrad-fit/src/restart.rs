//! Other starts for a neuron whose search has ended where no step leads on.
//!
//! Weights and delays are drawn as they were spread at first. Not here: when (`fit.rs`).

use crate::numbers::{count, unit};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use spikegrad::{Connection, Network, Parameters, Values};

/// The random numbers of a start: those of a neuron by its position, or of the neurons without targets. They are the same whatever became of others.
pub(crate) fn stream(seed: u64, neuron: Option<usize>, round: u32, attempt: u32) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let neuron = neuron.map_or(0, |neuron| neuron as u64 + 1);
    rng.set_stream((neuron << 32) | (u64::from(round) << 16) | u64::from(attempt));
    rng
}

/// Parameters of which the `trained` weights and delays are drawn anew: weights from a normal distribution with mean and standard deviation of those of their
/// connection, delays evenly from 0 to twice their mean, but none below `least_delay`. The deviation is at least half the mean, and that with which as many weights as a neuron has add up to a threshold.
pub(crate) fn redrawn(
    network: &Network,
    parameters: &Parameters,
    trained: &Parameters<bool>,
    least_delay: f64,
    rng: &mut ChaCha8Rng,
) -> Parameters {
    let mut drawn = parameters.clone();
    let connections = drawn.connections.iter_mut().zip(&trained.connections);
    for ((of, trained), Connection { to, .. }) in connections.zip(network.connections()) {
        let (mean, deviation) = spread(&of.weights);
        let size = count(network.populations()[*to].size);
        let least = unit(parameters, *to) / (count(of.weights.len()) / size).sqrt();
        let deviation = deviation.max(0.5 * mean.abs()).max(least);
        for (weight, &is_trained) in of.weights.iter_mut().zip(&trained.weights) {
            let normal: f64 = StandardNormal.sample(rng);
            if is_trained {
                *weight = mean + deviation * normal;
            }
        }
        if let (Values::Each(delays), Values::Each(trained)) = (&mut of.delay, &trained.delay) {
            let (mean, _) = spread(delays);
            for (delay, &is_trained) in delays.iter_mut().zip(trained) {
                let share: f64 = rng.random();
                if is_trained {
                    *delay = (2.0 * mean * share).max(least_delay);
                }
            }
        }
    }
    drawn
}

/// Mean and standard deviation; zeros of nothing.
fn spread(numbers: &[f64]) -> (f64, f64) {
    let count = count(numbers.len()).max(1.0);
    let mean = numbers.iter().sum::<f64>() / count;
    let squares: f64 = numbers.iter().map(|x| (x - mean) * (x - mean)).sum();
    (mean, (squares / count).sqrt())
}
