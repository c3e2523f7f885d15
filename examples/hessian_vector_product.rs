//! Second derivatives: the whole engine, forward and backward, on dual numbers gives an exact Hessian-vector product.
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use spikegrad::problem::Problem;
use spikegrad::simulation::simulate;
use spikegrad::{Dual64, Grazing, InputSpike, Loss, Options, SpikeTimeMse, Stimulus, backward};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let problem = Problem::from_json(
        br#"{
          "format": "spikegrad-problem", "version": 1,
          "network": {
            "inputs": 1,
            "populations": [{"name": "out", "size": 1, "model": "lif", "params": {"tau_mem": 0.02, "tau_syn": 0.01}}],
            "connections": [{"from": "input", "to": "out", "weights": [[5]]}]
          },
          "stimulus": {"t_end": 0.05, "spikes": [[0, 0.0]]}
        }"#,
    )?;
    // The direction: the one weight. Its dual part is 1, every other number's is 0.
    let mut parameters = problem.parameters.map(Dual64::from);
    parameters.connections[0].weights[0] = parameters.connections[0].weights[0].derivative();
    let spikes = problem.stimulus.spikes().iter();
    let spikes = spikes.map(|s| InputSpike { channel: s.channel, time: s.time.into() }).collect();
    let stimulus = Stimulus::new(problem.stimulus.t_end(), spikes)?;

    let loss = SpikeTimeMse { population: 0, targets: vec![vec![0.0]] };
    let options = Options { max_events: 1000, readouts: Vec::new() };
    let trace = simulate(&problem.network, &parameters, &stimulus, &options)?;
    let (_, cotangents) = Loss::<Dual64>::evaluate(&loss, &problem.network, &trace);
    let gradient = backward(&problem.network, &parameters, &trace, &cotangents, Grazing::Fail)?;
    let derivative = gradient.parameters.connections[0].weights[0];
    println!("dL/dw = {:e}, d²L/dw² = {:e}", derivative.re, derivative.eps);

    // With tau_mem = 2 tau_syn the spike time has a closed form: t = −tau_mem ln((1 + s)/2), s = √((w − 4)/w).
    let time = |w: f64| -0.02 * ((1.0 + ((w - 4.0) / w).sqrt()) / 2.0).ln();
    let value = |w: f64| 0.5 * time(w) * time(w);
    let h = 1e-3;
    let by_differences = (value(5.0 + h) - 2.0 * value(5.0) + value(5.0 - h)) / (h * h);
    assert!((derivative.eps / by_differences - 1.0).abs() < 1e-4);
    Ok(())
}
