//! Many numbers side by side in one vector register: the arithmetic that the sweeps over dense populations are written in.
//!
//! [`Lanes`] is a register of [`pulp`], whose width is chosen when the program runs: one binary is fast on AVX-512 and right
//! on SSE2. Products and sums are **not fused**, so that every lane gets the bits that scalar code would get, on any machine
//! (docs/decisions/0011-explicit-lanes.md). Functions here must be inlined into one that [`pulp::Arch::dispatch`] calls:
//! what is not, is not compiled for the registers. An array's `map` is not always inlined, so none stands on a hot path.
//!
//! | file | holds, of neurons side by side |
//! | --- | --- |
//! | `numbers.rs` | the numbers that their motion depends on |
//! | `motion.rs` | the coefficients of a motion |
//! | `flows.rs` | the flows over many lengths |
//! | `columns.rs` | state and tangents, and how they move |
//! | `forward.rs` | a stretch between arrivals, all neurons at once |
//! | `walk.rs` | all stretches, a block at a time |
//! | `ways.rs` | what these stretches are |
//! | `pool.rs` | those who wait for a search |
//! | `backward.rs` | their adjoints, over many stretches |
//! | `perturbations.rs` | how they move along a direction |
//! | `receptions.rs` | what arrivals give, each at a time of its own |
//! | `averages.rs` | averages of integrators |
//! | `group.rs` | neurons each at a time of its own |
//! | `crossing.rs` | first threshold crossings |
//! | `peak.rs` | what the peak in closed form says of them |
//! | `search.rs` | who is searched beside whom |
//! | `near_grazing.rs` | those that are near grazing |
//! | `silence.rs` | who crosses none, with several receptors |
//! | `double_doubles.rs` | arithmetic with 30 digits |
//!
//! Here stands the arithmetic of a register. Not here: in which order things happen (`spikegrad_simulate`, `spikegrad_adjoint`), and the bounds that
//! say who may spike (`lif/bounds.rs`, beside those of one neuron).
#![expect(
    clippy::needless_range_loop,
    reason = "receptors and lanes are counted through several arrays at once"
)]

pub mod averages;
pub mod backward;
mod columns;
mod crossing;
mod double_doubles;
mod flows;
pub mod forward;
mod group;
mod motion;
mod near_grazing;
mod numbers;
mod peak;
pub mod perturbations;
mod pool;
mod receptions;
mod search;
#[cfg(test)]
mod several_receptors;
mod silence;
mod walk;
mod ways;

pub use columns::Columns;
pub use flows::Flows;
pub use group::Group;
pub use motion::{Motion, Propagator};
pub use numbers::Numbers;
pub use pool::{BLUR, JUST_BEYOND};
pub use receptions::{ROOM, Reception, Receptions};
pub use search::Search;
use search::search;
pub(crate) use search::search_one;
pub use walk::{Fired, Outcome, Turned, Walk, Walkers};
pub use ways::{Arrived, Instant, Way, Ways, WaysApart};

#[cfg(target_arch = "x86_64")]
use pulp::x86::V3;
use pulp::{Simd, bytemuck};
#[cfg(target_arch = "x86_64")]
use std::any::Any;
use std::ops::{Add, BitAnd, BitOr, Div, Mul, Neg, Not, Sub};

/// Values that are computed together: the widest register, or several narrower ones.
pub const BLOCK: usize = 8;

/// One number for each neuron of a block.
type Column = [f64; BLOCK];

/// One number for each neuron, in blocks.
#[inline(always)]
fn blocks(column: &[f64]) -> &[Column] {
    column.as_chunks().0
}

/// `count` rounded up to whole blocks.
fn padded(count: usize) -> usize {
    count.next_multiple_of(BLOCK)
}

/// A register of doubles.
#[derive(Clone, Copy, Debug)]
pub struct Lanes<S: Simd> {
    simd: S,
    x: S::f64s,
}

/// A truth value for each lane.
#[derive(Clone, Copy, Debug)]
pub struct Mask<S: Simd> {
    simd: S,
    x: S::m64s,
}

