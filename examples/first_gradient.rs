//! The gradient of a network built in code: two inputs, two hidden neurons, two outputs, time to first spike.
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use spikegrad::{InputSpike, Network, Settings, Stimulus, TtfsCrossEntropy, value_and_grad};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Who is there, and who is connected to whom: weights are post-major, delays are in seconds.
    let (network, mut parameters) = Network::builder()
        .inputs(2)
        .lif("hidden", 2)
        .lif("output", 2)
        .dense("input", "hidden", vec![9.0, 4.0, 5.0, 8.0])
        .dense("hidden", "output", vec![7.0, 6.0, 6.0, 7.0])
        .delay(0.001)
        .build()?;
    // Input: two spikes, and 30 ms to watch.
    let spikes =
        vec![InputSpike { channel: 0, time: 0.002 }, InputSpike { channel: 1, time: 0.004 }];
    let stimulus = Stimulus::new(0.03, spikes)?;
    let loss = TtfsCrossEntropy { tau1: 0.02, ..TtfsCrossEntropy::new("output", 1, 0.001) };

    let before = value_and_grad(&network, &parameters, &stimulus, &loss, &Settings::default())?;
    println!("loss {:.6}, {} spikes", before.loss, before.trace.spikes.len());

    // One small step downhill, on the weights alone.
    for (connection, gradient) in
        parameters.connections.iter_mut().zip(&before.gradient.parameters.connections)
    {
        for (weight, derivative) in connection.weights.iter_mut().zip(&gradient.weights) {
            *weight -= 0.1 * derivative;
        }
    }
    let after = value_and_grad(&network, &parameters, &stimulus, &loss, &Settings::default())?;
    println!("loss {:.6} after one step", after.loss);
    assert!(after.loss < before.loss);
    Ok(())
}
