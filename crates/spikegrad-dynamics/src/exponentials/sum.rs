//! Where a sum of exponentials changes its sign.
//!
//! n real exponentials have at most n − 1 zeros (docs/mathematics.md, eqs. 27e–27i): divided by one of them, the sum has a derivative that is a sum of the
//! n − 1 others, and between the places where that changes its sign the quotient is monotone. So a bracket for each zero is known, and a
//! pair of zeros can only be missed where the sum touches zero to roundings; there both signs are right.
//!
//! Differences of two rates `1/τ` are made of the difference of the time constants, which is exact where they are close.
//!
//! Not here: the membrane that the sum drives (`crossing.rs`).

use super::{Current, ROUNDING, TERMS};
use crate::double_double::DoubleDouble;
use crate::lif::root::{Step, search};
use crate::math::{exp, ln, ln_1p};

/// A sum is rounded by less than this share of its terms: a few roundings each, those of the exponents included.
const CERTAIN: f64 = 1e-14;

/// The same in double-double arithmetic.
const VANISHES: f64 = 1e-29;

/// `Σ c_j e^(−t/τ_j)`, slowest first: no two time constants are equal, no size is zero. An infinite time constant is that of a constant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sum {
    terms: [Current; TERMS],
    count: usize,
}

/// The signs of a sum from time 0 on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signs {
    /// Whether it is positive right after time 0.
    pub(super) starts_positive: bool,
    times: [f64; TERMS],
    count: usize,
}

impl Signs {
    /// When it changes, in order.
    pub(super) fn changes(&self) -> &[f64] {
        &self.times[..self.count]
    }
}

impl Sum {
    /// The sum of a constant and some currents.
    pub(super) fn of(constant: f64, currents: &[Current]) -> Self {
        let mut sum = Self { terms: [Current::default(); TERMS], count: 0 };
        sum.insert(Current { size: constant, tau: f64::INFINITY });
        currents.iter().for_each(|&current| sum.insert(current));
        sum.drop_zeros();
        sum
    }

    fn insert(&mut self, term: Current) {
        let terms = &mut self.terms[..self.count];
        let place = terms.iter().position(|other| other.tau <= term.tau).unwrap_or(self.count);
        if let Some(other) = terms.get_mut(place)
            && other.tau.to_bits() == term.tau.to_bits()
        {
            other.size += term.size;
            return;
        }
        self.terms.copy_within(place..self.count, place + 1);
        self.terms[place] = term;
        self.count += 1;
    }

    fn drop_zeros(&mut self) {
        let mut kept = 0;
        for k in 0..self.count {
            if self.terms[k].size != 0.0 {
                self.terms[kept] = self.terms[k];
                kept += 1;
            }
        }
        self.count = kept;
    }

    pub(super) fn terms(&self) -> &[Current] {
        &self.terms[..self.count]
    }

    /// The derivative of the sum divided by its slowest exponential, times a factor without a zero.
    fn derivative(&self) -> Self {
        let mut sum = *self;
        let [slowest, .., fastest] = self.terms() else { return sum };
        let mut largest = 0.0f64;
        for (into, term) in sum.terms.iter_mut().zip(&self.terms()[1..]) {
            let gap = gap(slowest.tau, term.tau);
            *into = Current { size: term.size * gap * (fastest.tau / term.tau), ..*term };
            largest = largest.max(into.size.abs());
        }
        sum.count -= 1;
        // Only signs matter: sizes near one neither under- nor overflow as this is repeated.
        if largest > 0.0 {
            sum.terms.iter_mut().for_each(|term| term.size /= largest);
        }
        sum.drop_zeros();
        sum
    }

    /// What is left after `t`, divided by the slowest exponential, with its derivative and the sizes of its terms.
    fn quotient(&self, t: f64) -> [f64; 3] {
        let slowest = self.terms[0].tau;
        let (mut value, mut rate, mut size) = (0.0, 0.0, 0.0);
        for term in self.terms() {
            let by_time = gap(slowest, term.tau) / term.tau;
            let part = term.size * exp(-t * by_time);
            value += part;
            rate -= by_time * part;
            size += part.abs();
        }
        [value, rate, size]
    }

