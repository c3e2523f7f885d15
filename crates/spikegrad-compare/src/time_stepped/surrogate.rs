//! Surrogate derivatives: what stands for the derivative of a spike with respect to its potential, and their primitives.
//!
//! A spike is a step of `x = V − v_th`, whose derivative is zero or infinite. A surrogate puts a bump in its place:
//!
//! ```text
//! shape              g(z), z = βx                 g(0)   ∫g    primitive G(z) = ∫₀ᶻ g
//! SuperSpike         1/(1 + |z|)²                  1      2     z/(1 + |z|)
//! sigmoid            σ(z)(1 − σ(z))                1/4    1     σ(z) − ½
//! piecewise linear   max(0, 1 − |z|)               1      1     z (1 − |z|/2), ±½ beyond
//! arctan             ½/(1 + (πz/2)²)               1/2    1     atan(πz/2)/π
//! Gaussian           e^(−z²/2)/√(2π)               1/√2π  1     ½ erf(z/√2)
//! boxcar             1 where |z| < ½               1      1     z, ±½ beyond
//!
//! height one:   s'(x) = g(βx)/g(0)       the maximum is 1 for any β: only the width is scaled
//! growing:      s'(x) = β g(βx)          the maximum grows with β: the asymptotic variant, a step's derivative as β → ∞
//! ```
//!
//! `SuperSpike`: F. Zenke and S. Ganguli, Neural Computation 30, 1514 (2018). Sigmoid and the two heights: F. Zenke and T. P.
//! Vogels, Neural Computation 33, 899 (2021). Piecewise linear: S. K. Esser et al., PNAS 113, 11441 (2016). In its growing form
//! `SuperSpike` is twice a step's derivative, as in the literature. The **soft spike** is ½ plus the primitive of s': a network
//! that spikes softly is smooth, and its gradient exact, which is how the machinery is tested.
//!
//! Not here: where the derivative is used (`backward.rs`).

use spikegrad_dynamics::math;
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, PI};

/// What stands for the derivative of a spike.
pub trait SpikeDerivative: Sync {
    /// Its value for `neuron` where the potential is `x` above the threshold, per unit of potential.
    fn at(&self, neuron: usize, x: f64) -> f64;
}

/// The bump's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A fast sigmoid's derivative.
    SuperSpike,
    /// A logistic function's derivative.
    Sigmoid,
    /// A triangle, after Esser.
    PiecewiseLinear,
    /// An arc tangent's derivative.
    ArcTan,
    /// A normal density.
    Gaussian,
    /// A box.
    Boxcar,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::SuperSpike,
        Self::Sigmoid,
        Self::PiecewiseLinear,
        Self::ArcTan,
        Self::Gaussian,
        Self::Boxcar,
    ];

    /// Its name, as in the literature.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SuperSpike => "SuperSpike",
            Self::Sigmoid => "sigmoid",
            Self::PiecewiseLinear => "piecewise linear",
            Self::ArcTan => "arctan",
            Self::Gaussian => "Gaussian",
            Self::Boxcar => "boxcar",
        }
    }

    /// g(z).
    fn bump(self, z: f64) -> f64 {
        match self {
            Self::SuperSpike => (1.0 + z.abs()).powi(-2),
            // One exponential, of a number that is not positive: no overflow on either side.
            Self::Sigmoid => {
                let decay = math::exp(-z.abs());
                decay / ((1.0 + decay) * (1.0 + decay))
            }
            Self::PiecewiseLinear => (1.0 - z.abs()).max(0.0),
            Self::ArcTan => {
                let y = PI / 2.0 * z;
                0.5 / (1.0 + y * y)
            }
            Self::Gaussian => 0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * math::exp(-0.5 * z * z),
            Self::Boxcar => f64::from(u8::from(z.abs() < 0.5)),
        }
    }

    /// g(0).
    fn top(self) -> f64 {
        match self {
            Self::SuperSpike | Self::PiecewiseLinear | Self::Boxcar => 1.0,
            Self::Sigmoid => 0.25,
            Self::ArcTan => 0.5,
            Self::Gaussian => 0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2,
        }
    }

    /// ∫₀ᶻ g.
    fn primitive(self, z: f64) -> f64 {
        match self {
            Self::SuperSpike => z / (1.0 + z.abs()),
            Self::Sigmoid => 0.5 * math::tanh(0.5 * z),
            Self::PiecewiseLinear => {
                let z = z.clamp(-1.0, 1.0);
                z * (1.0 - 0.5 * z.abs())
            }
            Self::ArcTan => math::atan(PI / 2.0 * z) / PI,
            Self::Gaussian => 0.5 * libm::erf(z * FRAC_1_SQRT_2),
            Self::Boxcar => z.clamp(-0.5, 0.5),
        }
    }
}