macro_rules! operator {
    ($trait:ident, $method:ident, $simd:ident) => {
        impl<S: Simd> $trait for Lanes<S> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self { x: self.simd.$simd(self.x, other.x), ..self }
            }
        }
        impl<S: Simd> $trait<f64> for Lanes<S> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: f64) -> Self {
                Self { x: self.simd.$simd(self.x, self.simd.splat_f64s(other)), ..self }
            }
        }
    };
}
operator!(Add, add, add_f64s);
operator!(Sub, sub, sub_f64s);
operator!(Mul, mul, mul_f64s);
operator!(Div, div, div_f64s);

impl<S: Simd> Neg for Lanes<S> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self { x: self.simd.neg_f64s(self.x), ..self }
    }
}

impl<S: Simd> BitAnd for Mask<S> {
    type Output = Self;
    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        Self { x: self.simd.and_m64s(self.x, other.x), ..self }
    }
}

impl<S: Simd> BitOr for Mask<S> {
    type Output = Self;
    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        Self { x: self.simd.or_m64s(self.x, other.x), ..self }
    }
}

impl<S: Simd> Not for Mask<S> {
    type Output = Self;
    #[inline(always)]
    fn not(self) -> Self {
        Self { x: self.simd.not_m64s(self.x), ..self }
    }
}

impl<S: Simd> Mask<S> {
    /// Whether any lane is set.
    #[inline(always)]
    #[must_use]
    pub fn any(self) -> bool {
        self.bits() != 0
    }

    /// `yes` where set, `no` elsewhere.
    #[inline(always)]
    #[must_use]
    pub fn select(self, yes: Lanes<S>, no: Lanes<S>) -> Lanes<S> {
        Lanes { simd: self.simd, x: self.simd.select_f64s(self.x, yes.x, no.x) }
    }

    /// A bit for each lane that is set.
    #[inline(always)]
    #[must_use]
    pub fn bits(self) -> u8 {
        // A quarter of a pass on AVX2, if it is not this one instruction.
        #[cfg(target_arch = "x86_64")]
        if let Some(v3) = (&self.simd as &dyn Any).downcast_ref::<V3>() {
            return v3.avx._mm256_movemask_pd(bytemuck::cast(self.x)).to_le_bytes()[0];
        }
        match bytemuck::bytes_of(&self.x) {
            [bits] => *bits,
            // Eight bytes for each lane, all of them set or none. One bit of each, another for each lane, is an operation of the whole register.
            bytes => {
                let lanes = bytemuck::cast_slice::<u8, u64>(bytes).iter().enumerate();
                let bits = lanes.fold(0, |bits, (k, lane)| bits | lane & 1 << k);
                bits.to_le_bytes()[0]
            }
        }
    }

    /// The same among several registers, of which this is the one at position `register`.
    #[inline(always)]
    pub(super) fn bits_at(self, register: usize) -> u64 {
        u64::from(self.bits()) << (register * S::F64_LANES)
    }

    /// Calls `visit` with the position of each lane that is set.
    #[inline(always)]
    pub fn for_each(self, visit: impl FnMut(usize)) {
        bits(self.bits().into()).for_each(visit);
    }
}

/// The positions of the bits that are set.
#[inline(always)]
fn bits(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(
        #[inline(always)]
        move || {
            let (position, is_set) = (bits.trailing_zeros() as usize, bits != 0);
            bits &= bits.wrapping_sub(1);
            is_set.then_some(position)
        },
    )
}

/// Coefficients 1/2!, …, 1/13! of the exponential's series.
const EXP: [f64; 12] = {
    let (mut coefficients, mut k, mut factorial) = ([0.0; 12], 0, 1.0);
    let mut divisor = 2.0;
    while k < coefficients.len() {
        factorial *= divisor;
        divisor += 1.0;
        k += 1;
        coefficients[k - 1] = 1.0 / factorial;
    }
    coefficients
};

