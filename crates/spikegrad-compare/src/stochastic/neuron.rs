//! One stochastic neuron, where surrogate gradients are gradients: of its expected output.
//!
//! ```text
//! u = w·x      P(spike) = p(u − v_th) = E[output]      ∇E[output] = p'(u − v_th) x
//! ```
//!
//! The right-hand side is the derivative of the smoothed probabilistic model, and word for word the surrogate gradient of the
//! neuron with p' for the surrogate derivative (Gygax and Zenke 2025): it does not depend on whether the neuron spiked. Hence it
//! is also the gradient of any loss that is linear in the output, and of none that goes through a second neuron. A deterministic
//! neuron is the case β → ∞ of the forward pass alone.
//!
//! Not here: networks (`derivative.rs`, `five_weights.rs`).

use super::EscapeNoise;
use crate::time_stepped::SpikeDerivative;

/// A neuron that weighs its inputs and spikes with a probability.
#[derive(Clone, Debug, PartialEq)]
pub struct StochasticNeuron {
    /// One weight for each input.
    pub weights: Vec<f64>,
    /// Threshold.
    pub v_th: f64,
    /// How the probability depends on the potential.
    pub noise: EscapeNoise,
}

impl StochasticNeuron {
    /// Potential above the threshold; inputs without a weight do not count.
    #[must_use]
    pub fn potential(&self, inputs: &[f64]) -> f64 {
        self.weights.iter().zip(inputs).map(|(w, x)| w * x).sum::<f64>() - self.v_th
    }

    /// The expected output: the probability of a spike.
    #[must_use]
    pub fn expected_output(&self, inputs: &[f64]) -> f64 {
        self.noise.probability(self.potential(inputs))
    }

    /// Gradient of the expected output with respect to the weights.
    #[must_use]
    pub fn smoothed_gradient(&self, inputs: &[f64]) -> Vec<f64> {
        let slope = self.noise.derivative(self.potential(inputs));
        inputs.iter().map(|x| slope * x).collect()
    }

    /// Surrogate gradient of the output with respect to the weights.
    #[must_use]
    pub fn surrogate_gradient(&self, inputs: &[f64], surrogate: &impl SpikeDerivative) -> Vec<f64> {
        let slope = surrogate.at(0, self.potential(inputs));
        inputs.iter().map(|x| slope * x).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{EscapeNoise, StochasticNeuron};
    use crate::time_stepped::{Height, Shape, Surrogate};

    fn neuron() -> StochasticNeuron {
        let noise = EscapeNoise::Sigmoid { beta: 10.0 };
        StochasticNeuron { weights: vec![0.5, -0.3, 0.8], v_th: 1.0, noise }
    }

    const INPUTS: [f64; 3] = [1.0, 0.4, 0.7];

    #[test]
    fn the_surrogate_gradient_is_that_of_the_expected_output() {
        let neuron = neuron();
        let surrogate = Surrogate { shape: Shape::Sigmoid, beta: 10.0, height: Height::Growing };
        let gradient = neuron.surrogate_gradient(&INPUTS, &surrogate);
        // Fourth order at h = 1e-3: (βh)⁴ = 1e-8, over 30, relative.
        let h = 1e-3;
        for (k, derivative) in gradient.iter().enumerate() {
            let at = |steps: f64| {
                let mut moved = neuron.clone();
                moved.weights[k] += steps * h;
                moved.expected_output(&INPUTS)
            };
            let quotient = (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * h);
            assert!((derivative / quotient - 1.0).abs() < 1e-8, "{derivative} {quotient}");
            let smoothed = neuron.smoothed_gradient(&INPUTS)[k];
            assert!((derivative / smoothed - 1.0).abs() < 1e-14);
        }
    }

    #[test]
    fn another_surrogate_scales_the_gradient_and_keeps_its_direction() {
        let neuron = neuron();
        let surrogate = Surrogate { shape: Shape::SuperSpike, beta: 3.0, height: Height::One };
        let gradient = neuron.surrogate_gradient(&INPUTS, &surrogate);
        let smoothed = neuron.smoothed_gradient(&INPUTS);
        let ratio = gradient[0] / smoothed[0];
        assert!(ratio > 0.0 && (ratio - 1.0).abs() > 0.1);
        for (a, b) in gradient.iter().zip(&smoothed) {
            assert!((a / b / ratio - 1.0).abs() < 1e-14);
        }
    }
}
