//! A loss of one's own: pull the first spikes of two neurons together in time.
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use spikegrad::problem::Problem;
use spikegrad::{Derivatives, Loss, NeuronId, Observation, Settings, value_and_grad};

/// `½ (t_a − t_b)²` of the first spikes of two neurons.
#[derive(Debug)]
struct Synchrony {
    a: NeuronId,
    b: NeuronId,
}

impl Loss for Synchrony {
    // Nothing is read from membrane potentials, so nothing is requested.

    fn evaluate_into(&self, run: &Observation<'_>, into: &mut Derivatives<'_>) -> f64 {
        let first = |neuron| run.spikes.iter().position(|s| s.neuron == neuron);
        // A silent neuron has no spike time to move: the loss is then a constant.
        let (Some(a), Some(b)) = (first(self.a), first(self.b)) else { return 0.0 };
        // With what the rounding of times left off: late in a run that is most of a short difference.
        let difference = run.spikes[a].at().since(run.spikes[b].at());
        into.spikes[a] = difference;
        into.spikes[b] = -difference;
        0.5 * difference * difference
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut problem = Problem::from_json(
        br#"{
          "format": "spikegrad-problem", "version": 1,
          "network": {
            "inputs": 1,
            "populations": [{"name": "pair", "size": 2, "model": "lif"}],
            "connections": [{"from": "input", "to": "pair", "weights": [[9], [14]]}]
          },
          "stimulus": {"t_end": 0.05, "spikes": [[0, 0.001]]}
        }"#,
    )?;
    let loss = Synchrony { a: NeuronId(0), b: NeuronId(1) };
    let gap = |loss: f64| (2.0 * loss).sqrt() * 1e3;
    let mut last = f64::INFINITY;
    for step in 0..40 {
        let answer = value_and_grad(
            &problem.network,
            &problem.parameters,
            &problem.stimulus,
            &loss,
            &Settings::default(),
        )?;
        if step % 10 == 0 {
            println!("step {step}: {:.4} ms apart", gap(answer.loss));
        }
        last = answer.loss;
        let gradient = &answer.gradient.parameters.connections[0].weights;
        for (weight, derivative) in
            problem.parameters.connections[0].weights.iter_mut().zip(gradient)
        {
            *weight -= 1e6 * derivative;
        }
    }
    println!("at the end: {:.4} ms apart", gap(last));
    assert!(gap(last) < 0.1);
    Ok(())
}
