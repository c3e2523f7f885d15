//! What does a surrogate gradient of the time-stepped network cost, on one core, as the step shrinks?
//!
//! `cargo bench -p spikegrad-bench --bench time_stepped` prints criterion's statistics of the gradient of a batch of 32 with 100
//! inputs, 128 hidden neurons and 10 integrators over 100 ms, one input spike a channel as in randman, in 100 steps and more, and
//! the bytes that each sample stores for its way back.
#![expect(clippy::print_stdout, reason = "a benchmark says what it measures")]

use criterion::{Criterion, criterion_group, criterion_main};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use spikegrad::MaxVoltageCrossEntropy;
use spikegrad_compare::time_stepped::{
    GridSample, Height, Shape, SteppedNetwork, SteppedSettings, Surrogate,
};
use spikegrad_network::{
    Connection, ConnectionParameters, InputSpike, Model, Network, Parameters, Population, Source,
    Stimulus, Synapses, Values,
};

const INPUTS: usize = 100;
const T_END: f64 = 0.1;

fn network(is_recurrent: bool, rng: &mut ChaCha8Rng) -> (Network, Parameters) {
    let population = |name: &str, size, model| Population { name: name.into(), size, model };
    let populations =
        vec![population("hidden", 128, Model::Lif), population("read", 10, Model::Li)];
    let dense = |from, to| Connection::new(from, to, Synapses::Dense);
    let mut connections = vec![dense(Source::Input, 0), dense(Source::Population(0), 1)];
    if is_recurrent {
        connections.push(dense(Source::Population(0), 0));
    }
    let network = Network::new(INPUTS, populations, connections).expect("a valid network");
    // Some spikes a neuron.
    let scales = [0.45, 0.5, 0.02];
    let connections = (0..network.connections().len()).map(|k| ConnectionParameters {
        weights: (0..network.synapse_count(k))
            .map(|_| scales[k] * (2.4 * rng.random::<f64>() - 0.4))
            .collect(),
        delay: Values::Shared(0.0),
    });
    let populations = Parameters::new(&network).populations;
    let parameters = Parameters { populations, connections: connections.collect() };
    (network, parameters)
}

fn time_stepped(criterion: &mut Criterion) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut group = criterion.benchmark_group("batch of 32");
    group.sample_size(20);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    for is_recurrent in [false, true] {
        let (network, parameters) = network(is_recurrent, &mut rng);
        let mut stimulus = || {
            let spike = |channel| InputSpike { channel, time: 0.9 * T_END * rng.random::<f64>() };
            Stimulus::new(T_END, (0..INPUTS).map(spike).collect()).expect("valid times")
        };
        let stimuli: Vec<_> = (0..32).map(|_| stimulus()).collect();
        let loss = MaxVoltageCrossEntropy { population: "read".into(), label: 3 };
        let samples: Vec<_> =
            stimuli.iter().map(|stimulus| GridSample { stimulus, loss: &loss }).collect();
        for steps in [100_u32, 1000, 10_000] {
            let surrogate = Surrogate { shape: Shape::SuperSpike, beta: 20.0, height: Height::One };
            let settings = SteppedSettings::new(T_END / f64::from(steps), surrogate);
            let stepped = SteppedNetwork::new(&network, &parameters, settings).expect("a grid");
            let gradient = || {
                let count = |_, run: &spikegrad_compare::time_stepped::Run| run.counts(&(0..128));
                stepped.value_and_grad_batch(&parameters, &samples, count).expect("a gradient")
            };
            let batch = pool.install(gradient);
            let kind = if is_recurrent { "recurrent" } else { "feed-forward" };
            println!(
                "{kind}, {steps} steps: {:.1} hidden spikes a neuron and sample, {} bytes a sample",
                batch.extracted.iter().flatten().sum::<f64>() / (32.0 * 128.0),
                batch.stored_bytes
            );
            group.bench_function(format!("{kind}, {steps} steps"), |bencher| {
                bencher.iter(|| pool.install(gradient));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, time_stepped);
criterion_main!(benches);