    /// The sign at `t`: 1, −1, or 0 where the sum vanishes.
    fn sign(&self, t: f64) -> i8 {
        let [value, _, size] = self.quotient(t);
        let sign = |value: f64, error: f64| i8::from(value > error) - i8::from(value < -error);
        if value.abs() > CERTAIN * size {
            return sign(value, 0.0);
        }
        let slowest = self.terms[0].tau;
        let (mut value, time) = (DoubleDouble::from(0.0), DoubleDouble::from(t));
        for term in self.terms() {
            let [tau, size] = [term.tau, term.size].map(DoubleDouble::from);
            let mut exponent = time / tau;
            if slowest.is_finite() {
                let slowest = DoubleDouble::from(slowest);
                exponent *= (slowest - tau) / slowest;
            }
            let constant = term.tau.to_bits() == slowest.to_bits();
            value += if constant { size } else { size * (-exponent).exp() };
        }
        sign(value.to_f64(), VANISHES * size)
    }

    /// Its signs from time 0 on.
    pub(super) fn signs(&self) -> Signs {
        let mut signs = Signs { starts_positive: false, times: [0.0; TERMS], count: 0 };
        let Some(slowest) = self.terms().first() else { return signs };
        let at_last = if slowest.size > 0.0 { 1 } else { -1 };
        if self.keeps_its_sign() {
            signs.starts_positive = at_last > 0;
            return signs;
        }
        let separators = if self.count > 2 { Some(self.derivative().signs()) } else { None };
        let separators = separators.as_ref().map_or(&[][..], Signs::changes);
        let points = [0.0].iter().chain(separators).map(|&t| (t, self.sign(t)));
        // The sign so far, and the last place where it was seen.
        let mut so_far: Option<(f64, i8)> = None;
        for (t, sign) in points.chain([(f64::INFINITY, at_last)]) {
            if sign == 0 {
                continue;
            }
            match so_far {
                None => signs.starts_positive = sign > 0,
                Some((from, before)) if before != sign => {
                    signs.times[signs.count] = self.zero(from, t, before);
                    signs.count += 1;
                }
                Some(_) => {}
            }
            so_far = Some((t, sign));
        }
        signs
    }

    /// Whether it certainly has one sign for all t ≥ 0: a sum has no more changes of sign than its partial sums, slowest first
    /// (Laguerre: it is an integral of them against positive exponentials).
    fn keeps_its_sign(&self) -> bool {
        let (mut partial, mut size) = (0.0, 0.0);
        let is_positive = self.terms[0].size > 0.0;
        self.terms().iter().all(|term| {
            partial += term.size;
            size += term.size.abs();
            partial.abs() > ROUNDING * size && (partial > 0.0) == is_positive
        })
    }

    /// The zero between `from`, where the sign is `before`, and `until`, where it is the other.
    fn zero(&self, from: f64, until: f64, before: i8) -> f64 {
        if let [slow, fast] = self.terms() {
            let by_time = gap(slow.tau, fast.tau) / fast.tau;
            let excess = -(slow.size + fast.size) / slow.size;
            let length =
                if excess.abs() < 0.5 { ln_1p(excess) } else { ln(-fast.size / slow.size) };
            return (length / by_time).max(0.0);
        }
        let mut until = until;
        if until.is_infinite() {
            let mut length = self.terms[self.count - 1].tau;
            loop {
                until = from + length;
                if until.is_infinite() || self.sign(until) == -before {
                    break;
                }
                length *= 2.0;
            }
        }
        let upwards = -f64::from(before);
        search(from, until, f64::NAN, |t| {
            let [value, rate, _] = self.quotient(t);
            Step { residual: upwards * value, newton: -value / rate }
        })
    }
}

/// How much faster `tau` decays than `slowest`, in units of its own rate.
fn gap(slowest: f64, tau: f64) -> f64 {
    if slowest.is_infinite() { f64::from(tau.is_finite()) } else { (slowest - tau) / slowest }
}
