//! Double-double arithmetic: an unevaluated sum of two doubles, about 32 digits.
//!
//! Two searches need it: whether a potential that almost touches the threshold crosses it, and by how much (`lif/crossing.rs`), and when a quadratic neuron spikes that hangs on its
//! way (`qif/mod.rs`). The building blocks are the error-free transformations of Dekker (Numer. Math. 18, 1971) and
//! Knuth; the exponential reduces its argument by a table of powers and sums a series. The crate `twofloat` was measured first: its
//! exponential is wrong by 1e-12 and its quotient by 5e-17 (docs/decisions/0003-double-double.md).
//!
//! Not here: anything that the hot path calls.

use crate::circular::circular;
use crate::{Scalar, math};
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};
use std::sync::LazyLock;

/// `hi + lo` with `|lo| ≤ ulp(hi)/2`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct DoubleDouble {
    hi: f64,
    lo: f64,
}

/// `ln 2` to 32 digits.
const LN_2: DoubleDouble =
    DoubleDouble { hi: std::f64::consts::LN_2, lo: 2.319_046_813_846_299_6e-17 };

/// The exponential's argument is reduced to within half of `ln 2/64`, at most [`REDUCED`].
const STEPS: usize = 64;

/// The largest argument of the exponential's series.
const REDUCED: f64 = 5.5e-3;

/// Terms of the exponential's series: `(5.5e-3)¹¹/11! ≈ 3e-33`.
const EXP_TERMS: usize = 11;

/// From this term on, the exponential's series is summed in doubles: their rounding is `(5.5e-3)⁶/6! · 1e-16 ≈ 4e-33`.
const EXP_DOUBLES: usize = 6;

/// Terms of the exponential's series for arguments up to `ln 2`: `0.7²⁹/29! ≈ 4e-36`.
const POWER_TERMS: usize = 29;

/// Terms of the series of `φ₁` for arguments up to 1/2: `2⁻²⁴/25! ≈ 4e-33`.
const PHI1_TERMS: usize = 24;

/// From this term on, the series of `φ₁` is summed in doubles: their rounding is `2⁻¹⁴/15! · 1e-16 ≈ 5e-33`.
const PHI1_DOUBLES: usize = 15;

/// `1/n`; the series are sums of products, because a quotient costs as much as ten of them.
const INVERSES: [DoubleDouble; POWER_TERMS + 1] = {
    let mut inverses = [DoubleDouble { hi: 0.0, lo: 0.0 }; POWER_TERMS + 1];
    let (mut k, mut n) = (1, 1.0);
    while k < inverses.len() {
        let [hi, lo] = inverse(n);
        inverses[k] = DoubleDouble { hi, lo };
        k += 1;
        n += 1.0;
    }
    inverses
};

/// `1/n` of a whole number of few digits: rounded, and what the rounding took from it.
pub(crate) const fn inverse(n: f64) -> [f64; 2] {
    let hi = 1.0 / n;
    // Dekker's split: both halves times n are exact, and so is the remainder.
    let spread = hi * 134_217_729.0;
    let upper = spread - (spread - hi);
    let remainder = (1.0 - upper * n) - (hi - upper) * n;
    [hi, remainder / n]
}

/// `2^(k/64)`, by the exponential's series.
static POWERS: LazyLock<[DoubleDouble; STEPS]> = LazyLock::new(|| {
    let mut k = 0.0;
    [(); STEPS].map(|()| {
        let argument = (LN_2 * DoubleDouble::from(k)).scaled_by_power_of_two(1.0 / 64.0);
        k += 1.0;
        let one = DoubleDouble::from(1.0);
        (1..=POWER_TERMS).rev().fold(one, |sum, n| one + argument * INVERSES[n] * sum)
    })
});

impl DoubleDouble {
    pub(crate) fn to_f64(self) -> f64 {
        self.hi
    }

    fn renormalised(hi: f64, lo: f64) -> Self {
        let sum = hi + lo;
        Self { hi: sum, lo: lo - (sum - hi) }
    }

    fn scaled_by_power_of_two(self, factor: f64) -> Self {
        Self { hi: self.hi * factor, lo: self.lo * factor }
    }

