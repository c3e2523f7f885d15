//! A balanced random network: excitatory and inhibitory neurons, every one with the same number of synapses from each
//! side, and Poisson input. It fires irregularly, which is what an event queue has to cope with.
//!
//! Not here: the measuring (`recurrent.rs`, and the example `large_network`).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use spikegrad::{
    Connection, ConnectionParameters, Model, Network, Parameters, Population, Source, Stimulus,
    Synapse, Synapses, Values,
};
use spikegrad_bench::poisson;

/// Excitatory neurons for each inhibitory one.
const EXCITATORY_SHARE: usize = 4;

/// Weight of an excitatory synapse; the threshold is 1.
const EXCITATORY: f64 = 0.3;

/// Weight of an inhibitory synapse, relative to an excitatory one.
const INHIBITORY: f64 = -5.0;

/// Mean delay, in seconds: that of every synapse, unless each has its own.
const DELAY: f64 = 1.5e-3;

/// Mean current that the input brings to a neuron; the threshold is 1.
const DRIVE: f64 = 2.2;

/// Size of a balanced network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Neurons, excitatory and inhibitory.
    pub(crate) neurons: usize,
    /// Recurrent synapses that a neuron receives.
    pub(crate) in_degree: usize,
    /// Input channels.
    pub(crate) inputs: usize,
    /// Input synapses that a neuron receives.
    pub(crate) input_in_degree: usize,
    /// Rate of an input channel, per second.
    pub(crate) input_rate: f64,
    /// Whether each recurrent synapse has a delay of its own.
    pub(crate) own_delays: bool,
}

#[allow(dead_code, reason = "each program that includes this file uses one size")]
/// The network of the yardstick: 2,000 excitatory and 500 inhibitory neurons, 250 synapses for each.
pub(crate) const YARDSTICK: Size = Size {
    neurons: 2_500,
    in_degree: 250,
    inputs: 500,
    input_in_degree: 50,
    input_rate: 40.0,
    own_delays: false,
};

/// A network of this size with weights and delays from a fixed seed.
///
/// # Panics
/// Never: the structure is valid.
#[must_use]
pub(crate) fn network(size: Size) -> (Network, Parameters) {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let inhibitory = size.neurons / (EXCITATORY_SHARE + 1);
    let sizes = [size.neurons - inhibitory, inhibitory];
    let population =
        |(name, size): (&str, usize)| Population { name: name.to_owned(), size, model: Model::Lif };
    let populations = ["excitatory", "inhibitory"].into_iter().zip(sizes).map(population).collect();
    let from_inhibitory = size.in_degree / (EXCITATORY_SHARE + 1);
    let input_weight = DRIVE / (size.input_rate * 0.005) / size.input_in_degree as f64;
    let sources = [
        (Source::Input, size.inputs, size.input_in_degree, input_weight),
        (Source::Population(0), sizes[0], size.in_degree - from_inhibitory, EXCITATORY),
        (Source::Population(1), sizes[1], from_inhibitory, EXCITATORY * INHIBITORY),
    ];
    // A neuron of a larger network must not be driven harder: weights shrink as synapses get more.
    let shrink = (250.0 / size.in_degree as f64).sqrt();
    let (mut connections, mut values) = (Vec::new(), Vec::new());
    for (from, n_pre, in_degree, weight) in sources {
        for (to, &n_post) in sizes.iter().enumerate() {
            let count = n_post * in_degree;
            let mut list = Vec::with_capacity(count);
            for post in 0..n_post {
                for _ in 0..in_degree {
                    list.push(Synapse { pre: rng.random_range(0..n_pre), post });
                }
            }
            let is_input = from == Source::Input;
            let scale = if is_input { weight } else { weight * shrink };
            let weights = (0..count).map(|_| scale * rng.random_range(0.5..1.5)).collect();
            let delay = if size.own_delays && !is_input {
                Values::Each((0..count).map(|_| DELAY * rng.random_range(0.5..1.5)).collect())
            } else {
                Values::Shared(DELAY)
            };
            connections.push(Connection::new(from, to, Synapses::Sparse(list)));
            values.push(ConnectionParameters { weights, delay });
        }
    }
    let network = Network::new(size.inputs, populations, connections).expect("a valid structure");
    let parameters =
        Parameters { populations: Parameters::new(&network).populations, connections: values };
    (network, parameters)
}

/// Poisson spikes on every input channel over `t_end` seconds.
///
/// # Panics
/// Never: times are valid.
#[must_use]
pub(crate) fn stimulus(size: Size, t_end: f64) -> Stimulus {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let spikes = poisson(size.inputs, size.input_rate, t_end, &mut rng);
    Stimulus::new(t_end, spikes).expect("valid times")
}
