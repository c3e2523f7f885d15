//! Escape noise: a neuron that spikes at a grid point with a probability that grows with its potential.
//!
//! ```text
//! sigmoid        p = σ(βx)                          x = V − v_th     β 10 (hidden) and 100 (outputs) in the paper
//! exponential    p = 1 − e^(−ρ)   ρ = p₀ e^(x/Δ)                     p₀ = 2/3, Δ 0.133 and 0.013
//! ```
//!
//! W. Gerstner and W. Kistler, *Spiking Neuron Models* (2002), chapter 5; J. Gygax and F. Zenke, Neural Computation 37, 886
//! (2025), whose exponential is ρ itself. That is no probability where it exceeds 1; ours is that of at least one event of a
//! Poisson process of hazard ρ a step, which is ρ where it is small. The derivative p' is the surrogate derivative that belongs
//! to the noise. As β → ∞ (Δ → 0) the neuron spikes if and only if x > 0, the deterministic one, while a surrogate of finite
//! scale may be kept: that is the asymptotic case in which surrogate gradients are used.
//!
//! Not here: random numbers (`drawing.rs`).

use crate::time_stepped::SpikeDerivative;
use spikegrad_dynamics::math;
use spikegrad_network::Network;

/// How the probability of a spike depends on the potential.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EscapeNoise {
    /// A logistic function of steepness `beta`, positive, per unit of potential.
    Sigmoid {
        /// Steepness.
        beta: f64,
    },
    /// A hazard that grows exponentially.
    Exponential {
        /// Hazard a step at the threshold, positive.
        p0: f64,
        /// Width Δ, positive, in units of potential.
        width: f64,
    },
}

impl EscapeNoise {
    /// Probability of a spike where the potential is `x` above the threshold.
    #[must_use]
    pub fn probability(&self, x: f64) -> f64 {
        match *self {
            Self::Sigmoid { beta } => {
                // One exponential, of a number that is not positive.
                let decay = math::exp(-(beta * x).abs());
                if x < 0.0 { decay / (1.0 + decay) } else { 1.0 / (1.0 + decay) }
            }
            Self::Exponential { p0, width } => -math::exp_m1(-p0 * math::exp(x / width)),
        }
    }

    /// Its derivative, per unit of potential.
    #[must_use]
    pub fn derivative(&self, x: f64) -> f64 {
        match *self {
            Self::Sigmoid { beta } => {
                let decay = math::exp(-(beta * x).abs());
                beta * decay / ((1.0 + decay) * (1.0 + decay))
            }
            Self::Exponential { p0, width } => {
                // e^(ln ρ − ρ): an overflow of ρ, which makes it zero, meets no other factor.
                let log = math::ln(p0) + x / width;
                math::exp(log - math::exp(log)) / width
            }
        }
    }
}

/// The noise of each neuron of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Noise(Vec<EscapeNoise>);

impl Noise {
    /// The noise `of_population` for each population, by its position; integrators do not use it.
    #[must_use]
    pub fn new(network: &Network, of_population: impl Fn(usize) -> EscapeNoise) -> Self {
        let each = network.populations().iter().enumerate();
        Self(each.flat_map(|(k, p)| std::iter::repeat_n(of_population(k), p.size)).collect())
    }

    /// Probability that `neuron` spikes where its potential is `x` above the threshold.
    ///
    /// # Panics
    /// If there is no such neuron.
    #[must_use]
    pub fn probability(&self, neuron: usize, x: f64) -> f64 {
        self.0[neuron].probability(x)
    }
}

impl SpikeDerivative for Noise {
    fn at(&self, neuron: usize, x: f64) -> f64 {
        self.0[neuron].derivative(x)
    }
}

#[cfg(test)]
mod tests {
    use super::EscapeNoise;
    use crate::time_stepped::{Height, Shape, Surrogate};

    /// Fourth-order differences at h = 1e-3 widths: truncation 1e-12/30 times a fifth derivative of order 10, rounding
    /// 1e-16/1e-3.
    const DIFFERENCE: f64 = 1e-11;

    #[test]
    fn the_derivative_of_a_probability_is_its_derivative() {
        let noises = [
            (EscapeNoise::Sigmoid { beta: 10.0 }, 0.1),
            (EscapeNoise::Exponential { p0: 2.0 / 3.0, width: 0.133 }, 0.133),
        ];
        for (noise, width) in noises {
            for z in [-6.0, -1.5, -0.3, 0.0, 0.4, 1.1, 3.0] {
                let (x, h) = (z * width, 1e-3 * width);
                let near = |k: f64| noise.probability(x + k * h) - noise.probability(x - k * h);
                let quotient = (8.0 * near(1.0) - near(2.0)) / (12.0 * h);
                let error = (noise.derivative(x) - quotient).abs() * width;
                assert!(error < DIFFERENCE, "{noise:?} at {x}: {error:e}");
            }
        }
    }

    #[test]
    fn the_sigmoid_surrogate_is_the_derivative_of_sigmoid_noise() {
        let surrogate = Surrogate { shape: Shape::Sigmoid, beta: 7.0, height: Height::Growing };
        let noise = EscapeNoise::Sigmoid { beta: 7.0 };
        for x in [-2.0, -0.1, 0.0, 0.03, 1.0] {
            assert!((surrogate.derivative(x) / noise.derivative(x) - 1.0).abs() < 1e-14);
        }
    }

    #[test]
    fn extreme_potentials_have_sure_outcomes_and_finite_derivatives() {
        let noises = [
            EscapeNoise::Sigmoid { beta: 100.0 },
            EscapeNoise::Exponential { p0: 2.0 / 3.0, width: 0.013 },
        ];
        for noise in noises {
            assert!(noise.probability(-50.0) < 1e-300 && noise.probability(50.0) > 1.0 - 1e-15);
            assert!([-1e6, -50.0, 50.0, 1e6].iter().all(|&x| noise.derivative(x) < 1e-300));
        }
    }
}