    /// `eˣ`; zero below the range of a double.
    pub(crate) fn exp(self) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "64")]
        let steps = STEPS as f64;
        let k = (self.hi * (steps / LN_2.hi)).round();
        if k < -1070.0 * steps {
            return Self::from(0.0);
        }
        let reduced = self - (LN_2 * Self::from(k)).scaled_by_power_of_two(1.0 / steps);
        let expm1 = reduced.exp_m1_of_reduced();
        #[expect(clippy::cast_possible_truncation, reason = "an integer of at most five digits")]
        let k = k as i64;
        let (whole, step) = (k.div_euclid(STEPS as i64), k.rem_euclid(STEPS as i64));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "below 64, and of at most four digits"
        )]
        let (whole, power) = (whole as i32, POWERS[step as usize]);
        // In two factors, because a power of two itself may be subnormal.
        (power + power * expm1)
            .scaled_by_power_of_two(2f64.powi(whole / 2))
            .scaled_by_power_of_two(2f64.powi(whole - whole / 2))
    }

    /// `eˣ − 1` of an argument up to [`REDUCED`].
    fn exp_m1_of_reduced(self) -> Self {
        let tail = |sum: f64, n: usize| self.hi * INVERSES[n].hi * (1.0 + sum);
        let mut expm1 = Self::from((EXP_DOUBLES..=EXP_TERMS).rev().fold(0.0, tail));
        for n in (1..EXP_DOUBLES).rev() {
            expm1 = self * INVERSES[n] * (Self::from(1.0) + expm1);
        }
        expm1
    }

    /// `φ₁(x) = (1 − e⁻ˣ)/x` for `x ≥ 0`.
    pub(crate) fn phi1(self) -> Self {
        if self.hi > 0.5 {
            return (Self::from(1.0) - (-self).exp()) / self;
        }
        let tail = |sum: f64, n: usize| 1.0 - self.hi * INVERSES[n].hi * sum;
        let mut sum = Self::from((PHI1_DOUBLES..=PHI1_TERMS).rev().fold(1.0, tail));
        for n in (2..PHI1_DOUBLES).rev() {
            sum = Self::from(1.0) - self * INVERSES[n] * sum;
        }
        sum
    }
}

impl From<f64> for DoubleDouble {
    fn from(hi: f64) -> Self {
        Self { hi, lo: 0.0 }
    }
}

impl Neg for DoubleDouble {
    type Output = Self;
    fn neg(self) -> Self {
        Self { hi: -self.hi, lo: -self.lo }
    }
}

/// Knuth's exact sum.
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

impl Add for DoubleDouble {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let (hi, error) = two_sum(self.hi, other.hi);
        let (lo, lo_error) = two_sum(self.lo, other.lo);
        let once = Self::renormalised(hi, error + lo);
        Self::renormalised(once.hi, once.lo + lo_error)
    }
}

impl Sub for DoubleDouble {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for DoubleDouble {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let product = self.hi * other.hi;
        let error = self.hi.mul_add(other.hi, -product);
        Self::renormalised(product, error + (self.hi * other.lo + self.lo * other.hi))
    }
}

impl Div for DoubleDouble {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let first = self.hi / other.hi;
        let rest = self - other * Self::from(first);
        let second = rest.hi / other.hi;
        let third = (rest - other * Self::from(second)).hi / other.hi;
        Self::renormalised(first, second) + Self::from(third)
    }
}

impl AddAssign for DoubleDouble {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for DoubleDouble {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl MulAssign for DoubleDouble {
    fn mul_assign(&mut self, other: Self) {
        *self = *self * other;
    }
}

/// The inverse functions are those of doubles with one step of Newton's method, which doubles the digits.
impl Scalar for DoubleDouble {
    const CARRIES_DERIVATIVE: bool = false;
    const IS_PRECISE: bool = true;

