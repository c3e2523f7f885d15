//! What an event of each model costs beside one of a leaky neuron: Yin-Yang's shape, 5-120-3, spike times and their gradients, in one run on one thread.
//!
//! ```sh
//! cargo run --release -p spikegrad-bench --example models [-- MODEL ROUNDS]
//! ```
//!
//! With the model of a row, such as `alif`, only that is run, for a profile.

#![expect(clippy::print_stdout, reason = "an example says what it finds")]

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use spikegrad::{
    Engine, Evaluator, InputSpike, Model, Network, NetworkBuilder, Settings, Stimulus,
    TtfsCrossEntropy,
};
use std::time::Instant;

/// Samples of a round.
const SAMPLES: usize = 40;

/// Rounds, of which the fastest counts.
const ROUNDS: usize = 5;

/// The receptors of a population that has two.
const RECEPTORS: [&str; 2] = ["fast", "slow"];

/// Mean and deviation of the weights to the hidden neurons and to the outputs.
type Weights = [(f64, f64); 2];

/// A row: its name, the model, the engine, how many receptors, and the weights.
type Kind = (&'static str, &'static str, Engine, Receptors, Weights);

/// At what receptors spikes arrive.
#[derive(Clone, Copy, PartialEq)]
enum Receptors {
    /// At the one that there is.
    One,
    /// Sources go by turns to two of them.
    ByTurns,
    /// Each source goes to both of them with half its weight: two arrivals that meet.
    Both,
}

const LEAKY: Weights = [(1.98, 0.78), (0.375, 0.1)];

const KICKED: Weights = [(0.3, 0.3), (0.02, 0.02)];

const KINDS: [Kind; 10] = [
    ("sweep", "lif", Engine::Automatic, Receptors::One, LEAKY),
    ("lif", "lif", Engine::EventLoop, Receptors::One, LEAKY),
    ("lif/2", "lif", Engine::EventLoop, Receptors::ByTurns, LEAKY),
    ("lif/both", "lif", Engine::EventLoop, Receptors::Both, LEAKY),
    ("alif", "alif", Engine::EventLoop, Receptors::One, LEAKY),
    ("alif/2", "alif", Engine::EventLoop, Receptors::ByTurns, LEAKY),
    ("alif/both", "alif", Engine::EventLoop, Receptors::Both, LEAKY),
    ("qif", "qif", Engine::EventLoop, Receptors::One, [(3.0, 1.0), (0.3, 0.2)]),
    ("qif_delta", "qif_delta", Engine::EventLoop, Receptors::One, KICKED),
    ("kicked", "qif_delta", Engine::Automatic, Receptors::One, KICKED),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (only, rounds) = (arguments.next(), arguments.next());
    let rounds = rounds.map_or(Ok(ROUNDS), |rounds| rounds.parse())?;
    println!("model      spikes  events  forward/event  gradient/event  (microseconds)");
    for kind in KINDS.into_iter().filter(|kind| only.as_ref().is_none_or(|only| only == kind.0)) {
        let [events, spikes, forward, gradient] = cost(kind, rounds)?;
        println!(
            "{:10} {spikes:6.0} {events:7.0} {:14.3} {:15.3}",
            kind.0,
            forward / events,
            gradient / events
        );
    }
    Ok(())
}

/// All synapses from `columns` sources to `rows` targets with weights of this mean and deviation, to one receptor or two.
fn connect(
    mut builder: NetworkBuilder,
    [from, to]: [&str; 2],
    [columns, rows]: [usize; 2],
    receptors: Receptors,
    weight: &mut dyn FnMut() -> f64,
) -> NetworkBuilder {
    let all: Vec<(usize, usize, f64)> =
        (0..rows * columns).map(|k| (k % columns, k / columns, weight())).collect();
    if receptors == Receptors::One {
        return builder.dense(from, to, all.iter().map(|synapse| synapse.2).collect());
    }
    let is_by_turns = receptors == Receptors::ByTurns;
    for (k, name) in RECEPTORS.into_iter().enumerate() {
        let here = all.iter().filter(|(pre, ..)| !is_by_turns || pre % 2 == k);
        let share = if is_by_turns { 1.0 } else { 0.5 };
        let synapses: Vec<_> = here.map(|&(pre, post, w)| (pre, post, share * w)).collect();
        builder = builder.sparse(from, to, synapses).receptor(name);
    }
    builder
}

/// Synaptic events and spikes of a sample, and microseconds for its loss, and for its loss and gradient.
fn cost(
    (_, name, engine, receptors, [hidden, output]): Kind,
    rounds: usize,
) -> Result<[f64; 4], Box<dyn std::error::Error>> {
    let model = Model::named(name).expect("a model of the library");
    let mut builder = Network::builder().inputs(5);
    for (population, size) in [("hidden", 120), ("output", 3)] {
        builder = builder.population(population, model, size);
        if receptors != Receptors::One {
            builder = builder.receptors(RECEPTORS.into_iter().zip([0.004, 0.006]));
        }
        if model.table().model == "alif" {
            builder = builder.with("adapt_threshold", 0.3).with("adapt_current", 0.2);
        }
    }
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for (names, sizes, (mean, deviation)) in
        [(["input", "hidden"], [5, 120], hidden), (["hidden", "output"], [120, 3], output)]
    {
        let normal = Normal::new(mean, deviation)?;
        let mut weight = || normal.sample(&mut rng);
        builder = connect(builder, names, sizes, receptors, &mut weight);
    }
    let (network, parameters) = builder.build()?;
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let stimuli = (0..SAMPLES).map(|_| {
        let (x, y): (f64, f64) = (rng.random(), rng.random());
        let times = [x, y, 1.0 - x, 1.0 - y, 0.0].map(|v| 0.03 * v);
        let spikes = times.iter().enumerate();
        Stimulus::new(0.06, spikes.map(|(channel, &time)| InputSpike { channel, time }).collect())
    });
    let stimuli = stimuli.collect::<Result<Vec<_>, _>>()?;
    let loss = TtfsCrossEntropy::new("output", 0, 5e-4);
    let settings = Settings { engine, ..Settings::default() };
    let mut evaluator = Evaluator::new(&network, &parameters, settings)?;
    let (mut events, mut spikes, mut forward, mut gradient) = (0.0, 0.0, f64::MAX, f64::MAX);
    for _ in 0..rounds {
        let start = Instant::now();
        for stimulus in &stimuli {
            evaluator.value(stimulus, &loss)?;
        }
        forward = start.elapsed().as_secs_f64().min(forward);
        let mut sum = evaluator.zero_gradient(&parameters);
        let start = Instant::now();
        (events, spikes) = (0.0, 0.0);
        for stimulus in &stimuli {
            evaluator.value_and_grad(stimulus, &loss, &mut sum)?;
            events += f64::from(u32::try_from(evaluator.trace().arrivals)?);
            spikes += f64::from(u32::try_from(evaluator.trace().spikes.len())?);
        }
        gradient = start.elapsed().as_secs_f64().min(gradient);
    }
    let each = 1.0 / f64::from(u32::try_from(SAMPLES)?);
    Ok([events * each, spikes * each, 1e6 * forward * each, 1e6 * gradient * each])
}
