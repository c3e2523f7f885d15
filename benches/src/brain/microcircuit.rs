//! The cortical microcircuit of Potjans & Diesmann (2014, <https://doi.org/10.1093/cercor/bhs358>): a square millimetre of early sensory cortex, four layers with an excitatory
//! and an inhibitory population each.
//!
//! Sizes, probabilities, neurons, weights and delays are those of its tables 4 and 5, delays rounded to a grid of 0.1 ms as in a simulation with that time step. The input from elsewhere is
//! the constant current that has the mean of its Poisson input, one of the paper's own controls. Potentials start with means and deviations by population, which shorten the first burst, and all of
//! them below the threshold: those and the rates are of the implementation that ships with NEST.

use super::{Brain, Connections, Membrane, pairs};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal, Uniform};
use spikegrad::dynamics::math::ln_1p;
use spikegrad::{
    Connection, Model, Network, Parameters, Population, PopulationParameters, Source, Stimulus,
    Synapses, Trace, lif,
};

/// Names of the populations.
pub const NAMES: [&str; 8] = ["L2/3e", "L2/3i", "L4e", "L4i", "L5e", "L5i", "L6e", "L6i"];

/// Neurons of each.
pub const SIZES: [usize; 8] = [20_683, 5_834, 21_915, 5_479, 4_850, 1_065, 14_395, 2_948];

/// Spikes per second of a neuron of each with Poisson input.
pub const RATES: [f64; 8] = [0.971, 2.868, 4.746, 5.396, 8.142, 9.078, 0.991, 7.523];

/// Probability that a pair has at least one synapse: rows are targets, columns sources.
const PROBABILITIES: [[f64; 8]; 8] = [
    [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0, 0.0076, 0.0],
    [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0, 0.0042, 0.0],
    [0.0077, 0.0059, 0.0497, 0.135, 0.0067, 0.0003, 0.0453, 0.0],
    [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0, 0.1057, 0.0],
    [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0],
    [0.0548, 0.0269, 0.0257, 0.0022, 0.06, 0.3158, 0.0086, 0.0],
    [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
    [0.0364, 0.001, 0.0034, 0.0005, 0.0277, 0.008, 0.0658, 0.1443],
];

/// Synapses of each neuron from elsewhere, and the rate of these, per second.
const FROM_ELSEWHERE: ([f64; 8], f64) =
    ([1600.0, 1500.0, 2100.0, 1900.0, 2000.0, 1900.0, 2900.0, 2100.0], 8.0);

/// Amplitude of an excitatory synaptic current, in picoamperes, and its relative standard deviation.
const WEIGHT: (f64, f64) = (87.8, 0.1);

/// How many times that an inhibitory synapse has.
const INHIBITION: f64 = -4.0;

/// How many times stronger synapses from L4e to L2/3e are.
const FROM_L4_TO_L23: f64 = 2.0;

/// Mean delays of excitatory and inhibitory synapses, in seconds, and their relative standard deviation.
const DELAYS: ([f64; 2], f64) = ([1.5e-3, 0.75e-3], 0.5);

/// Delays are multiples of this, in seconds.
const GRID: f64 = 1e-4;

const MEMBRANE: Membrane =
    Membrane { rest: -65.0, threshold: -50.0, tau_mem: 10e-3, tau_syn: 0.5e-3, refractory: 2e-3 };

/// Resistance of a membrane, in millivolts for a picoampere: 10 ms / 250 pF.
const RESISTANCE: f64 = 0.04;

/// Means and standard deviations of the potentials at the start, in millivolts.
const START: [(f64, f64); 8] = [
    (-68.28, 5.36),
    (-63.16, 4.57),
    (-63.33, 4.74),
    (-63.45, 4.94),
    (-63.11, 4.94),
    (-61.66, 4.55),
    (-66.72, 5.46),
    (-61.43, 4.48),
];

/// Draws the circuit with `scale` times its neurons in each population, for a run of so many seconds. Each neuron then has `scale` times its synapses: weights are larger by the root of that, so
/// that currents fluctuate as before, and a constant current makes up for what their mean loses (van Albada, Helias & Diesmann 2015, <https://doi.org/10.1371/journal.pcbi.1004490>).
///
/// # Panics
/// If the scale is not between 0 and 1, or so small that a population is empty; or if the time is not positive.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "numbers of neurons and of synapses, positive and far below 2^53"
)]
pub fn draw(scale: f64, seconds: f64, seed: u64) -> Brain {
    assert!(scale > 0.0 && scale <= 1.0, "a scale from 0 to 1");
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let sizes = SIZES.map(|size| (size as f64 * scale).round() as usize);
    let mut connections = Connections::default();
    // Of excitatory amplitudes for each second.
    let mut input = FROM_ELSEWHERE.0.map(|synapses| synapses * FROM_ELSEWHERE.1);
    for to in 0..sizes.len() {
        for from in 0..sizes.len() {
            let stronger = if (from, to) == (2, 0) { FROM_L4_TO_L23 } else { 1.0 };
            let weight = if from % 2 == 0 { stronger } else { INHIBITION };
            let full = synapses(PROBABILITIES[to][from], SIZES[from], SIZES[to]);
            input[to] += (1.0 - scale.sqrt()) * full / SIZES[to] as f64 * RATES[from] * weight;
            let pair = Pair {
                from,
                to,
                shape: (sizes[from], sizes[to]),
                count: (full * scale * scale).round() as usize,
                weight: weight * WEIGHT.0 * RESISTANCE / scale.sqrt(),
                delay: DELAYS.0[from % 2],
            };
            pair.connect(&mut connections, rng);
        }
    }
    let populations = NAMES.iter().zip(sizes).map(|(name, size)| {
        let name = (*name).to_owned();
        Population { name, size, model: Model::Lif }
    });
    let network =
        Network::new(0, populations.collect(), connections.structure).expect("a valid structure");
    let populations = sizes.iter().zip(input).zip(START);
    let populations =
        populations.map(|((&size, input), start)| neurons(size, input, start, rng)).collect();
    let parameters = Parameters { populations, connections: connections.values };
    let stimulus = Stimulus::new(seconds, Vec::new()).expect("a positive time");
    Brain { network, parameters, stimulus }
}

