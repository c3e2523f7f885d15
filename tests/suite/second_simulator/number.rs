//! Numbers with 115 digits and an exponent that does not run out, by the crate `astro-float-num`.
//!
//! The exponential is written out here, since it is most of what the simulator does: ten times faster than the general one of the crate, which
//! it is tested against. Not here: what is computed.

use astro_float_num::{BigFloat, Consts, RoundingMode, Sign};
use std::cell::RefCell;
use std::cmp::Ordering;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// Bits of a number: six words.
const BITS: usize = 384;

const NEAREST: RoundingMode = RoundingMode::ToEven;

/// The exponential's argument is halved this often, and its result squared as often: that costs six of the 115 digits.
const HALVINGS: i32 = 20;

/// Terms of the exponential's series: below 2^−21 the next one is below 2^−388.
const TERMS: u32 = 17;

/// A real number, to 115 digits.
#[derive(Clone, Debug)]
pub(crate) struct Number(BigFloat);

/// What exponentials and logarithms need.
struct Tables {
    constants: Consts,
    ln_2: BigFloat,
    /// 1/k!, the last one first.
    inverse_factorials: Vec<BigFloat>,
}

impl Tables {
    fn new() -> Self {
        let mut constants = Consts::new().unwrap();
        let ln_2 = constants.ln_2(BITS, NEAREST);
        let mut factorial = BigFloat::from_f64(1.0, BITS);
        let one = factorial.clone();
        let mut inverse_factorials = vec![one.clone()];
        for k in 1..=TERMS {
            factorial = factorial.mul(&BigFloat::from_u32(k, BITS), BITS, NEAREST);
            inverse_factorials.push(one.div(&factorial, BITS, NEAREST));
        }
        inverse_factorials.reverse();
        Self { constants, ln_2, inverse_factorials }
    }
}

thread_local! {
    static TABLES: RefCell<Tables> = RefCell::new(Tables::new());
}

impl Number {
    /// Zero.
    pub(crate) fn zero() -> Self {
        Self::from(0.0)
    }

    /// One.
    pub(crate) fn one() -> Self {
        Self::from(1.0)
    }

    /// e to the power of this.
    pub(crate) fn exp(&self) -> Self {
        let twos = (self.to_f64() * std::f64::consts::LOG2_E).round();
        TABLES.with_borrow(|tables| {
            let whole = tables.ln_2.mul(&BigFloat::from_f64(twos, BITS), BITS, NEAREST);
            let rest = self.0.sub(&whole, BITS, NEAREST);
            let small = rest.mul(&BigFloat::from_f64(2f64.powi(-HALVINGS), BITS), BITS, NEAREST);
            let mut sum = BigFloat::from_f64(0.0, BITS);
            for coefficient in &tables.inverse_factorials {
                sum = sum.mul(&small, BITS, NEAREST).add(coefficient, BITS, NEAREST);
            }
            for _ in 0..HALVINGS {
                sum = sum.mul(&sum, BITS, NEAREST);
            }
            #[expect(clippy::cast_possible_truncation, reason = "no time is 2^31 time constants")]
            sum.set_exponent(sum.exponent().unwrap() + twos as i32);
            Self(sum)
        })
    }

    /// The natural logarithm of a positive number.
    pub(crate) fn ln(&self) -> Self {
        TABLES.with_borrow_mut(|tables| Self(self.0.ln(BITS, NEAREST, &mut tables.constants)))
    }

    /// The nearest double but one, for what needs no more digits.
    pub(crate) fn to_f64(&self) -> f64 {
        if self.0.is_zero() {
            return 0.0;
        }
        let (words, _, sign, exponent, _) = self.0.as_raw_parts().unwrap();
        #[expect(clippy::cast_precision_loss, reason = "the leading bits are all that is wanted")]
        let leading = (words[words.len() - 1] >> 11) as f64;
        // In two halves: the power alone may be out of range where the number is not.
        let (half, power) = ((exponent - 53) / 2, exponent - 53);
        let size = leading * 2f64.powi(half) * 2f64.powi(power - half);
        if sign == Sign::Neg { -size } else { size }
    }

    /// Whether this is zero, or so small beside `scale` that 115 digits do not tell.
    pub(crate) fn is_negligible(&self, scale: f64) -> bool {
        self.abs() <= Self::from(scale * TIE)
    }

    /// Without its sign.
    pub(crate) fn abs(&self) -> Self {
        Self(self.0.abs())
    }

    /// −1, 0 or 1, where what is negligible beside `scale` counts as 0.
    pub(crate) fn sign(&self, scale: f64) -> i32 {
        if self.is_negligible(scale) {
            0
        } else if self.0.is_positive() {
            1
        } else {
            -1
        }
    }
}

/// What differs by less than this share of its size is equal. A number has twice as many digits, so that only equality makes it so; the
/// errors of a run are 10¹⁰⁰ times smaller than those of a run in doubles, whatever magnifies them.
pub(crate) const TIE: f64 = 1e-60;

impl From<f64> for Number {
    /// Exactly this double.
    fn from(x: f64) -> Self {
        assert!(x.is_finite(), "{x} is no number");
        Self(BigFloat::from_f64(x, BITS))
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident) => {
        impl $trait for &Number {
            type Output = Number;
            fn $method(self, other: &Number) -> Number {
                Number(self.0.$method(&other.0, BITS, NEAREST))
            }
        }
        impl $trait for Number {
            type Output = Number;
            fn $method(self, other: Number) -> Number {
                (&self).$method(&other)
            }
        }
        impl $trait<&Number> for Number {
            type Output = Number;
            fn $method(self, other: &Number) -> Number {
                (&self).$method(other)
            }
        }
    };
}

operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);

impl Neg for Number {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.neg())
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0).unwrap().cmp(&0)
    }
}

#[test]
fn the_exponential_is_that_of_the_crate_and_undoes_the_logarithm() {
    /// Six digits are lost by the squarings, some by the size of the argument.
    const CLOSE: f64 = 1e-103;
    for x in [0.0, 1e-300, -1e-17, 0.3, -0.7, 1.0, 17.5, -703.25, 12_345.678, 1e6] {
        let mut constants = Consts::new().unwrap();
        let ours = Number::from(x).exp();
        let theirs = Number(BigFloat::from_f64(x, BITS).exp(BITS, NEAREST, &mut constants));
        let error = (&ours / &theirs - Number::one()).abs();
        assert!(error < Number::from(CLOSE), "{x}: {:e}", error.to_f64());
        let back = (ours.ln() - Number::from(x)).abs();
        assert!(back < Number::from(CLOSE), "{x}: {:e}", back.to_f64());
        assert!((Number::from(x).to_f64() - x).abs() <= 0.0, "{x}");
    }
}
