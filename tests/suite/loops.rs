//! The exact gradient around closed paths: its line integral and the jumps of the loss sum to zero, on networks whose spikes come
//! and go.
//!
//! That is the statement that the gradient is the loss's wherever there is one, checked on a whole curve at once, and the
//! contrast to surrogate gradients, whose integral has nothing to sum to zero with. Not here: the rule itself
//! (`spikegrad_compare::stochastic`).

use crate::tolerance::{LOOP, LOOP_POINTS};
use spikegrad::{Error, Loss, MeanVoltageCrossEntropy, VanRossum};
use spikegrad_compare::Signature;
use spikegrad_compare::stochastic::{Circle, Landscape, integrate, running_integral};
use spikegrad_compare::time_stepped::{
    GridSample, Height, Shape, SteppedNetwork, SteppedSettings, Surrogate,
};
use spikegrad_studies::landscape::Weights;

/// A landscape whose loss has kinks at these times: a spike that passes one changes the branch, too.
struct Kinked<'a> {
    weights: Weights<'a>,
    kinks: &'a [f64],
}

impl Landscape for Kinked<'_> {
    type Signature = (Signature, Vec<usize>);
    type Error = Error;

    fn value(&self, theta: &[f64]) -> Result<(f64, Self::Signature), Error> {
        let (answer, signature) = self.weights.run(theta)?;
        let passed = |time: f64| self.kinks.iter().filter(|kink| **kink < time).count();
        let passed = answer.trace.spikes.iter().map(|spike| passed(spike.time)).collect();
        Ok((answer.loss, (signature, passed)))
    }

    fn gradient(&self, theta: &[f64]) -> Result<Vec<f64>, Error> {
        self.weights.gradient(theta)
    }
}

#[test]
fn around_a_loop_the_exact_gradient_and_the_jumps_of_the_loss_sum_to_zero() {
    let mean = MeanVoltageCrossEntropy { population: "read".into(), label: 0 };
    let targets = vec![vec![0.006], vec![0.012, 0.02]];
    let train = VanRossum { population: "hidden".into(), targets, tau: 0.01 };
    // Van Rossum's distance has kinks where a spike meets a target.
    let cases: [(&dyn Loss, &[f64]); 2] = [(&mean, &[]), (&train, &[0.006, 0.012, 0.02])];
    for (loss, kinks) in cases {
        let landscape = Kinked { weights: Weights::small(loss).unwrap(), kinks };
        for seed in 0..3 {
            let circle = Circle::random(landscape.weights.here(), 1.2, seed).unwrap();
            let around = integrate(&landscape, &circle, LOOP_POINTS).unwrap();
            let jumps = around.jumps();
            println!(
                "{} places, integral {:e}, jumps {jumps:e}, left over {:e}",
                around.crossings.len(),
                around.integral,
                around.residual()
            );
            assert!(around.crossings.len() >= 4 && jumps.abs() > 1e3 * LOOP, "a dull loop");
            assert!(around.residual().abs() < LOOP, "{:e} of {jumps:e}", around.residual());
        }
    }
}

#[test]
fn around_the_same_loop_surrogate_gradients_do_not_sum_to_what_the_loss_gains() {
    let loss = MeanVoltageCrossEntropy { population: "read".into(), label: 0 };
    let weights = Weights::small(&loss).unwrap();
    let grid_loss = MeanVoltageCrossEntropy { population: "read".into(), label: 0 };
    let surrogate = Surrogate { shape: Shape::SuperSpike, beta: 10.0, height: Height::One };
    let field = |theta: &[f64]| {
        let (parameters, settings) = (weights.at(theta), SteppedSettings::new(2e-4, surrogate));
        let stepped = SteppedNetwork::new(&weights.network, &parameters, settings).unwrap();
        let sample = [GridSample { stimulus: &weights.stimulus, loss: &grid_loss }];
        let batch = stepped.value_and_grad_batch(&parameters, &sample, |_, _| ()).unwrap();
        Weights::row(&batch.gradient)
    };
    let circle = Circle::random(weights.here(), 1.2, 0).unwrap();
    let points = Circle::angles(400).map(|angle| circle.at(angle));
    let sums = running_integral(points.map(|point| (point.clone(), field(&point))));
    let last = sums[sums.len() - 1].abs();
    // A gradient of a continuous loss would leave nothing, that of this one minus its jumps: 0.064 (above, seed 0).
    println!("left over: {last:e}");
    assert!(last > 1e-2 && (last - 0.064).abs() > 1e-2, "{last}");
}