/// How many draws with replacement give a pair of neurons at least one synapse with this probability (table 5).
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn synapses(probability: f64, n_pre: usize, n_post: usize) -> f64 {
    let pairs = n_pre as f64 * n_post as f64;
    ln_1p(-probability) / ln_1p(-pairs.recip())
}

/// A population with so many excitatory amplitudes of input for each second.
fn neurons(
    size: usize,
    input: f64,
    (mean, deviation): (f64, f64),
    rng: &mut impl Rng,
) -> PopulationParameters {
    let start = Normal::new(mean, deviation).expect("a positive deviation");
    let below = start.sample_iter(rng).filter(|&start| start < MEMBRANE.threshold);
    MEMBRANE
        .parameters()
        .with(lif::I_BIAS, input * WEIGHT.0 * RESISTANCE * MEMBRANE.tau_syn)
        .with(lif::V, below.take(size).collect::<Vec<f64>>())
}

/// All that one population sends to another.
struct Pair {
    from: usize,
    to: usize,
    shape: (usize, usize),
    /// Number of synapses.
    count: usize,
    /// Means.
    weight: f64,
    delay: f64,
}

impl Pair {
    /// One connection for each delay.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a few steps"
    )]
    fn connect(&self, into: &mut Connections, rng: &mut impl Rng) {
        let delays = Normal::new(self.delay, DELAYS.1 * self.delay).expect("a positive deviation");
        let steps = delays.sample_iter(&mut *rng).map(|delay| (delay / GRID).round());
        let mut of_delay = Vec::new();
        for steps in steps.filter(|&steps| steps >= 1.0).take(self.count) {
            let steps = steps as usize;
            if of_delay.len() <= steps {
                of_delay.resize(steps + 1, 0);
            }
            of_delay[steps] += 1;
        }
        let spread = WEIGHT.1 * self.weight.abs();
        // Zero is ten deviations away.
        let weights = Normal::new(self.weight, spread).expect("a positive deviation");
        let (n_pre, n_post) = self.shape;
        let [sources, targets] =
            [n_pre, n_post].map(|n| Uniform::new(0, n).expect("a population that is not empty"));
        for (steps, &count) in of_delay.iter().enumerate().filter(|(_, count)| **count > 0) {
            let list = Synapses::Sparse(pairs(count, (n_pre, &sources), &targets, rng));
            let structure = Connection::new(Source::Population(self.from), self.to, list);
            let weights = weights.sample_iter(&mut *rng).take(count).collect();
            into.add(structure, weights, steps as f64 * GRID);
        }
    }
}

/// Spikes a second of a neuron of each population, from `start` to the end of a run, in seconds.
///
/// # Panics
/// If `network` is another one.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
pub fn rates(network: &Network, trace: &Trace, start: f64) -> [f64; 8] {
    NAMES.map(|name| {
        let neurons = network.neurons_of(name).expect("a population of the circuit");
        let spikes = trace.spikes.iter().filter(|spike| spike.time >= start);
        let count = spikes.filter(|spike| neurons.contains(&spike.neuron.index())).count();
        count as f64 / neurons.len() as f64 / (trace.stimulus.t_end() - start)
    })
}

#[cfg(test)]
mod tests {
    use super::{NAMES, PROBABILITIES, RATES, SIZES, draw, rates, synapses};
    use spikegrad::{Evaluator, Settings};

    /// The paper counts about 0.3 billion.
    #[test]
    fn the_whole_circuit_has_its_published_number_of_synapses() {
        let of = |to: usize, from: usize| synapses(PROBABILITIES[to][from], SIZES[from], SIZES[to]);
        let all: f64 = (0..8).flat_map(|to| (0..8).map(move |from| of(to, from))).sum();
        assert!((all / 298.9e6 - 1.0).abs() < 1e-3, "{all}");
    }

    /// Of a tenth of the circuit, whose correlations are larger: each population is within a factor of two of the published rate.
    #[test]
    fn populations_spike_at_their_published_rates() {
        let brain = draw(0.1, 0.5, 1);
        let evaluator = Evaluator::new(&brain.network, &brain.parameters, Settings::default());
        let mut evaluator = evaluator.expect("valid parameters");
        let trace = evaluator.simulate_forward(&brain.stimulus, &[]).expect("a run");
        let rates = rates(&brain.network, trace, 0.1);
        for ((name, rate), published) in NAMES.iter().zip(rates).zip(RATES) {
            assert!((0.5..2.0).contains(&(rate / published)), "{name}: {rate} and {published}");
        }
    }
}