    fn re(self) -> f64 {
        self.hi
    }
    fn with_re(self, re: f64) -> Self {
        re.into()
    }
    fn is_exactly_zero(self) -> bool {
        self.hi == 0.0
    }
    fn is_all_finite(self) -> bool {
        self.hi.is_finite()
    }
    fn times(self, constant: f64) -> Self {
        self * Self::from(constant)
    }
    fn exp(self) -> Self {
        self.exp()
    }
    fn exp_m1(self) -> Self {
        let is_reduced = self.hi.abs() <= REDUCED;
        if is_reduced { self.exp_m1_of_reduced() } else { self.exp() - Self::from(1.0) }
    }
    fn ln(self) -> Self {
        let near = Self::from(math::ln(self.hi));
        near + (self * (-near).exp() - Self::from(1.0))
    }
    fn ln_1p(self) -> Self {
        let near = Self::from(math::ln_1p(self.hi));
        near + (self - near.exp_m1()) / (Self::from(1.0) + self)
    }
    fn sqrt(self) -> Self {
        let near = Self::from(self.hi.sqrt());
        if near.hi == 0.0 { near } else { near + (self - near * near) / (near + near) }
    }
    fn atan2(self, x: Self) -> Self {
        let near = Self::from(math::atan2(self.hi, x.hi));
        let [cosine, sine] = circular(near * near);
        let sine = sine * near;
        near + (self * cosine - x * sine) / (x * cosine + self * sine)
    }
    fn phi1(self) -> Self {
        self.phi1()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2⁻⁹⁸: a few roundings at 104 bits.
    const ROUNDING: f64 = 3.2e-30;

    /// `expected` as two doubles that sum to 32 digits (computed with mpmath at 60 digits).
    #[track_caller]
    fn check(got: DoubleDouble, expected: (f64, f64)) {
        let difference =
            (got - DoubleDouble::from(expected.0) - DoubleDouble::from(expected.1)).to_f64();
        assert!(
            (difference / expected.0).abs() < ROUNDING,
            "{got:?} is not {expected:?}: {difference:e}"
        );
    }

    #[test]
    fn exponential_quotient_and_phi1_are_right_to_thirty_digits() {
        check(DoubleDouble::from(-0.001).exp(), (0.999000499833375, -3.026024053145243e-17));
        check(DoubleDouble::from(-0.7).exp(), (0.4965853037914095, 9.827550225511106e-18));
        check(DoubleDouble::from(-1.4).exp(), (0.2465969639416065, 9.26335412622548e-18));
        check(DoubleDouble::from(-3.7).exp(), (0.024723526470339388, -1.294857794723138e-18));
        check(DoubleDouble::from(-20.3).exp(), (1.5269401591266087e-09, -9.350718630790655e-26));
        check(DoubleDouble::from(-300.25).exp(), (4.009422364622857e-131, -9.421845746665655e-148));
        check(DoubleDouble::from(1e-09).phi1(), (0.9999999995, 4.153685213502939e-17));
        check(DoubleDouble::from(0.3).phi1(), (0.8639392643942738, -3.602425784822566e-17));
        check(DoubleDouble::from(0.5).phi1(), (0.7869386805747332, 1.3186356830982827e-18));
        check(DoubleDouble::from(0.75).phi1(), (0.7035112630119804, -2.3978672579164286e-17));
        check(DoubleDouble::from(12.0).phi1(), (0.08333282131563723, -3.4069742922802724e-18));
        check(
            DoubleDouble::from(0.02) / DoubleDouble::from(0.007),
            (2.857142857142857, -6.344131569286608e-17),
        );
    }

    #[test]
    fn inverse_functions_are_right_to_thirty_digits() {
        check(DoubleDouble::from(-0.001).exp_m1(), (-0.0009995001666250085, 9.742029814169854e-20));
        check(DoubleDouble::from(-0.7).exp_m1(), (-0.5034146962085905, 9.827550225511106e-18));
        check(DoubleDouble::from(1e-09).exp_m1(), (1.0000000005000001e-09, -7.443897403844588e-26));
        check(DoubleDouble::from(3.0).exp_m1(), (19.085536923187668, -1.8275625525512858e-16));
        check(DoubleDouble::from(0.7).ln(), (-0.35667494393873245, 4.82556379937662e-18));
        check(DoubleDouble::from(1e-09).ln(), (-20.72326583694641, -6.485730665985714e-16));
        check(DoubleDouble::from(300000.0).ln(), (12.611537753638338, 3.7822115043407914e-16));
        check(DoubleDouble::from(-0.4).ln_1p(), (-0.5108256237659907, 1.5233815099851014e-18));
        check(DoubleDouble::from(-1e-09).ln_1p(), (-1.0000000005000001e-09, 7.427230737157087e-26));
        check(DoubleDouble::from(12.0).ln_1p(), (2.5649493574615367, -2.5580975097208856e-18));
        check(DoubleDouble::from(0.7).sqrt(), (0.8366600265340756, -4.12265279558505e-17));
        check(DoubleDouble::from(2e-07).sqrt(), (0.00044721359549995795, -2.5428613760369555e-20));
        check(
            DoubleDouble::from(0.3).atan2(DoubleDouble::from(-0.2)),
            (2.1587989303424644, -1.8180465294153663e-16),
        );
        check(
            DoubleDouble::from(1e-09).atan2(DoubleDouble::from(1.0)),
            (1e-09, -3.3333333333333338e-28),
        );
        check(
            DoubleDouble::from(1e-09).atan2(DoubleDouble::from(-1.0)),
            (3.141592652589793, 2.0520505085187742e-16),
        );
        check(
            DoubleDouble::from(-2.0).atan2(DoubleDouble::from(0.5)),
            (-1.3258176636680326, 8.824429373951136e-17),
        );
    }

    #[test]
    fn the_exponential_underflows_to_zero() {
        assert_eq!(DoubleDouble::from(-800.0).exp().to_f64().to_bits(), 0);
        assert!(DoubleDouble::from(-700.0).exp().to_f64() > 0.0);
    }
}
