//! Workloads that the benchmarks measure: networks with random weights and synthetic input spikes, from fixed seeds.
//!
//! Not here: the measuring (`benches/`).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use spikegrad::{
    Connection, ConnectionParameters, InputSpike, Loss, MaxVoltageCrossEntropy, Model, Network,
    Parameters, Population, PopulationParameters, Source, Stimulus, Synapses, TtfsCrossEntropy,
    Values,
};

/// A network, its input and its loss.
#[derive(Debug)]
pub struct Workload {
    /// Short name.
    pub name: &'static str,
    /// Structure.
    pub network: Network,
    /// Values.
    pub parameters: Parameters,
    /// Inputs, one a sample.
    pub stimuli: Vec<Stimulus>,
    /// What is differentiated.
    pub loss: Box<dyn Loss>,
}

/// How many samples a workload averages over.
const SAMPLES: usize = 32;

/// A dense feed-forward network with one hidden layer.
fn two_layers(
    sizes: [usize; 3],
    readout: Model,
    hidden: (f64, f64),
    output: (f64, f64),
    rng: &mut ChaCha8Rng,
) -> (Network, Parameters) {
    let [inputs, n_hidden, n_output] = sizes;
    let population = |name: &str, size, model| Population { name: name.into(), size, model };
    let populations =
        vec![population("hidden", n_hidden, Model::Lif), population("output", n_output, readout)];
    let dense = |from, to| Connection { from, to, synapses: Synapses::Dense };
    let connections = vec![dense(Source::Input, 0), dense(Source::Population(0), 1)];
    let mut weights = |count: usize, (mean, deviation): (f64, f64)| {
        let normal = Normal::new(mean, deviation).expect("a positive deviation");
        let weights = (0..count).map(|_| normal.sample(rng)).collect();
        ConnectionParameters { weights, delay: Values::Shared(0.0) }
    };
    let connections_values =
        vec![weights(inputs * n_hidden, hidden), weights(n_hidden * n_output, output)];
    let network = Network::new(inputs, populations, connections).expect("a valid structure");
    let parameters = Parameters {
        populations: vec![PopulationParameters::default(); 2],
        connections: connections_values,
    };
    (network, parameters)
}

/// Yin-Yang's shape, 5-200-3, time to first spike: four inputs in 0–30 ms and a bias spike (EventProp's settings).
///
/// # Panics
/// Never: the structure is valid.
#[must_use]
pub fn yin_yang() -> Workload {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (network, parameters) =
        two_layers([5, 200, 3], Model::Lif, (1.5, 0.78), (0.93, 0.1), &mut rng);
    let stimuli = (0..SAMPLES)
        .map(|_| {
            let (x, y): (f64, f64) = (rng.random(), rng.random());
            let times = [x, y, 1.0 - x, 1.0 - y, 0.0].map(|v| 0.03 * v);
            let spikes = times
                .into_iter()
                .enumerate()
                .map(|(channel, time)| InputSpike { channel, time })
                .collect();
            Stimulus::new(0.06, spikes).expect("valid times")
        })
        .collect();
    let loss = Box::new(TtfsCrossEntropy {
        population: 1,
        label: 0,
        tau0: 5e-4,
        tau1: 6.4e-3,
        alpha: 3e-3,
    });
    Workload { name: "5-200-3", network, parameters, stimuli, loss }
}

/// MNIST's shape, 784-350-10, maximum of the read-out's potential: 149 input spikes in 0–20 ms.
///
/// # Panics
/// Never: the structure is valid.
#[must_use]
pub fn mnist() -> Workload {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let (network, parameters) =
        two_layers([784, 350, 10], Model::Li, (0.078, 0.045), (0.2, 0.37), &mut rng);
    let stimuli = (0..SAMPLES)
        .map(|_| {
            let spike = |_| InputSpike {
                channel: rng.random_range(0..784),
                time: 0.02 * rng.random::<f64>(),
            };
            Stimulus::new(0.04, (0..149).map(spike).collect()).expect("valid times")
        })
        .collect();
    let loss = Box::new(MaxVoltageCrossEntropy { population: 1, label: 3 });
    Workload { name: "784-350-10", network, parameters, stimuli, loss }
}