/// Coefficients 1/3, 1/5, …, 1/25 of the series of the inverse hyperbolic tangent.
const ARTANH: [f64; 12] = {
    let (mut coefficients, mut k, mut odd) = ([0.0; 12], 0, 3.0);
    while k < coefficients.len() {
        coefficients[k] = 1.0 / odd;
        odd += 2.0;
        k += 1;
    }
    coefficients
};

/// ln 2 in two parts: the first has 21 zero bits at its end, so that its product with a small integer is exact.
const LN_2: [f64; 2] = [0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10];

/// Adding this rounds a number of moderate size to an integer, which then stands in the lowest bits.
const TO_INTEGER: f64 = 6_755_399_441_055_744.0;

/// Below this exponent `eˣ` is taken as zero: it is no normal double any more.
const UNDERFLOW: f64 = -708.0;

impl<S: Simd> Lanes<S> {
    /// `x` in every lane.
    #[inline(always)]
    #[must_use]
    pub fn splat(simd: S, x: f64) -> Self {
        Self { simd, x: simd.splat_f64s(x) }
    }

    /// A register as `pulp` knows it.
    #[inline(always)]
    #[must_use]
    pub fn new(simd: S, x: S::f64s) -> Self {
        Self { simd, x }
    }

    /// The register as `pulp` knows it.
    #[inline(always)]
    #[must_use]
    pub fn raw(self) -> S::f64s {
        self.x
    }

    /// The numbers one by one; what lies beyond the register's width is zero.
    #[inline(always)]
    #[must_use]
    pub fn values(self) -> [f64; BLOCK] {
        let mut values = [0.0; BLOCK];
        let lanes = bytemuck::cast_slice::<S::f64s, f64>(std::slice::from_ref(&self.x));
        values[..S::F64_LANES].copy_from_slice(lanes);
        values
    }

    /// Absolute value.
    #[inline(always)]
    #[must_use]
    pub fn abs(self) -> Self {
        // Not pulp's own, which calls a function that is not inlined for AVX2.
        let magnitude = self.simd.splat_f64s(f64::from_bits(!(1 << 63)));
        Self { x: self.simd.and_f64s(self.x, magnitude), ..self }
    }

    /// `self * factor + term`, rounded once.
    #[inline(always)]
    #[must_use]
    pub fn mul_add(self, factor: Self, term: Self) -> Self {
        Self { x: self.simd.mul_add_f64s(self.x, factor.x, term.x), ..self }
    }

    /// Square root.
    #[inline(always)]
    #[must_use]
    pub fn sqrt(self) -> Self {
        Self { x: self.simd.sqrt_f64s(self.x), ..self }
    }