/// How high the bump is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Height {
    /// One, for any scale.
    One,
    /// Growing with the scale: the asymptotic variant.
    Growing,
}

/// A surrogate derivative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Surrogate {
    /// The form of the bump.
    pub shape: Shape,
    /// Its scale β, positive, per unit of potential: the larger, the narrower.
    pub beta: f64,
    /// Its height.
    pub height: Height,
}

impl Surrogate {
    /// The surrogate derivative where the potential is `x` above the threshold, per unit of potential.
    #[must_use]
    pub fn derivative(&self, x: f64) -> f64 {
        let bump = self.shape.bump(self.beta * x);
        match self.height {
            Height::One => bump / self.shape.top(),
            Height::Growing => self.beta * bump,
        }
    }

    /// ½ plus the primitive of the derivative: the smooth function of which the surrogate is the exact derivative.
    #[must_use]
    pub fn soft_spike(&self, x: f64) -> f64 {
        let primitive = self.shape.primitive(self.beta * x);
        0.5 + match self.height {
            Height::One => primitive / (self.beta * self.shape.top()),
            Height::Growing => primitive,
        }
    }
}

impl SpikeDerivative for Surrogate {
    fn at(&self, _: usize, x: f64) -> f64 {
        self.derivative(x)
    }
}

#[cfg(test)]
mod tests {
    use super::{Height, Shape, Surrogate};

    /// Central differences of order four at h = 1e-3/β: truncation h⁴f⁽⁵⁾/30, at most 1e-12·720/30 relative for `SuperSpike`, and
    /// rounding ε/h.
    const DIFFERENCE: f64 = 1e-10;

    #[test]
    fn a_surrogate_is_the_derivative_of_its_soft_spike() {
        // Beside the corners, which are at 0 (SuperSpike's second derivative), ½ and 1.
        for shape in Shape::ALL {
            for height in [Height::One, Height::Growing] {
                for beta in [0.5, 1.0, 20.0] {
                    let surrogate = Surrogate { shape, beta, height };
                    for z in [-3.0, -1.2, -0.8, -0.3, -0.05, 0.02, 0.4, 0.7, 1.5, 4.0] {
                        let (x, h) = (z / beta, 1e-3 / beta);
                        let near = |k: f64| {
                            surrogate.soft_spike(x + k * h) - surrogate.soft_spike(x - k * h)
                        };
                        let quotient = (8.0 * near(1.0) - near(2.0)) / (12.0 * h);
                        let scale = surrogate.derivative(0.0);
                        let error = (surrogate.derivative(x) - quotient).abs() / scale;
                        assert!(error < DIFFERENCE, "{surrogate:?} at {x}: off by {error:e}");
                    }
                }
            }
        }
    }

    #[test]
    fn heights_are_what_they_are_called() {
        for shape in Shape::ALL {
            let at = |beta, height| Surrogate { shape, beta, height }.derivative(0.0);
            assert!((at(1.0, Height::One) - 1.0).abs() < 1e-15);
            assert!((at(50.0, Height::One) - 1.0).abs() < 1e-15);
            let growth = at(50.0, Height::Growing) / at(1.0, Height::Growing);
            assert!((growth / 50.0 - 1.0).abs() < 1e-15);
        }
    }

    #[test]
    fn growing_soft_spikes_tend_to_a_step() {
        for shape in Shape::ALL {
            let soft =
                |x: f64| Surrogate { shape, beta: 1e9, height: Height::Growing }.soft_spike(x);
            // SuperSpike's bump holds two steps.
            let size = if shape == Shape::SuperSpike { 2.0 } else { 1.0 };
            assert!((soft(0.1) - soft(-0.1) - size).abs() < 1e-7, "{shape:?}");
            assert!((soft(0.0) - 0.5).abs() < 1e-15, "{shape:?}");
        }
    }
}
