//! Spikes with many targets, more of whose arrivals wait to be pulled back than there is room for: the gradient beside dual numbers.
//!
//! Not here: networks of every kind, most of them smaller (`agreement.rs`, `properties/sweep.rs`).

use crate::derivatives::check_duals;
use crate::support::{problem, random};
use serde_json::{Value, json};
use spikegrad::dynamics::lanes::ROOM;
use spikegrad::problem::Problem;
use spikegrad::{Settings, simulate};

/// Neurons, and how many of them a spike reaches.
const NEURONS: usize = 40;
const TARGETS: usize = 16;

/// A sparse network that hears itself after two delays, all of whose spikes are read.
fn network(seed: u64) -> Problem {
    let mut random = random(seed);
    let mut synapses = |n_pre: usize, scale: f64, delay: f64| -> Vec<Value> {
        let pairs = (0..n_pre).flat_map(|pre| (0..TARGETS).map(move |k| (pre, k)));
        let mut synapse = |(pre, k)| {
            let (post, weight) = ((7 * pre + 3 * k) % NEURONS, scale * (random.unit() - 0.35));
            json!({"pre": pre, "post": post, "weight": weight, "delay": delay})
        };
        pairs.map(&mut synapse).collect()
    };
    let (input, near) = (synapses(12, 6.0, 0.0), synapses(NEURONS, 3.0, 0.0015));
    let far = synapses(NEURONS, 3.0, 0.004);
    let spikes: Vec<Value> = (0..150).map(|k| json!([k % 12, 0.08 * random.unit()])).collect();
    let targets = vec![[0.02, 0.05]; NEURONS];
    problem(&json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 12,
            "populations": [{
                "name": "exc", "size": NEURONS, "model": "lif",
                "params": {"t_ref": 0.002, "tau_mem": 0.02}
            }],
            "connections": [
                {"from": "input", "to": "exc", "synapses": input},
                {"from": "exc", "to": "exc", "synapses": near},
                {"from": "exc", "to": "exc", "synapses": far}
            ]
        },
        "stimulus": {"t_end": 0.1, "spikes": spikes},
        "loss": {"type": "van_rossum", "population": "exc", "targets": targets, "tau": 0.01}
    }))
}

#[test]
fn spikes_with_many_targets_have_the_derivatives_of_dual_numbers() {
    for seed in 1..=5 {
        let problem = network(seed);
        let Problem { network, parameters, stimulus, .. } = &problem;
        let trace = simulate(network, parameters, stimulus, &[], &Settings::default()).unwrap();
        assert!(trace.spikes.len() * TARGETS > 4 * ROOM, "seed {seed}: {}", trace.spikes.len());
        check_duals(&format!("seed {seed}"), &problem);
    }
}
