//! What a quadratic neuron costs beside a leaky one: Yin-Yang's shape, 5-120-3, spike times and their gradients, in one run on one thread.
//!
//! ```sh
//! cargo run --release -p spikegrad-bench --example quadratic
//! ```

#![expect(clippy::print_stdout, reason = "an example says what it finds")]

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use spikegrad::{
    Engine, Evaluator, InputSpike, Model, Network, Settings, Stimulus, TtfsCrossEntropy,
};
use std::time::Instant;

/// Samples of a round.
const SAMPLES: usize = 40;

/// Rounds, of which the fastest counts.
const ROUNDS: usize = 5;

/// Mean and deviation of the weights to the hidden neurons and to the outputs.
type Weights = [(f64, f64); 2];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kinds: [(&str, Engine, Weights); 4] = [
        ("lif", Engine::Automatic, [(1.98, 0.78), (0.375, 0.1)]),
        ("lif", Engine::EventLoop, [(1.98, 0.78), (0.375, 0.1)]),
        ("qif", Engine::Automatic, [(3.0, 1.0), (0.3, 0.2)]),
        ("qif_delta", Engine::Automatic, [(0.3, 0.3), (0.02, 0.02)]),
    ];
    println!(
        "model      engine      spikes  events  forward/event  gradient/event  (microseconds)"
    );
    for (name, engine, weights) in kinds {
        let [events, spikes, forward, gradient] = cost(name, engine, weights)?;
        let engine = format!("{engine:?}");
        println!(
            "{name:10} {engine:10} {spikes:7.0} {events:7.0} {:14.3} {:15.3}",
            forward / events,
            gradient / events
        );
    }
    Ok(())
}

/// Synaptic events and spikes of a sample, and microseconds for its loss, and for its loss and gradient.
fn cost(
    name: &str,
    engine: Engine,
    [hidden, output]: Weights,
) -> Result<[f64; 4], Box<dyn std::error::Error>> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut draw = |rows: usize, columns: usize, (mean, deviation): (f64, f64)| {
        let normal = Normal::new(mean, deviation).expect("a positive deviation");
        (0..rows * columns).map(|_| normal.sample(&mut rng)).collect::<Vec<f64>>()
    };
    let model = Model::named(name).expect("a model of the library");
    let (network, parameters) = Network::builder()
        .inputs(5)
        .population("hidden", model, 120)
        .population("output", model, 3)
        .dense("input", "hidden", draw(120, 5, hidden))
        .dense("hidden", "output", draw(3, 120, output))
        .build()?;
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
    for _ in 0..ROUNDS {
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
