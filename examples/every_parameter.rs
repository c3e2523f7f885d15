//! Every number of a problem has a derivative: here those of a recurrent network with delays, largest first.
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use spikegrad::problem::Problem;
use spikegrad::{Settings, value_and_grad};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let problem = Problem::from_json(include_bytes!("problems/recurrent.json"))?;
    let Some(loss) = &problem.document.loss else {
        return Err("the problem states no loss".into());
    };
    let answer = value_and_grad(
        &problem.network,
        &problem.parameters,
        &problem.stimulus,
        loss,
        &Settings::default(),
    )?;
    println!("loss {}", answer.loss);
    if let Some(slope) = &answer.certificate.smallest_slope {
        println!("nearest to grazing: {} at {:.3} ms", slope.neuron, slope.time * 1e3);
    }
    for (population, values) in
        problem.network.populations().iter().zip(&answer.gradient.parameters.populations)
    {
        for (name, derivatives) in values.values() {
            for (k, derivative) in derivatives.as_slice().iter().enumerate() {
                println!("{:>8} {name}[{k}]: {derivative:+.3e}", population.name);
            }
        }
    }
    let list =
        |values: &[f64]| values.iter().map(|x| format!("{x:+.2e}")).collect::<Vec<_>>().join(" ");
    for (k, connection) in answer.gradient.parameters.connections.iter().enumerate() {
        println!("connection {k}: weights {}", list(&connection.weights));
        println!("connection {k}: delays  {}", list(connection.delay.as_slice()));
    }
    println!("input times: {}", list(&answer.gradient.input_times));
    assert!(answer.gradient.parameters.to_vec().iter().any(|&x| x != 0.0));
    Ok(())
}
