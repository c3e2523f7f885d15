//! The number that the engine computes with: `f64`, or a dual number that carries a derivative along.
//!
//! The trait asks for arithmetic, seven functions, and access to the real part, which alone decides branches and
//! the order of events. Not here: the divided differences of the exponential (`divided.rs`).

use crate::math;
use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

/// A real number, or a real number with an infinitesimal part; zero by default.
pub trait Scalar:
    Copy
    + Debug
    + Default
    + Send
    + Sync
    + 'static
    + From<f64>
    + Neg<Output = Self>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
{
    /// Whether values carry a derivative, so that implicitly defined times must be lifted.
    const CARRIES_DERIVATIVE: bool;
    /// Whether values have twice the digits of a double, which constants then must have, too.
    const IS_PRECISE: bool = false;

    /// The real part; comparisons and branches look at nothing else.
    #[must_use]
    fn re(self) -> f64;
    /// The same value with its real part replaced.
    #[must_use]
    fn with_re(self, re: f64) -> Self;
    /// Whether every part is exactly zero.
    #[must_use]
    fn is_exactly_zero(self) -> bool;
    /// Whether every part is finite.
    #[must_use]
    fn is_all_finite(self) -> bool;
    /// The value times a constant.
    #[must_use]
    fn times(self, constant: f64) -> Self;
    /// `eˣ`.
    #[must_use]
    fn exp(self) -> Self;
    /// `eˣ − 1` without cancellation.
    #[must_use]
    fn exp_m1(self) -> Self;
    /// `ln x`.
    #[must_use]
    fn ln(self) -> Self;
    /// `ln(1 + x)` without cancellation.
    #[must_use]
    fn ln_1p(self) -> Self;
    /// `√x` for `x ≥ 0`.
    #[must_use]
    fn sqrt(self) -> Self;
    /// The angle of the point (`x`, `self`), in (−π, π].
    #[must_use]
    fn atan2(self, x: Self) -> Self;
    /// `φ₁(x) = (1 − e⁻ˣ)/x` for `x ≥ 0`, with `φ₁(0) = 1`.
    #[must_use]
    fn phi1(self) -> Self;
}

impl Scalar for f64 {
    const CARRIES_DERIVATIVE: bool = false;

    fn re(self) -> f64 {
        self
    }
    fn with_re(self, re: f64) -> f64 {
        re
    }
    fn is_exactly_zero(self) -> bool {
        self == 0.0
    }
    fn is_all_finite(self) -> bool {
        self.is_finite()
    }
    fn times(self, constant: f64) -> f64 {
        self * constant
    }
    fn exp(self) -> f64 {
        math::exp(self)
    }
    fn exp_m1(self) -> f64 {
        math::exp_m1(self)
    }
    fn ln(self) -> f64 {
        math::ln(self)
    }
    fn ln_1p(self) -> f64 {
        math::ln_1p(self)
    }
    fn sqrt(self) -> f64 {
        f64::sqrt(self)
    }
    fn atan2(self, x: f64) -> f64 {
        math::atan2(self, x)
    }
    fn phi1(self) -> f64 {
        if self == 0.0 { 1.0 } else { -math::exp_m1(-self) / self }
    }
}
