//! Across the birth of a spike: a neuron that never spikes has no gradient, and a push, which is none, wakes it.
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use spikegrad::problem::Problem;
use spikegrad::pushes::{self, RateBounds};
use spikegrad::{Settings, SpikeTimeMse, value_and_grad};

/// When the neuron shall spike, in seconds.
const TARGET: f64 = 0.006;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut problem = Problem::from_json(
        br#"{
          "format": "spikegrad-problem", "version": 1,
          "network": {
            "inputs": 2,
            "populations": [{"name": "out", "size": 1, "model": "lif"}],
            "connections": [{"from": "input", "to": "out", "weights": [[2, 1]]}]
          },
          "stimulus": {"t_end": 0.05, "spikes": [[0, 0.001], [1, 0.002]]}
        }"#,
    )?;
    let loss = SpikeTimeMse::new("out", vec![vec![TARGET]]);
    let bounds = RateBounds { strength: 2e-6, lowest: 1.0, highest: 1.0 };
    let (mut pushed, mut last) = (0, f64::INFINITY);
    for step in 0..200 {
        let Problem { network, parameters, stimulus, .. } = &problem;
        let answer = value_and_grad(network, parameters, stimulus, &loss, &Settings::default())?;
        let mut gradient = answer.gradient.parameters;
        // One number for each neuron of the population, added last, and told apart from the gradient.
        let counts = pushes::spike_counts(network, &answer.trace);
        let push: Vec<f64> = counts.iter().map(|&count| bounds.push(f64::from(count))).collect();
        let length = pushes::add(network, 0, &push, &mut gradient)?;
        pushed += u32::from(length > 0.0);
        if let Some(spike) = answer.trace.spikes.first() {
            last = spike.time;
        }
        if step % 40 == 0 {
            let times: Vec<f64> = answer.trace.spikes.iter().map(|s| s.time * 1e3).collect();
            println!("step {step}: push {length:.1e}, spikes at {times:.3?} ms");
        }
        let weights = &mut problem.parameters.connections[0].weights;
        for (weight, derivative) in weights.iter_mut().zip(&gradient.connections[0].weights) {
            *weight -= 1e5 * derivative;
        }
    }
    println!("pushed in {pushed} steps; at the end the spike is at {:.3} ms", last * 1e3);
    assert!((1..100).contains(&pushed) && (last - TARGET).abs() < 1e-4);
    Ok(())
}
