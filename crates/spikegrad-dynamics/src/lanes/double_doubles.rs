//! Double-double numbers in lanes, with some 22 digits: enough to tell how far a potential is from a threshold that it is about
//! to turn away from.
//!
//! Each product keeps its rounding error by a fused multiply-add, which every width of register rounds alike. Not here: 30
//! digits, of which one number at a time is computed (`double_double.rs`).

use super::{Lanes, Mask, TO_INTEGER};
use pulp::Simd;
use std::ops::{Add, Mul, Neg, Sub};

/// `hi + lo` in every lane.
#[derive(Clone, Copy, Debug)]
pub(super) struct DoubleDoubles<S: Simd> {
    pub(super) hi: Lanes<S>,
    pub(super) lo: Lanes<S>,
}

/// ln 2 to 32 digits.
const LN_2: [f64; 2] = [std::f64::consts::LN_2, 2.319_046_813_846_299_6e-17];

/// 1/8!, …, 1/3!.
const TAIL: [f64; 6] = {
    let (mut coefficients, mut k, mut divisor) = ([1.0 / 6.0; 6], 5, 4.0);
    while k > 0 {
        k -= 1;
        coefficients[k] = coefficients[k + 1] / divisor;
        divisor += 1.0;
    }
    coefficients
};

/// How often the exponential's argument is halved before its series is summed.
const HALVINGS: u32 = 6;

impl<S: Simd> DoubleDoubles<S> {
    /// The exact sum (Knuth).
    #[inline(always)]
    pub(super) fn sum(a: Lanes<S>, b: Lanes<S>) -> Self {
        let hi = a + b;
        let of_b = hi - a;
        Self { hi, lo: (a - (hi - of_b)) + (b - of_b) }
    }

    /// The exact product.
    #[inline(always)]
    pub(super) fn product(a: Lanes<S>, b: Lanes<S>) -> Self {
        let hi = a * b;
        Self { hi, lo: a.mul_add(b, -hi) }
    }

    #[inline(always)]
    pub(super) fn quotient(a: Lanes<S>, b: Self) -> Self {
        let hi = a / b.hi;
        let rest = (-hi).mul_add(b.hi, a) - hi * b.lo;
        Self { hi, lo: rest / b.hi }
    }

    #[inline(always)]
    fn renormalised(hi: Lanes<S>, lo: Lanes<S>) -> Self {
        let sum = hi + lo;
        Self { hi: sum, lo: lo - (sum - hi) }
    }

    /// `self` where `mask` is set, `other` elsewhere.
    #[inline(always)]
    pub(super) fn select(self, mask: Mask<S>, other: Self) -> Self {
        Self { hi: mask.select(self.hi, other.hi), lo: mask.select(self.lo, other.lo) }
    }

    /// `eˣ` for −700 ≤ x ≤ 0, with a relative error below 1e-21.
    #[inline(always)]
    pub(super) fn exp(self) -> Self {
        let shifted = self.hi * std::f64::consts::LOG2_E + TO_INTEGER;
        let n = shifted - TO_INTEGER;
        let share = n.constant(1.0 / f64::from(1 << HALVINGS));
        let reduced =
            self - Self::product(n, n.constant(LN_2[0])) - Self::product(n, n.constant(LN_2[1]));
        let s = Self { hi: reduced.hi * share, lo: reduced.lo * share };
        // What is rounded to a double is below s³/6 < 3e-8.
        let mut series = n.constant(0.0);
        for c in TAIL {
            series = series * s.hi + c;
        }
        let square = s * s;
        let tail = Self { hi: s.hi * square.hi * series, lo: n.constant(0.0) };
        // p = e^s − 1, and (1 + p)² − 1 = 2 p + p².
        let mut p = s + (Self { hi: square.hi * 0.5, lo: square.lo * 0.5 } + tail);
        for _ in 0..HALVINGS {
            p = Self { hi: p.hi * 2.0, lo: p.lo * 2.0 } + p * p;
        }
        let exp = p + Self { hi: n.constant(1.0), lo: n.constant(0.0) };
        let scale = n.constant(1.0).times_power_of_two(shifted);
        Self { hi: exp.hi * scale, lo: exp.lo * scale }
    }
}

impl<S: Simd> Neg for DoubleDoubles<S> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self { hi: -self.hi, lo: -self.lo }
    }
}

impl<S: Simd> Add for DoubleDoubles<S> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        let Self { hi, lo } = Self::sum(self.hi, other.hi);
        Self::renormalised(hi, lo + (self.lo + other.lo))
    }
}

impl<S: Simd> Sub for DoubleDoubles<S> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl<S: Simd> Mul for DoubleDoubles<S> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let Self { hi, lo } = Self::product(self.hi, other.hi);
        Self::renormalised(hi, lo + (self.hi * other.lo + self.lo * other.hi))
    }
}

impl<S: Simd> From<Lanes<S>> for DoubleDoubles<S> {
    #[inline(always)]
    fn from(hi: Lanes<S>) -> Self {
        Self { hi, lo: hi.constant(0.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::double_double::DoubleDouble;
    use pulp::{Arch, WithSimd};

    struct Exp(f64, f64);

    impl WithSimd for Exp {
        type Output = [f64; 2];
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> [f64; 2] {
            let [a, b] = [self.0, self.1].map(|x| Lanes::splat(simd, x));
            let exp = (-DoubleDoubles::quotient(a, b.into())).exp();
            [exp.hi.values()[0], exp.lo.values()[0]]
        }
    }

    /// Errors of the series, 3e-8 roundings of a double, doubled with each squaring.
    const ROUNDING: f64 = 1e-21;

    #[test]
    fn the_exponential_has_twenty_one_digits() {
        for k in 1..20_000 {
            let (a, b) = (f64::from(k) * 0.03, 0.9 + f64::from(k % 7));
            let [hi, lo] = Arch::new().dispatch(Exp(a, b));
            let expected = (-(DoubleDouble::from(a) / DoubleDouble::from(b))).exp();
            let error = DoubleDouble::from(hi) + DoubleDouble::from(lo) - expected;
            assert!(
                (error / expected).to_f64().abs() < ROUNDING,
                "{a}/{b}: {hi} {lo}, {:e}",
                (error / expected).to_f64()
            );
        }
    }
}
