//! A recurrent network of ten quadratic neurons, silent but for its noise, learns the spike trains of two of them.
//!
//! The experiment of C. Klos and R.-M. Memmesheimer (PRL 2025, arXiv:2309.14523), in units of the membrane time constant. Each neuron hears an excitatory and an inhibitory Poisson source; the weights
//! between the neurons and the initial states are zero, and learned. Theirs takes 10,000 trials to a loss of 1e-4; here Gauss–Newton steps on exact spike times and pseudospikes. Figures:
//! docs/results/fitting.md.
//!
//! ```sh
//! cargo run --release -p spikegrad-examples --example network_of_ten        # one draw that is found
//! cargo run --release -p spikegrad-examples --example network_of_ten -- 20  # draws 0 to 19
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1};
use spikegrad::dynamics::qif::exponential;
use spikegrad::{
    InputSpike, Model, Network, Parameters, Settings, SpikeTimeMse, Stimulus, Values, simulate,
};
use spikegrad_fit::{FitSettings, Progress, fit, weights_and_delays};
use spikegrad_report::plot::approximate;
use std::error::Error;
use std::sync::Mutex;
use std::time::Instant;

const T_END: f64 = 10.0;

/// Neurons whose trains are prescribed, and others.
const READ: usize = 2;
const HIDDEN: usize = 8;

/// Starts of the two neurons, of which each ten hear other neurons.
const STARTS: u32 = 200;

/// Draw that is shown if no number of draws is given.
const SHOWN: u64 = 8;

/// Weights of the two sources of each neuron.
const SOURCES: [f64; 2] = [5.0, -5.0];

/// Ten neurons, each with two sources; all weights between them are 0.
fn network() -> Result<(Network, Parameters), Box<dyn Error>> {
    let qif = Model::named("qif").ok_or("there is no such model")?;
    let sources = |first: usize, count: usize| {
        let of = move |n: usize| {
            let channel = 2 * (first + n);
            [(channel, n, SOURCES[0]), (channel + 1, n, SOURCES[1])]
        };
        (0..count).flat_map(of)
    };
    let all = |from: usize, to: usize, is_same: bool| {
        let pairs = (0..from).flat_map(move |pre| (0..to).map(move |post| (pre, post, 0.0)));
        pairs.filter(move |(pre, post, _)| !is_same || pre != post)
    };
    let of_seconds = |network: spikegrad::NetworkBuilder, count: usize| {
        let zeros = || vec![0.0; count];
        let network = network.with("tau_mem", 1.0).with("tau_syn", 0.5);
        network.with("initial.v", zeros()).with("initial.i", zeros())
    };
    let network = Network::builder().inputs(2 * (READ + HIDDEN));
    let network = of_seconds(network.population("read", qif, READ), READ);
    let network = of_seconds(network.population("hidden", qif, HIDDEN), HIDDEN);
    let built = network
        .sparse("input", "read", sources(0, READ))
        .sparse("input", "hidden", sources(READ, HIDDEN))
        .sparse("read", "read", all(READ, READ, true))
        .sparse("read", "hidden", all(READ, HIDDEN, false))
        .sparse("hidden", "read", all(HIDDEN, READ, false))
        .sparse("hidden", "hidden", all(HIDDEN, HIDDEN, true))
        .build()?;
    Ok(built)
}

/// Times from 0 to the end, the first after an exponential interval of this rate, others after one and a pause.
fn train(rate: f64, pause: f64, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mut interval = || -> f64 {
        let one: f64 = Exp1.sample(rng);
        one / rate
    };
    let mut times = Vec::new();
    let mut time = interval();
    while time < T_END {
        times.push(time);
        time += pause + interval();
    }
    times
}

fn main() -> Result<(), Box<dyn Error>> {
    let draws = std::env::args().nth(1).map(|draws| draws.parse::<u64>()).transpose()?;
    for seed in draws.map_or(SHOWN..SHOWN + 1, |draws| 0..draws) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut spikes = Vec::new();
        for channel in 0..2 * (READ + HIDDEN) {
            let times = train(1.0, 0.0, &mut rng);
            spikes.extend(times.into_iter().map(|time| InputSpike { channel, time }));
        }
        let stimulus = Stimulus::new(T_END, spikes)?;
        let targets: Vec<Vec<f64>> =
            [1.0, 0.5].into_iter().map(|rate| train(rate, 1.0, &mut rng)).collect();

        let (network, start) = network()?;
        let mut trained = weights_and_delays(&start);
        for of_sources in &mut trained.connections[..2] {
            of_sources.weights.fill(false);
        }
        for population in &mut trained.populations {
            for initial in [exponential::V, exponential::I] {
                population[initial] =
                    Values::Each(vec![true; population[initial].as_slice().len()]);
            }
        }
        // Loss of the paper, a mean of ((t − t*) / (t* + 2))², from above: t* + 2 is at least 2.
        let count = approximate(targets.iter().map(|targets| targets.len() + 1).sum());
        let history = Mutex::new(Vec::new());
        let observe = |progress: &Progress| {
            if let &Progress::Network { evaluations, cost, .. } = progress {
                let loss = 2.0 * cost / (4.0 * count);
                history.lock().expect("nobody panicked").push((evaluations, loss));
            }
        };
        let settings = FitSettings { most_starts: STARTS, seed, ..FitSettings::default() };
        let clock = Instant::now();
        let shall = [SpikeTimeMse::new("read", targets.clone())];
        let found = fit(&network, &start, &trained, &stimulus, &shall, &settings, &observe)?;
        let time = clock.elapsed();
        let history = history.into_inner()?;
        let until = |loss: f64| history.iter().find(|(_, of)| *of < loss).map(|(k, _)| *k);
        println!(
            "draw {seed}: {} targets; {} starts and {} runs of a neuron alone; runs until the loss is below 1e-2, 1e-4, 1e-5, 1e-10: {:?}; largest error {:.1e}, {} missing, {} too many after {} runs, {time:.1?}",
            targets.iter().map(Vec::len).sum::<usize>(),
            found.neurons.iter().map(|neuron| neuron.starts).sum::<u32>(),
            found.neurons.iter().map(|neuron| neuron.evaluations).sum::<u32>(),
            [1e-2, 1e-4, 1e-5, 1e-10].map(until),
            found.largest,
            found.missing,
            found.surplus,
            found.evaluations,
        );
        if draws.is_none() {
            let trace =
                simulate(&network, &found.parameters, &stimulus, &[], &Settings::default())?;
            println!("{} spikes in all; certificate {:?}", trace.spikes.len(), found.certificate);
            assert!(found.is_reached);
        }
    }
    Ok(())
}
