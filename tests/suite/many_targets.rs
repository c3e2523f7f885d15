//! Spikes with more targets than there is room for to wait until they are pulled back: the gradient beside dual numbers.
//!
//! Not here: networks of every kind, most of them smaller (`agreement.rs`, `properties/sweep.rs`).

use crate::derivatives::check_duals;
use crate::support::{problem, random};
use serde_json::{Value, json};
use spikegrad::dynamics::lanes::ROOM;
use spikegrad::problem::Problem;
use spikegrad::{Settings, simulate};

/// Neurons, all of which every input reaches, and how many of them a spike reaches.
const NEURONS: usize = ROOM + 44;
const TARGETS: usize = 16;

/// A sparse network that hears itself after two delays, all of whose spikes are read.
fn network(seed: u64) -> Problem {
    let mut random = random(seed);
    let mut synapses = |[n_pre, targets]: [usize; 2], [scale, least]: [f64; 2], delay: f64| {
        let pairs = (0..n_pre).flat_map(move |pre| (0..targets).map(move |k| (pre, k)));
        let mut synapse = |(pre, k)| {
            let (post, weight) = ((11 * pre + 7 * k) % NEURONS, scale * (random.unit() + least));
            json!({"pre": pre, "post": post, "weight": weight, "delay": delay})
        };
        pairs.map(&mut synapse).collect::<Vec<Value>>()
    };
    let input = synapses([12, NEURONS], [6.0, -0.35], 0.0);
    let near = synapses([NEURONS, TARGETS], [1.0, -0.6], 0.0015);
    let far = synapses([NEURONS, TARGETS], [1.0, -0.6], 0.004);
    let spikes: Vec<Value> = (0..40).map(|k| json!([k % 12, 0.08 * random.unit()])).collect();
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
    for seed in 1..=3 {
        let problem = network(seed);
        let Problem { network, parameters, stimulus, .. } = &problem;
        let trace = simulate(network, parameters, stimulus, &[], &Settings::default()).unwrap();
        // The loss reads all spikes, so that the first input is asked about by everybody who spikes after it.
        let mut later = vec![false; NEURONS];
        let first = stimulus.spikes()[0].time;
        let spikes = trace.spikes.iter().filter(|spike| spike.time > first);
        spikes.for_each(|spike| later[spike.neuron.index()] = true);
        assert!(later.iter().filter(|&&is_later| is_later).count() > ROOM, "seed {seed}");
        check_duals(&format!("seed {seed}"), &problem);
    }
}
