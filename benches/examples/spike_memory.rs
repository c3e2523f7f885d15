//! How much memory does a spike take?
//!
//! `cargo run --release -p spikegrad-bench --example spike_memory -- sweep gradient` runs one neuron that fires on and on, four
//! million times, and prints the largest resident memory of the process for each spike, where the system says it (Linux). The other words
//! are `event-loop`, and `forward` for a run without a gradient. A last word `layers` takes two neurons, of which the second hears
//! the first.
#![expect(clippy::cast_precision_loss, reason = "counts become figures to read")]
#![expect(clippy::print_stdout, reason = "an example says what it finds")]

use serde_json::json;
use spikegrad::problem::Problem;
use spikegrad::{Derivatives, Engine, Evaluator, Loss, Observation, Settings};
use spikegrad_bench::memory::peak;

/// Σ t: every spike matters.
#[derive(Debug)]
struct Times;

impl Loss for Times {
    fn evaluate_into(&self, run: &Observation<'_>, into: &mut Derivatives<'_>) -> f64 {
        into.spikes.fill(1.0);
        run.spikes.iter().map(|spike| spike.time).sum()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let says = |word: &str| words.iter().any(|given| given == word);
    let engine = if says("event-loop") { Engine::EventLoop } else { Engine::Automatic };
    let mut document = json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 0,
            "populations": [{"name": "a", "size": 1, "model": "lif", "params": {"i_bias": 1.5}}],
            "connections": []
        },
        "stimulus": {"t_end": 9e4, "spikes": []}
    });
    if says("layers") {
        let second = json!({"name": "b", "size": 1, "model": "lif", "params": {"i_bias": 1.5}});
        document["network"]["populations"].as_array_mut().expect("a list").push(second);
        document["network"]["connections"] = json!([{"from": "a", "to": "b", "weights": [[0.01]]}]);
        document["stimulus"]["t_end"] = json!(4e4);
    }
    let problem = Problem::from_json(document.to_string().as_bytes())?;
    let Problem { network, parameters, stimulus, .. } = &problem;
    let settings = Settings { engine, max_events: u64::MAX, ..Settings::default() };
    let mut evaluator = Evaluator::new(network, parameters, settings)?;
    let before = peak();
    if says("gradient") {
        let mut gradient = evaluator.zero_gradient(parameters);
        evaluator.value_and_grad(stimulus, &Times, &mut gradient)?;
    } else {
        evaluator.value(stimulus, &Times)?;
    }
    let spikes = evaluator.trace().spikes.len();
    let each = |at: f64| (at - before.unwrap_or_default()) / spikes as f64;
    let each = peak().map_or("unknown".into(), |at| format!("{:.0} bytes", each(at)));
    println!("{spikes} spikes, swept: {}, each: {each}", evaluator.was_swept());
    Ok(())
}
