//! What a sampled current costs: one neuron under 200,000 samples of noise, forward and with the gradient by each of them.
//!
//! ```sh
//! cargo run --release -p spikegrad-bench --example sampled_current
//! ```

#![expect(clippy::print_stdout, reason = "an example says what it finds")]

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use spikegrad::{
    Evaluator, InjectedCurrent, Loss, Model, Network, NeuronId, Settings, SpikeTimeMse, StepTimes,
    Steps, Stimulus,
};
use std::error::Error;
use std::time::Instant;

/// As the stimulus of a recording of 10 s at 20 kHz.
const SAMPLES: usize = 200_000;
const INTERVAL: f64 = 5e-5;

fn main() -> Result<(), Box<dyn Error>> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    // Sound, slower than its samples, around the threshold.
    let mut level = 0.0;
    let mut sample = || {
        level += 0.05 * (rng.random_range(-1.0..1.0) - level);
        1.0 + 4.0 * level
    };
    let values: Vec<f64> = (0..SAMPLES).map(|_| sample()).collect();
    println!("model: spikes, forward in ms, with gradient in ms (best of five)");
    for name in ["lif", "alif", "lif_delta", "qif"] {
        let model = Model::named(name).ok_or("no such model")?;
        let (network, parameters) =
            Network::builder().inputs(1).population("a", model, 1).build()?;
        let times = StepTimes::Every { start: 0.0, interval: INTERVAL };
        let steps = Steps { times, values: values.clone() };
        let current = InjectedCurrent { neurons: vec![NeuronId::new(0)], steps };
        let stimulus = Stimulus::new(10.0, vec![])?.with_currents(vec![current])?;
        let mut evaluator = Evaluator::new(&network, &parameters, Settings::default())?;
        let spikes: Vec<f64> = {
            let trace = evaluator.simulate_forward(&stimulus, &[])?;
            trace.spikes.iter().map(|spike| spike.time).collect()
        };
        let targets = spikes.iter().map(|time| time + 1e-3).collect();
        let loss = SpikeTimeMse::new("a", vec![targets]);
        let mut gradient = evaluator.zero_gradient(&parameters);
        let best = |mut run: Box<dyn FnMut() -> Result<(), Box<dyn Error>> + '_>| {
            let mut best = f64::INFINITY;
            for _ in 0..5 {
                let start = Instant::now();
                run()?;
                best = best.min(1e3 * start.elapsed().as_secs_f64());
            }
            Ok::<f64, Box<dyn Error>>(best)
        };
        let forward = best(Box::new(|| {
            evaluator.simulate_forward(&stimulus, &[])?;
            Ok(())
        }))?;
        let loss: &dyn Loss = &loss;
        let both = best(Box::new(|| {
            evaluator.value_and_grad(&stimulus, loss, &mut gradient)?;
            Ok(())
        }))?;
        println!("{name}: {}, {forward:.1}, {both:.1}", spikes.len());
    }
    Ok(())
}
