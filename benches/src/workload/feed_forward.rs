//! Dense feed-forward networks with one hidden layer, in the settings of the EventProp paper: τ_mem 20 ms, τ_syn 5 ms; or 10 ms
//! for programs that have a formula for this ratio only.
//!
//! Weights are normally distributed as there (Wunderlich and Pehle 2021), with means that give the stated numbers of spikes;
//! inputs are drawn. Not here: recurrence.

use super::{Example, Workload, normal_weights};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use spikegrad::dynamics::math;
use spikegrad::{
    Connection, InputSpike, Loss, MaxVoltageCrossEntropy, Model, Network, NetworkBuilder,
    Parameters, Population, PopulationParameters, Source, Stimulus, Synapses, TtfsCrossEntropy,
};

/// How many samples a workload averages over.
const SAMPLES: usize = 64;

/// Sizes of the layers, model of the last, τ_syn in seconds, and (mean, deviation) of the weights of both connections.
struct Layers {
    sizes: [usize; 3],
    readout: Model,
    tau_syn: f64,
    hidden: (f64, f64),
    output: (f64, f64),
}

impl Layers {
    fn build(&self, rng: &mut ChaCha8Rng) -> (Network, Parameters) {
        let [inputs, n_hidden, n_output] = self.sizes;
        let population = |name: &str, size, model| Population { name: name.into(), size, model };
        let populations = vec![
            population("hidden", n_hidden, Model::Lif),
            population("output", n_output, self.readout),
        ];
        let dense = |from, to| Connection::new(from, to, Synapses::Dense);
        let connections = vec![dense(Source::Input, 0), dense(Source::Population(0), 1)];
        let network = Network::new(inputs, populations, connections).expect("a valid structure");
        let values = |model: Model| {
            let tau_syn = model.table().position("params.tau_syn").expect("both models have it");
            PopulationParameters::new(model).with(tau_syn, self.tau_syn)
        };
        let parameters = Parameters {
            populations: [Model::Lif, self.readout].map(values).to_vec(),
            connections: vec![
                normal_weights(inputs * n_hidden, self.hidden.0, self.hidden.1, rng),
                normal_weights(n_hidden * n_output, self.output.0, self.output.1, rng),
            ],
        };
        (network, parameters)
    }
}

/// Yin-Yang's shape, 5-200-3, time to first spike: four inputs in 0–30 ms and a bias spike at 0; 60 ms.
pub(super) fn yin_yang(
    name: &'static str,
    tau_syn: f64,
    hidden: (f64, f64),
    output: (f64, f64),
) -> Workload {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let layers = Layers { sizes: [5, 200, 3], readout: Model::Lif, tau_syn, hidden, output };
    let (network, parameters) = layers.build(&mut rng);
    let example = |_| {
        // A point of the disc that the Yin-Yang sign fills.
        let (x, y) = loop {
            let (x, y): (f64, f64) = (rng.random(), rng.random());
            if math::hypot(x - 0.5, y - 0.5) <= 0.5 {
                break (x, y);
            }
        };
        let times = [x, y, 1.0 - x, 1.0 - y, 0.0].map(|v| 0.03 * v);
        let spikes =
            times.iter().enumerate().map(|(channel, &time)| InputSpike { channel, time }).collect();
        let label = rng.random_range(0..3);
        let stimulus = Stimulus::new(0.06, spikes).expect("valid times");
        Example { stimulus, label, loss: first_spikes(label) }
    };
    let examples = (0..SAMPLES).map(example).collect();
    Workload { name, network, parameters, loss: "ttfs", examples, has_gradient: true }
}

/// MNIST's shape, 784-350-10: 149 channels spike once in 0–20 ms; 40 ms. Leaky integrators are read by the maximum of their
/// potential, spiking outputs by their first spike.
pub(super) fn mnist(
    name: &'static str,
    readout: Model,
    tau_syn: f64,
    hidden: (f64, f64),
    output: (f64, f64),
) -> Workload {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let layers = Layers { sizes: [784, 350, 10], readout, tau_syn, hidden, output };
    let (network, parameters) = layers.build(&mut rng);
    let examples = (0..SAMPLES).map(|_| mnist_example(readout, &mut rng)).collect();
    let loss = if readout == Model::Lif { "ttfs" } else { "max_voltage" };
    Workload { name, network, parameters, loss, examples, has_gradient: true }
}

fn mnist_example(readout: Model, rng: &mut ChaCha8Rng) -> Example {
    let channels = rand::seq::index::sample(rng, 784, 149);
    let spike = |channel| InputSpike { channel, time: 0.02 * rng.random::<f64>() };
    let spikes = channels.into_iter().map(spike).collect();
    let label = rng.random_range(0..10);
    let loss: Box<dyn Loss> = match readout {
        Model::Li => Box::new(MaxVoltageCrossEntropy { population: "output".into(), label }),
        _ => first_spikes(label),
    };
    Example { stimulus: Stimulus::new(0.04, spikes).expect("valid times"), label, loss }
}

/// MNIST's shape with inhibition: each input spike excites at once and, as through interneurons, inhibits 1 ms later. Hidden neurons and read-outs have an
/// excitatory and an inhibitory receptor, of 5 and 10 ms, or one synapse for both.
pub(super) fn mnist_with_inhibition(name: &'static str, has_receptors: bool) -> Workload {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut weights = |pre: usize, post: usize, mean, deviation| {
        normal_weights(pre * post, mean, deviation, &mut rng).weights
    };
    let excitation = weights(784, 350, 0.078 * 2.4, 0.045 * 2.4);
    let inhibition = weights(784, 350, -0.03, 0.02);
    let output = weights(350, 10, 0.2, 0.37);
    let with_receptors = |builder: NetworkBuilder| {
        if has_receptors { builder.receptors([("exc", 5e-3), ("inh", 1e-2)]) } else { builder }
    };
    let at = |builder: NetworkBuilder, receptor| {
        if has_receptors { builder.receptor(receptor) } else { builder }
    };
    let builder = with_receptors(Network::builder().inputs(784).lif("hidden", 350));
    let builder = with_receptors(builder.li("output", 10));
    let builder = at(builder.dense("input", "hidden", excitation), "exc");
    let builder = at(builder.dense("input", "hidden", inhibition), "inh").delay(1e-3);
    let builder = at(builder.dense("hidden", "output", output), "exc");
    let (network, parameters) = builder.build().expect("a valid structure");
    let examples = (0..SAMPLES).map(|_| mnist_example(Model::Li, &mut rng)).collect();
    Workload { name, network, parameters, loss: "max_voltage", examples, has_gradient: true }
}

/// The paper's loss on the first spikes of the output.
fn first_spikes(label: usize) -> Box<dyn Loss> {
    Box::new(TtfsCrossEntropy {
        tau1: 6.4e-3,
        alpha: 3e-3,
        ..TtfsCrossEntropy::new("output", label, 5e-4)
    })
}
