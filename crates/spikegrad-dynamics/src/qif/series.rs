//! Motion under a current that decays, in units of the membrane time constant: `y″ + y′ + (b + I e^(−r s)) y = 0`
//! with r = `tau_mem`/`tau_syn`.
//!
//! In u = 1 − e^(−r s) the coefficients are polynomials, and y is a power series with a radius of convergence of 1, of which each term
//! follows from the two or three before it (docs/mathematics.md, eq. 26c):
//!
//! ```text
//! r² [(k+2)(k+1) c_(k+2) − 2 (k+1) k c_(k+1) + k (k−1) c_k] − (r² − r) [(k+1) c_(k+1) − k c_k] + (b + I) c_k − I c_(k−1) = 0
//! ```
//!
//! A motion is cut into pieces in which u stays small and y turns by less than a radian, so that no term is much larger than the sum and no
//! piece has more than one zero. That holds for any ratio of the time constants, also where the Bessel functions that solve the equation
//! degenerate.

use super::{Point, constant, next_zero_from, scaled};
use crate::{Scalar, math};

/// Most that u grows in a piece: terms fall by 0.4 at least.
const LARGEST_U: f64 = 0.4;

/// After so many synaptic time constants less than 2⁻⁶⁰ of a current of size one is left.
const FADED: f64 = 42.0;

/// Terms are left out from where they are less than this: far below a rounding, also of their second derivatives.
const SMALL: f64 = 1e-22;

/// A motion that begins at `point`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course<T> {
    pub(super) point: Point<T>,
    pub(super) current: T,
    pub(super) bias: T,
    /// `tau_mem`/`tau_syn`.
    pub(super) ratio: T,
}

impl<T: Scalar> Course<T> {
    /// The point after `length`.
    pub(super) fn after(mut self, length: T) -> Point<T> {
        let mut rest = length;
        let mut current_lasts = self.current_lasts();
        while rest.re() > 0.0 {
            if current_lasts <= 0.0 {
                return constant::flow(self.point, self.bias, rest);
            }
            let piece = self.longest_piece();
            let whole = piece < rest.re();
            let step = if whole { T::from(piece) } else { rest };
            let passed = self.passed(step);
            let series = self.series(passed[0].re());
            self.advance(passed, &series);
            if !whole {
                break;
            }
            rest -= step;
            current_lasts -= piece;
        }
        self.point
    }

    /// For how long the current matters.
    fn current_lasts(&self) -> f64 {
        (FADED + math::ln_1p(self.current.re().abs())) / self.ratio.re()
    }

    /// The longest piece: u up to its limit, and less than a radian of turning.
    fn longest_piece(&self) -> f64 {
        let drive = self.current.re().abs() + self.bias.re().abs() + 1.0;
        (-math::ln_1p(-LARGEST_U) / self.ratio.re()).min(drive.sqrt().recip())
    }

    /// u after a piece, and what is left of the current.
    fn passed(&self, step: T) -> [T; 2] {
        let exponent = -self.ratio * step;
        [-exponent.exp_m1(), exponent.exp()]
    }

    /// Goes on by one piece, of which this is the series.
    fn advance(&mut self, [u, left]: [T; 2], series: &[T]) {
        let (mut y, mut by_u) = (T::from(0.0), T::from(0.0));
        for &c in series.iter().rev() {
            by_u = by_u * u + y;
            y = y * u + c;
        }
        self.point = scaled([y, self.ratio * left * by_u]);
        self.current *= left;
    }

    /// The series of y as far as it is needed up to `u`. How far does not depend on y: where it rests and all of its terms are zero,
    /// their derivatives are not.
    fn series(&self, u: f64) -> Vec<T> {
        let Self { point: [y, dy], current, bias, ratio } = *self;
        let number = |k: f64| T::from(k);
        let square = ratio * ratio;
        let count = terms(u);
        let mut series = Vec::with_capacity(count);
        series.extend([y, dy / ratio]);
        let (mut before, mut k) = (number(0.0), 0.0);
        while series.len() < count {
            let [c, next] = [series[series.len() - 2], series[series.len() - 1]];
            let turning = square * (number(2.0 * (k + 1.0) * k) * next - number(k * (k - 1.0)) * c)
                + (square - ratio) * (number(k + 1.0) * next - number(k) * c);
            let driven = (bias + current) * c - current * before;
            series.push((turning - driven) / (square * number((k + 2.0) * (k + 1.0))));
            (before, k) = (c, k + 1.0);
        }
        series
    }
}

/// How many terms a piece needs up to `u`: those of the power series fall by u, those of a motion that turns by a radian by 1/k, and 1/24! is
/// as small.
fn terms(u: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "u is between 0 and 0.4: at most 60"
    )]
    let of_powers = (math::ln(SMALL) / math::ln(u)) as usize + 4;
    of_powers.max(26)
}

impl Course<f64> {
    /// The length up to the next zero of y; `None` if there is none. A y of zero is that of a spike that has just been.
    pub(super) fn next_zero(self) -> Option<f64> {
        next_zero_from(self.point, |point| Self { point, ..self }.zero())
    }

    fn zero(mut self) -> Option<f64> {
        let (mut passed, lasts) = (0.0, self.current_lasts());
        while passed < lasts {
            let piece = self.longest_piece();
            let [u, left] = self.passed(piece);
            let series = self.series(u);
            let began = self.point[0];
            self.advance([u, left], &series);
            if self.point[0] <= 0.0 {
                // A zero at the very beginning is divided out.
                let series = if began == 0.0 { &series[1..] } else { &series };
                return Some(passed - math::ln_1p(-root(series, u)) / self.ratio);
            }
            passed += piece;
        }
        constant::next_zero(self.point, self.bias).map(|after| passed + after)
    }
}

/// The zero of a series that falls from above zero at 0 to zero or below at `end`: Newton's steps, halved where they leave the bracket.
fn root(series: &[f64], end: f64) -> f64 {
    let (mut low, mut high) = (0.0, end);
    let mut u = 0.5 * end;
    for _ in 0..100 {
        let (mut y, mut by_u) = (0.0, 0.0);
        for &c in series.iter().rev() {
            by_u = f64::mul_add(by_u, u, y);
            y = f64::mul_add(y, u, c);
        }
        if y > 0.0 {
            low = u;
        } else {
            high = u;
        }
        let newton = u - y / by_u;
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if (next - u).abs() <= f64::EPSILON * u {
            return next;
        }
        u = next;
    }
    u
}