    /// The smaller of two numbers.
    #[inline(always)]
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        self.lt(other).select(self, other)
    }

    /// The larger of two numbers.
    #[inline(always)]
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        self.lt(other).select(other, self)
    }

    /// The larger of two numbers, in one instruction; which of them where one is none depends on the machine.
    #[inline(always)]
    #[must_use]
    pub fn upper(self, other: Self) -> Self {
        // Of a single number pulp would heed NaN, which takes six instructions.
        if S::F64_LANES == 1 {
            return other.lt(self).select(self, other);
        }
        Self { x: self.simd.max_f64s(self.x, other.x), ..self }
    }

    /// The smaller of two numbers, as [`Self::upper`].
    #[inline(always)]
    #[must_use]
    pub fn lower(self, other: Self) -> Self {
        if S::F64_LANES == 1 {
            return self.lt(other).select(self, other);
        }
        Self { x: self.simd.min_f64s(self.x, other.x), ..self }
    }

    /// Less than.
    #[inline(always)]
    #[must_use]
    pub fn lt(self, other: Self) -> Mask<S> {
        Mask { simd: self.simd, x: self.simd.less_than_f64s(self.x, other.x) }
    }

    /// Less than or equal.
    #[inline(always)]
    #[must_use]
    pub fn le(self, other: Self) -> Mask<S> {
        Mask { simd: self.simd, x: self.simd.less_than_or_equal_f64s(self.x, other.x) }
    }

    /// The same number in every lane, of this register's width.
    #[inline(always)]
    #[must_use]
    pub fn constant(self, x: f64) -> Self {
        Self::splat(self.simd, x)
    }

    /// `eˣ` and `eˣ − 1` for x ≤ 0, each within two units in the last place; `eˣ` below 2⁻¹⁰²¹ is zero.
    #[inline(always)]
    #[must_use]
    pub fn exp_and_exp_m1(self) -> (Self, Self) {
        let shifted = self * std::f64::consts::LOG2_E + TO_INTEGER;
        let n = shifted - TO_INTEGER;
        let z = (self - n * LN_2[0]) - n * LN_2[1];
        let excess = z + z * z * z.polynomial(&EXP);
        let exp = (excess + 1.0).times_power_of_two(shifted);
        let exp = self.lt(self.constant(UNDERFLOW)).select(self.constant(0.0), exp);
        let is_small = n.abs().lt(self.constant(0.5));
        (exp, is_small.select(excess, exp - 1.0))
    }

    /// Times 2ⁿ, with `shifted` = n + [`TO_INTEGER`]: n is added to the exponent's bits.
    #[inline(always)]
    fn times_power_of_two(self, shifted: Self) -> Self {
        let mut exponent = self.simd.transmute_u64s_f64s(shifted.x);
        for bits in bytemuck::cast_slice_mut::<S::u64s, u64>(std::slice::from_mut(&mut exponent)) {
            *bits <<= 52;
        }
        let mantissa = self.simd.transmute_u64s_f64s(self.x);
        let x = self.simd.transmute_f64s_u64s(self.simd.add_u64s(mantissa, exponent));
        Self { x, ..self }
    }

    /// `ln x` of a normal number x > 0, within two units in the last place.
    #[inline(always)]
    #[must_use]
    pub fn ln(self) -> Self {
        const MANTISSA: u64 = (1 << 52) - 1;
        // From here on doubles are the integers, which stand in their lowest bits.
        const INTEGERS: f64 = 4_503_599_627_370_496.0;
        let lanes = |change: fn(&mut u64)| {
            let mut words = self.simd.transmute_u64s_f64s(self.x);
            bytemuck::cast_slice_mut(std::slice::from_mut(&mut words)).iter_mut().for_each(change);
            Self { x: self.simd.transmute_f64s_u64s(words), ..self }
        };
        let exponent = lanes(|word| *word = *word >> 52 | INTEGERS.to_bits());
        let mantissa = lanes(|word| *word = *word & MANTISSA | 1f64.to_bits());
        let n = exponent - (INTEGERS + 1023.0);
        let is_large = self.constant(std::f64::consts::SQRT_2).lt(mantissa);
        let n = is_large.select(n + 1.0, n);
        let m = is_large.select(mantissa * 0.5, mantissa);
        let s = (m - 1.0) / (m + 1.0);
        let square = s * s;
        let of_mantissa = s * 2.0 + s * 2.0 * square * square.polynomial(&ARTANH);
        n * LN_2[0] + (n * LN_2[1] + of_mantissa)
    }

    /// `c₀ + c₁ x + … + c₁₁ x¹¹` by Estrin's scheme: short chains of dependent operations.
    #[inline(always)]
    fn polynomial(self, c: &[f64; 12]) -> Self {
        let square = self * self;
        let fourth = square * square;
        let [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11] = *c;
        let low = (self * c1 + c0) + square * (self * c3 + c2);
        let middle = (self * c5 + c4) + square * (self * c7 + c6);
        let high = (self * c9 + c8) + square * (self * c11 + c10);
        (low + fourth * middle) + fourth * fourth * high
    }

    /// `eˣ` for x ≤ 0, within two units in the last place.
    #[inline(always)]
    #[must_use]
    pub fn exp(self) -> Self {
        self.exp_and_exp_m1().0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "x86_64")]
    use pulp::x86::V2;
    use pulp::{Arch, Scalar, WithSimd};

    /// Which of a block's numbers are below one.
    struct BelowOne([f64; BLOCK]);

    impl WithSimd for BelowOne {
        type Output = u64;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> u64 {
            let registers = S::as_simd_f64s(&self.0).0.iter().enumerate();
            let one = Lanes::splat(simd, 1.0);
            registers.fold(0, |bits, (k, &x)| bits | Lanes::new(simd, x).lt(one).bits_at(k))
        }
    }

    #[test]
    fn the_bits_of_a_mask_are_those_of_its_lanes_in_registers_of_any_width() {
        for expected in 0..1 << BLOCK {
            let below = || {
                BelowOne(std::array::from_fn(|k| if expected >> k & 1 == 1 { 0.5 } else { 1.5 }))
            };
            assert_eq!(Arch::new().dispatch(below()), expected);
            assert_eq!(Simd::vectorize(Scalar, below()), expected);
            #[cfg(target_arch = "x86_64")]
            {
                let of_two = V2::try_new().map(|v2| Simd::vectorize(v2, below()));
                let of_four = V3::try_new().map(|v3| Simd::vectorize(v3, below()));
                assert_eq!(of_two.unwrap_or(expected), expected);
                assert_eq!(of_four.unwrap_or(expected), expected);
            }
        }
    }

    struct Exp<'a>(&'a [f64], &'a mut [[f64; 2]]);

    impl WithSimd for Exp<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            for (&x, out) in self.0.iter().zip(self.1) {
                let (exp, exp_m1) = Lanes::splat(simd, x).exp_and_exp_m1();
                *out = [exp.values()[0], exp_m1.values()[0]];
            }
        }
    }

    #[test]
    fn the_exponential_is_right_to_two_units_in_the_last_place() {
        let x: Vec<f64> = (0..700_000)
            .map(|k| -1e-3 * f64::from(k))
            .chain((0..300).map(|k| -(0.9f64.powi(k))))
            .collect();
        let mut out = vec![[0.0; 2]; x.len()];
        Arch::new().dispatch(Exp(&x, &mut out));
        for (x, [exp, exp_m1]) in x.iter().zip(&out) {
            assert!((exp / x.exp() - 1.0).abs() <= 2.0 * f64::EPSILON, "{x}: {exp}");
            let expected = x.exp_m1();
            assert!(
                (exp_m1 - expected).abs() <= 2.0 * f64::EPSILON * expected.abs(),
                "{x}: {exp_m1} {expected}"
            );
        }
        let mut out = [[1.0; 2]; 3];
        Arch::new().dispatch(Exp(&[-800.0, f64::NEG_INFINITY, -0.0], &mut out));
        assert_eq!(out, [[0.0, -1.0], [0.0, -1.0], [1.0, 0.0]]);
    }

    struct Ln<'a>(&'a [f64], &'a mut [f64]);

    impl WithSimd for Ln<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            for (&x, out) in self.0.iter().zip(self.1) {
                *out = Lanes::splat(simd, x).ln().values()[0];
            }
        }
    }

    #[test]
    fn the_logarithm_is_right_to_two_units_in_the_last_place() {
        let near_one = (0..300).map(|k| 1.0 - 0.9f64.powi(k) * 0.3);
        let x: Vec<f64> = (-700_000..700_000)
            .map(|k| (1e-3 * f64::from(k)).exp())
            .chain(near_one.clone())
            .chain(near_one.map(|x| 1.0 / x))
            .chain([f64::MIN_POSITIVE, f64::MAX, 1.0])
            .collect();
        let mut out = vec![f64::NAN; x.len()];
        Arch::new().dispatch(Ln(&x, &mut out));
        for (x, ln) in x.iter().zip(&out) {
            let expected = x.ln();
            assert!(
                (ln - expected).abs() <= f64::EPSILON * (2.0 * expected.abs()),
                "{x}: {ln} {expected}"
            );
        }
    }
}
