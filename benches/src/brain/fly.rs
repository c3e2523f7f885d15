//! A network with the statistics of the fruit fly's brain, as Shiu et al. (2024, <https://doi.org/10.1038/s41586-024-07763-9>) model it.
//!
//! Theirs is the wiring of `FlyWire` 783: 138,639 neurons and 15,091,983 pairs of them that are joined, each by the number of its synapses times 0.275 mV, with the sign
//! of the source. Here the pairs are drawn: a source in proportion to its out-degree and a target in proportion to its in-degree, both log-normal, and the number of
//! synapses log-normal, so that there are 55 million in all (published: 54.5) and 18.0 % of the pairs have five and more (17.9).
//!
//! The neurons are theirs but for two things: a spike leaves the synaptic current as it is and the current decays in the refractory time, where theirs is set
//! to zero and stands still; and an input spike is a current, where theirs puts the potential above the threshold at once. Either way it makes its
//! target spike.

use super::{Brain, Connections, Membrane, pairs};
use crate::poisson;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::weighted::WeightedAliasIndex;
use rand_distr::{Distribution, LogNormal};
use spikegrad::{
    Connection, Model, Network, Parameters, Population, Source, Stimulus, Synapse, Synapses, lif,
};

/// Neurons.
pub const NEURONS: usize = 138_639;

/// Pairs of neurons that are joined.
pub const PAIRS: usize = 15_091_983;

/// Share of neurons that excite: those predicted to use acetylcholine are the larger part.
const EXCITATORY: f64 = 0.6;

/// Standard deviation of the logarithm of a degree.
const DEGREE_SPREAD: f64 = 1.0;

/// Mean and standard deviation of the logarithm of the number of synapses of a pair beyond the first, rounded down.
const SYNAPSES: (f64, f64) = (0.026, 1.487);

/// What a synapse adds to the current, in millivolts.
const WEIGHT: f64 = 0.275;

/// Synapses that an input spike stands for: its target spikes.
const INPUT_SYNAPSES: f64 = 250.0;

/// Delay of every synapse, in seconds.
const DELAY: f64 = 1.8e-3;

const MEMBRANE: Membrane =
    Membrane { rest: -52.0, threshold: -45.0, tau_mem: 20e-3, tau_syn: 5e-3, refractory: 2.2e-3 };

/// How a run is driven.
#[derive(Clone, Copy, Debug)]
pub struct Drive {
    /// How many neurons get input.
    pub stimulated: usize,
    /// Rate of the Poisson input of each, per second.
    pub rate: f64,
    /// Length of the run, in seconds.
    pub seconds: f64,
}

/// Draws the network and its input.
///
/// # Panics
/// If there are more stimulated neurons than neurons, or the rate or the time is not positive.
#[must_use]
pub fn draw(drive: Drive, seed: u64) -> Brain {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let degrees = LogNormal::new(0.0, DEGREE_SPREAD).expect("a positive spread");
    let mut ends = || {
        let degrees = (0..NEURONS).map(|_| degrees.sample(rng)).collect();
        WeightedAliasIndex::new(degrees).expect("positive degrees")
    };
    let (sources, targets): (WeightedAliasIndex<f64>, _) = (ends(), ends());
    let signs: Vec<f64> =
        (0..NEURONS).map(|_| if rng.random_bool(EXCITATORY) { WEIGHT } else { -WEIGHT }).collect();
    let pairs = pairs(PAIRS, (NEURONS, &sources), &targets, rng);
    let further = LogNormal::new(SYNAPSES.0, SYNAPSES.1).expect("a positive spread");
    let weights = pairs.iter().map(|pair| signs[pair.pre] * (1.0 + further.sample(rng).floor()));
    let weights = weights.collect();
    let mut connections = Connections::default();
    let inputs = drive.stimulated;
    let own = (0..inputs).map(|k| Synapse { pre: k, post: k }).collect();
    let input = Connection::new(Source::Input, 0, Synapses::Sparse(own));
    connections.add(input, vec![INPUT_SYNAPSES * WEIGHT; inputs], 0.0);
    let brain = Connection::new(Source::Population(0), 0, Synapses::Sparse(pairs));
    connections.add(brain, weights, DELAY);
    let population = Population { name: "brain".into(), size: NEURONS, model: Model::Lif };
    let network =
        Network::new(inputs, vec![population], connections.structure).expect("a valid structure");
    let neurons = MEMBRANE.parameters().with(lif::V, MEMBRANE.rest);
    let parameters = Parameters { populations: vec![neurons], connections: connections.values };
    let spikes = poisson(inputs, drive.rate, drive.seconds, rng);
    let stimulus = Stimulus::new(drive.seconds, spikes).expect("a positive time");
    Brain { network, parameters, stimulus }
}
