//! A balanced random network: 2,000 excitatory and 500 inhibitory neurons, each with 200 and 50 random sources.
//!
//! The kind of network on which simulators without gradients are compared (Brunel 2000). Every neuron has an input channel of
//! its own with Poisson spikes; all delays are 1.5 ms, and neurons are refractory for 2 ms. Only the way forward is measured.
//! Not here: other simulators (`benches/peers`).

use super::{Example, Workload};
use crate::poisson;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use spikegrad::{
    Connection, ConnectionParameters, Model, Network, Parameters, Population, PopulationParameters,
    Source, Stimulus, Synapse, Synapses, TtfsCrossEntropy, Values, lif,
};

/// Excitatory neurons.
pub const EXCITATORY: usize = 2000;

/// Inhibitory neurons.
pub const INHIBITORY: usize = 500;

/// Excitatory sources of each neuron.
const EXCITATORY_SOURCES: usize = 200;

/// Inhibitory sources of each neuron.
const INHIBITORY_SOURCES: usize = 50;

/// Weight of an excitatory synapse; one spike lifts V by at most 0.16 of it.
const WEIGHT: f64 = 0.03;

/// How much stronger an inhibitory synapse is.
const INHIBITION: f64 = 6.0;

/// Weight and rate, in spikes per second, of the input of each neuron.
const INPUT: (f64, f64) = (0.2, 2000.0);

/// Delay of all synapses, in seconds.
pub const DELAY: f64 = 1.5e-3;

/// The end of a run, in seconds.
pub const T_END: f64 = 0.1;

/// Synapses from `sources` random neurons of a population of `n_pre` to each of `n_post`.
fn fixed_in_degree(
    n_pre: usize,
    n_post: usize,
    sources: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<Synapse> {
    let mut list = Vec::with_capacity(n_post * sources);
    for post in 0..n_post {
        list.extend((0..sources).map(|_| Synapse { pre: rng.random_range(0..n_pre), post }));
    }
    list
}

pub(super) fn balanced() -> Workload {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let sizes = [EXCITATORY, INHIBITORY];
    let inputs = EXCITATORY + INHIBITORY;
    let populations = ["excitatory", "inhibitory"]
        .iter()
        .zip(sizes)
        .map(|(name, size)| Population { name: (*name).into(), size, model: Model::Lif })
        .collect();
    let (mut connections, mut values) = (Vec::new(), Vec::new());
    let mut connect = |from, to, list: Vec<Synapse>, weight: f64| {
        let weights = vec![weight; list.len()];
        values.push(ConnectionParameters { weights, delay: Values::Shared(DELAY) });
        connections.push(Connection::new(from, to, Synapses::Sparse(list)));
    };
    for (to, &n_post) in sizes.iter().enumerate() {
        let own = (0..n_post).map(|post| Synapse { pre: to * EXCITATORY + post, post }).collect();
        connect(Source::Input, to, own, INPUT.0);
        let list = fixed_in_degree(EXCITATORY, n_post, EXCITATORY_SOURCES, &mut rng);
        connect(Source::Population(0), to, list, WEIGHT);
        let list = fixed_in_degree(INHIBITORY, n_post, INHIBITORY_SOURCES, &mut rng);
        connect(Source::Population(1), to, list, -INHIBITION * WEIGHT);
    }
    let network = Network::new(inputs, populations, connections).expect("a valid structure");
    let mut initial = |size| {
        let start: Vec<f64> = (0..size).map(|_| 0.9 * rng.random::<f64>()).collect();
        PopulationParameters::new(Model::Lif).with(lif::T_REF, 2e-3).with(lif::V, start)
    };
    let populations = sizes.map(&mut initial).to_vec();
    let parameters = Parameters { populations, connections: values };
    let spikes = poisson(inputs, INPUT.1, T_END, &mut rng);
    let stimulus = Stimulus::new(T_END, spikes).expect("valid times");
    let loss = Box::new(TtfsCrossEntropy::new("excitatory", 0, 1.0));
    let examples = vec![Example { stimulus, label: 0, loss }];
    Workload { name: "balanced", network, parameters, loss: "ttfs", examples, has_gradient: false }
}
