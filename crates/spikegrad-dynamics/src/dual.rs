//! Dual numbers `x + ε x'` with `ε² = 0`: a number and its derivative along one direction, carried through arithmetic together.
//!
//! The real part of every operation is that of the operation on the numbers alone, to the bit. A run on dual numbers is then the run that it
//! differentiates, also where two events are a rounding apart and the order hangs on it. (Libraries divide by multiplying with the
//! reciprocal, which rounds twice.)
//!
//! Dual numbers over dual numbers carry second derivatives. Not here: what the engine asks of a number (`scalar.rs`).

use crate::{Scalar, exp_divided};
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

/// A number with its derivative along one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Dual<T> {
    /// The number.
    pub re: T,
    /// Its derivative.
    pub eps: T,
}

/// A dual number over doubles.
pub type Dual64 = Dual<f64>;

impl<T: Scalar> Dual<T> {
    /// The number `re` with the derivative `eps`.
    pub const fn new(re: T, eps: T) -> Self {
        Self { re, eps }
    }

    /// The same number as the one to differentiate by: its derivative is 1.
    #[must_use]
    pub fn derivative(self) -> Self {
        Self::new(self.re, T::from(1.0))
    }
}

impl<T: Scalar> From<f64> for Dual<T> {
    /// A constant.
    fn from(x: f64) -> Self {
        Self::new(x.into(), T::from(0.0))
    }
}

impl<T: Scalar> Neg for Dual<T> {
    type Output = Self;
    fn neg(self) -> Self {
        Self::new(-self.re, -self.eps)
    }
}

impl<T: Scalar> Add for Dual<T> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::new(self.re + other.re, self.eps + other.eps)
    }
}

impl<T: Scalar> Sub for Dual<T> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::new(self.re - other.re, self.eps - other.eps)
    }
}

impl<T: Scalar> Mul for Dual<T> {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self::new(self.re * other.re, self.eps * other.re + self.re * other.eps)
    }
}

impl<T: Scalar> Div for Dual<T> {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let quotient = self.re / other.re;
        Self::new(quotient, (self.eps - quotient * other.eps) / other.re)
    }
}

macro_rules! assign {
    ($($trait:ident, $method:ident, $operator:tt;)*) => {$(
        impl<T: Scalar> $trait for Dual<T> {
            fn $method(&mut self, other: Self) {
                *self = *self $operator other;
            }
        }
    )*};
}

assign! {
    AddAssign, add_assign, +;
    SubAssign, sub_assign, -;
    MulAssign, mul_assign, *;
    DivAssign, div_assign, /;
}

impl<T: Scalar> Scalar for Dual<T> {
    const CARRIES_DERIVATIVE: bool = true;
    const IS_PRECISE: bool = T::IS_PRECISE;

    fn re(self) -> f64 {
        self.re.re()
    }
    fn with_re(self, re: f64) -> Self {
        Self { re: self.re.with_re(re), ..self }
    }
    fn is_exactly_zero(self) -> bool {
        self.re.is_exactly_zero() && self.eps.is_exactly_zero()
    }
    fn is_all_finite(self) -> bool {
        self.re.is_all_finite() && self.eps.is_all_finite()
    }
    fn times(self, constant: f64) -> Self {
        Self::new(self.re.times(constant), self.eps.times(constant))
    }
    fn exp(self) -> Self {
        let exp = self.re.exp();
        Self::new(exp, exp * self.eps)
    }
    fn exp_m1(self) -> Self {
        Self::new(self.re.exp_m1(), self.re.exp() * self.eps)
    }
    fn ln(self) -> Self {
        Self::new(self.re.ln(), self.eps / self.re)
    }
    fn ln_1p(self) -> Self {
        Self::new(self.re.ln_1p(), self.eps / (T::from(1.0) + self.re))
    }
    fn sqrt(self) -> Self {
        let root = self.re.sqrt();
        Self::new(root, self.eps / (root + root))
    }
    fn atan2(self, x: Self) -> Self {
        let (y, square) = (self, self.re * self.re + x.re * x.re);
        Self::new(y.re.atan2(x.re), (x.re * y.eps - y.re * x.eps) / square)
    }
    fn phi1(self) -> Self {
        // The derivative of the quotient loses all digits as x → 0; the series of φ₁' does not.
        let x = self.re;
        Self::new(x.phi1(), -exp_divided([T::from(0.0), -x, -x]) * self.eps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a formula of `x` and `y` is made of: each operation of the trait once.
    fn operations<T: Scalar>(x: T, y: T) -> [T; 12] {
        let mut sum = x;
        sum += y;
        let functions = [x.exp(), x.exp_m1(), y.ln(), y.ln_1p(), y.sqrt(), x.atan2(y)];
        let [a, b, c, d, e, f] = functions;
        [x + y, x - y, x * y, x / y, -x, sum, a, b, c, d, e, f]
    }

    fn number() -> impl Strategy<Value = f64> {
        (0.01f64..10.0, any::<bool>()).prop_map(|(x, negative)| if negative { -x } else { x })
    }

    proptest! {
        #[test]
        fn the_real_part_is_that_of_numbers_to_the_bit(
            x in number(), y in 0.01f64..10.0, dx in number(), dy in number()
        ) {
            let plain = operations(x, y);
            let dual = operations(Dual64::new(x, dx), Dual64::new(y, dy));
            let second = operations(
                Dual::new(Dual64::new(x, dx), Dual64::new(dy, 1.0)),
                Dual::new(Dual64::new(y, dx), Dual64::new(dx, 1.0)),
            );
            for k in 0..plain.len() {
                prop_assert_eq!(plain[k].to_bits(), dual[k].re.to_bits());
                prop_assert_eq!(plain[k].to_bits(), second[k].re.re.to_bits());
            }
        }

        #[test]
        fn derivatives_are_those_of_the_textbook(x in number(), y in 0.01f64..10.0) {
            let by_x = operations(Dual64::from(x).derivative(), y.into()).map(|z| z.eps);
            let by_y = operations(x.into(), Dual64::from(y).derivative()).map(|z| z.eps);
            let square = x * x + y * y;
            let expected = [
                [1.0, 1.0, y, 1.0 / y, -1.0, 1.0, x.exp(), x.exp(), 0.0, 0.0, 0.0, y / square],
                [
                    1.0, -1.0, x, -x / (y * y), 0.0, 1.0,
                    0.0, 0.0, 1.0 / y, 1.0 / (1.0 + y), 0.5 / y.sqrt(), -x / square,
                ],
            ];
            for (got, expected) in [by_x, by_y].iter().flatten().zip(expected.iter().flatten()) {
                // Three roundings on either side.
                prop_assert!((got - expected).abs() <= 6.0 * f64::EPSILON * expected.abs());
            }
        }

        #[test]
        fn duals_of_duals_carry_second_derivatives(x in 0.01f64..10.0) {
            let twice = Dual::new(Dual64::from(x).derivative(), Dual64::from(1.0));
            let exp = (twice * twice).exp().eps.eps;
            // d²/dx² exp(x²) = (2 + 4 x²) exp(x²), of a dozen roundings and one of x² magnified by itself.
            let expected = (2.0 + 4.0 * x * x) * (x * x).exp();
            prop_assert!((exp / expected - 1.0).abs() <= (12.0 + 2.0 * x * x) * f64::EPSILON);
        }
    }
}
