//! A dense recurrent network without delays: 100 inputs, 256 neurons, 10 read-outs.
//!
//! Half of its half a million synaptic events a sample come from the input, half from its own spikes, each of which is
//! heard by all neurons at once. Weights were chosen so that it spikes about 970 times in 100 ms. Not here: sparse networks.

use super::{Example, Workload, normal_weights};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use spikegrad::{
    Connection, InputSpike, MaxVoltageCrossEntropy, Model, Network, Parameters, Population, Source,
    Stimulus, Synapses,
};

/// How many samples the workload averages over.
const SAMPLES: usize = 16;

const INPUTS: usize = 100;
const NEURONS: usize = 256;
const READOUTS: usize = 10;

/// Input spikes of a sample, on channels drawn at random.
const INPUT_SPIKES: usize = 1000;

/// The end of a run, in seconds.
const T_END: f64 = 0.1;

pub(super) fn recurrent() -> Workload {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let population = |name: &str, size, model| Population { name: name.into(), size, model };
    let populations = vec![
        population("recurrent", NEURONS, Model::Lif),
        population("output", READOUTS, Model::Li),
    ];
    let dense = |from, to| Connection::new(from, to, Synapses::Dense);
    let connections = vec![
        dense(Source::Input, 0),
        dense(Source::Population(0), 0),
        dense(Source::Population(0), 1),
    ];
    let network = Network::new(INPUTS, populations, connections).expect("a valid structure");
    let parameters = Parameters {
        populations: Parameters::new(&network).populations,
        connections: vec![
            normal_weights(INPUTS * NEURONS, 0.0303, 0.07, &mut rng),
            normal_weights(NEURONS * NEURONS, 0.0, 0.03, &mut rng),
            normal_weights(NEURONS * READOUTS, 0.0, 0.1, &mut rng),
        ],
    };
    let example = |_| {
        let spike = |_| InputSpike {
            channel: rng.random_range(0..INPUTS),
            time: T_END * rng.random::<f64>(),
        };
        let spikes = (0..INPUT_SPIKES).map(spike).collect();
        let label = rng.random_range(0..READOUTS);
        let loss = Box::new(MaxVoltageCrossEntropy { population: "output".into(), label });
        Example { stimulus: Stimulus::new(T_END, spikes).expect("valid times"), label, loss }
    };
    let examples = (0..SAMPLES).map(example).collect();
    Workload { name: "w3", network, parameters, loss: "max_voltage", examples, has_gradient: true }
}
