//! How much faster is the sweep of cells than the event loop, by the number of neurons in a cell?
//!
//! `cargo run --release -p spikegrad-bench --example cells` runs convolutions of 20 × 20 points with 1 to 32 channels, one that is averaged over windows, random sparse
//! connections, where no two neurons hear the same, and dense ones with a delay for each synapse, where none hear it at the same time, each read by ten integrators: 32 samples
//! by the event loop and by the sweep in turn on one thread, the least time of each.
#![expect(clippy::print_stdout, reason = "an example says what it finds")]

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use spikegrad::{
    AnyLoss, AvgPool2d, Conv2d, Engine, Evaluator, InputSpike, MeanVoltageCrossEntropy, Network,
    NetworkBuilder, Parameters, Sample, Settings, Stimulus, explain,
};
use std::time::Instant;

const SIDE: usize = 20;
const INPUTS: usize = SIDE * SIDE;
const SAMPLES: usize = 32;

/// Each is run until this many seconds have passed, but five times at least.
const SECONDS: f64 = 1.0;

fn draw(count: usize, low: f64, high: f64, random: &mut ChaCha8Rng) -> Vec<f64> {
    (0..count).map(|_| random.random_range(low..high)).collect()
}

fn read(
    builder: NetworkBuilder,
    from: &str,
    size: usize,
    random: &mut ChaCha8Rng,
) -> (Network, Parameters) {
    let weights = draw(10 * size, -0.5, 0.5, random);
    builder.li("out", 10).dense(from, "out", weights).build().expect("a network")
}

fn convolution(channels: usize, is_averaged: bool) -> (Network, Parameters) {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let conv = Conv2d {
        input_shape: [1, SIDE, SIDE],
        out_channels: channels,
        kernel_size: 5,
        stride: 1,
        padding: 0,
    };
    let [_, height, width] = conv.output_shape().expect("a shape");
    let size = channels * height * width;
    let kernels = draw(conv.weight_count(), -1.0, 2.2, &mut random);
    let synapses = conv.synapses().expect("synapses");
    let builder = Network::builder().inputs(INPUTS).lif("features", size);
    let builder = builder.shared("input", "features", synapses, kernels);
    if !is_averaged {
        return read(builder, "features", size, &mut random);
    }
    let pool =
        AvgPool2d { input_shape: [channels, height, width], kernel_size: 2, stride: 2, padding: 0 };
    let size = pool.output_shape().expect("a shape").iter().product();
    let synapses = pool.synapses().expect("synapses");
    let builder = builder.lif("pooled", size).shared(
        "features",
        "pooled",
        synapses,
        vec![pool.weight(11.37)],
    );
    read(builder, "pooled", size, &mut random)
}

/// So many neurons with so many synapses each, from inputs that are drawn.
fn random_sparse(neurons: usize, in_degree: usize) -> (Network, Parameters) {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let mut synapses = Vec::new();
    for post in 0..neurons {
        for _ in 0..in_degree {
            let weight = u32::try_from(synapses.len()).expect("few");
            synapses.push((random.random_range(0..INPUTS), post, weight));
        }
    }
    synapses.sort_unstable();
    synapses.dedup_by_key(|&mut (pre, post, _)| (pre, post));
    (0..).zip(&mut synapses).for_each(|(k, (.., weight))| *weight = k);
    let weights = draw(synapses.len(), -1.0, 2.2, &mut random);
    let builder = Network::builder().inputs(INPUTS).lif("hidden", neurons);
    let builder = builder.shared("input", "hidden", synapses, weights).delay(0.001);
    read(builder, "hidden", neurons, &mut random)
}

/// So many neurons that all hear the inputs, each synapse after a delay of its own.
fn own_delays(neurons: usize) -> (Network, Parameters) {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let weights = draw(neurons * INPUTS, -0.5, 1.0, &mut random);
    let delays = draw(neurons * INPUTS, 0.0, 0.01, &mut random);
    let builder = Network::builder().inputs(INPUTS).lif("hidden", neurons);
    let builder = builder.dense("input", "hidden", weights).delay(delays);
    read(builder, "hidden", neurons, &mut random)
}

fn compare(name: &str, (network, parameters): &(Network, Parameters)) {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let mut stimulus = || {
        let heard = (0..INPUTS).filter(|_| random.random_ratio(1, 4)).collect::<Vec<_>>();
        let spikes = heard
            .into_iter()
            .map(|channel| InputSpike { channel, time: random.random_range(0.0..0.02) });
        Stimulus::new(0.03, spikes.collect()).expect("a stimulus")
    };
    let stimuli: Vec<Stimulus> = (0..SAMPLES).map(|_| stimulus()).collect();
    let loss: AnyLoss = MeanVoltageCrossEntropy { population: "out".into(), label: 3 }.into();
    let samples: Vec<Sample<'_>> =
        stimuli.iter().map(|stimulus| Sample { stimulus, loss: &loss }).collect();
    let engines = [Engine::EventLoop, Engine::Automatic];
    let mut evaluators = engines.map(|engine| {
        let settings = Settings { engine, ..Settings::default() };
        Evaluator::new(network, parameters, settings).expect("valid parameters")
    });
    let swept = explain(network, parameters, &Settings::default()).expect("valid parameters");
    let mut gradient = parameters.zeros_like();
    let mut least = [[f64::INFINITY; 2]; 2];
    let (begin, mut rounds, mut spikes) = (Instant::now(), 0, 0);
    while rounds < 5 || begin.elapsed().as_secs_f64() < SECONDS {
        for (evaluator, [forward, both]) in evaluators.iter_mut().zip(&mut least) {
            let start = Instant::now();
            let found = evaluator.value_batch(&samples, |_, trace| trace.spikes.len());
            spikes = found.expect("runs").iter().map(|(_, count)| count).sum();
            *forward = forward.min(start.elapsed().as_secs_f64());
            let start = Instant::now();
            evaluator.value_and_grad_batch(&samples, &mut gradient, |_, _| ()).expect("gradients");
            *both = both.min(start.elapsed().as_secs_f64());
        }
        rounds += 1;
    }
    let us = 1e6 / f64::from(u32::try_from(SAMPLES).expect("few"));
    let [by_events, by_sweep] = least;
    println!(
        "| {name} | {} | {} | {:.0} | {:.0} | {:.1} | {:.0} | {:.0} | {:.1} |{}",
        network.populations()[0].size,
        spikes / SAMPLES,
        by_events[0] * us,
        by_sweep[0] * us,
        by_events[0] / by_sweep[0],
        by_events[1] * us,
        by_sweep[1] * us,
        by_events[1] / by_sweep[1],
        if swept.is_swept() { "" } else { " not swept" }
    );
}

fn main() {
    println!(
        "| network | neurons | spikes | loop, µs a sample | sweep | ratio | gradient by loop | by sweep | ratio |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    pool.install(|| {
        for channels in [1, 2, 4, 8, 16, 32] {
            compare(&format!("{channels} channels"), &convolution(channels, false));
        }
        compare("8 channels, averaged", &convolution(8, true));
        for in_degree in [10, 50] {
            compare(&format!("{in_degree} random sources"), &random_sparse(1000, in_degree));
        }
        for neurons in [30, 300] {
            compare("a delay for each synapse", &own_delays(neurons));
        }
    });
}
