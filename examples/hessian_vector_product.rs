//! Second derivatives: how fast a loss curves along its own gradient, and how far a step down it may go.
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use spikegrad::problem::Problem;
use spikegrad::{Gradient, Settings, SpikeTimeMse, value_and_grad, value_and_hvp};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Problem { network, parameters, stimulus, .. } = Problem::from_json(
        br#"{
          "format": "spikegrad-problem", "version": 1,
          "network": {
            "inputs": 2,
            "populations": [{"name": "out", "size": 2, "model": "lif"}],
            "connections": [{"from": "input", "to": "out", "weights": [[5, 4], [4, 6]]}]
          },
          "stimulus": {"t_end": 0.05, "spikes": [[0, 0.0], [1, 0.004]]}
        }"#,
    )?;
    let loss = SpikeTimeMse::new("out", vec![vec![0.0060], vec![0.0055]]);
    let settings = Settings::default();
    let first = value_and_grad(&network, &parameters, &stimulus, &loss, &settings)?;

    // Newton's step along the gradient of the weights: gᵀg / gᵀHg.
    let mut direction = Gradient::zeros(&parameters, &stimulus);
    let slope = &first.gradient.parameters.connections[0].weights;
    direction.parameters.connections[0].weights.clone_from(slope);
    let found = value_and_hvp(&network, &parameters, &stimulus, &loss, &direction, &settings)?;
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let curved = &found.product.parameters.connections[0].weights;
    let step = dot(slope, slope) / dot(slope, curved);

    let mut moved = parameters.clone();
    for (weight, slope) in moved.connections[0].weights.iter_mut().zip(slope) {
        *weight -= step * slope;
    }
    let after = value_and_grad(&network, &moved, &stimulus, &loss, &settings)?;
    println!(
        "loss {:e}, after a step of {step:.3e} along the gradient {:e}",
        first.loss, after.loss
    );
    assert!(after.loss < first.loss);
    Ok(())
}
