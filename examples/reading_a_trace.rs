//! What a trace holds: who spiked when, how steeply, and what was read.
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use spikegrad::problem::Problem;
use spikegrad::{Measure, NeuronId, ReadoutRequest, Settings, simulate};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let problem = Problem::from_json(
        br#"{
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 1,
            "populations": [
                {"name": "hidden", "size": 2, "model": "lif"},
                {"name": "out", "size": 1, "model": "li"}],
            "connections": [
                {"from": "input", "to": "hidden", "weights": [[12], [20]]},
                {"from": "hidden", "to": "out", "weights": [[1, 1]]}]
        },
        "stimulus": {"t_end": 0.05, "spikes": [[0, 0.001]]}
    }"#,
    )?;
    let Problem { network, parameters, stimulus, .. } = &problem;
    let out = NeuronId::new(network.range(1).start);
    let readouts = [
        ReadoutRequest { neuron: out, measure: Measure::Maximum },
        ReadoutRequest { neuron: out, measure: Measure::Mean },
    ];
    let trace = simulate(network, parameters, stimulus, &readouts, &Settings::default())?;

    for spike in &trace.spikes {
        let (name, ms) = (network.describe(spike.neuron), 1e3 * spike.time);
        println!("{name} at {ms:.3} ms, where its potential rises by {:.0} a second", spike.slope);
    }
    let [maximum, mean] = trace.readouts.as_slice() else {
        return Err("two were asked for".into());
    };
    println!(
        "largest output {:.4} at {:.2} ms, mean {:.4}",
        maximum.value,
        1e3 * maximum.time,
        mean.value
    );

    // The stronger weight spikes first, each neuron in order, and the integrator never.
    let first = |n: usize| trace.spike_times(NeuronId::new(n)).next();
    assert!(first(1) < first(0) && first(2).is_none());
    assert!(mean.value < maximum.value);
    Ok(())
}
