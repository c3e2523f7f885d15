//! Motion under a current that decays, in units of the membrane time constant: `y″ + y′ + (b + I e^(−r s)) y = 0`
//! with r = `tau_mem`/`tau_syn`.
//!
//! In u = 1 − e^(−r s) the coefficients are polynomials, and y is a power series with a radius of convergence of 1, of which each term
//! follows from the two or three before it (docs/mathematics.md, eq. 26c; [`Recurrence`]).
//!
//! A motion is cut into pieces in which u stays small and y turns by less than a radian, so that no term is much larger than the sum and no
//! piece has more than one zero. That holds for any ratio of the time constants, also where the Bessel functions that solve the equation
//! degenerate. Not here: the way back (`pullback.rs`).

use super::{Point, constant, next_zero_from, scaled};
use crate::{Scalar, math};

/// Most that u grows in a piece: terms fall by 0.4 at least.
const LARGEST_U: f64 = 0.4;

/// After so many synaptic time constants less than 2⁻⁶⁰ of a current of size one is left.
const FADED: f64 = 42.0;

/// Terms are left out from where their bound is less than this: far below a rounding, also of their second derivatives, which a power of
/// k/u ≤ 150 enlarges twice.
const SMALL: f64 = 1e-22;

/// More terms than any piece needs.
const MOST_TERMS: usize = 64;

/// A motion that begins at `point`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course<T> {
    pub(super) point: Point<T>,
    pub(super) current: T,
    pub(super) bias: T,
    /// `tau_mem`/`tau_syn`.
    pub(super) ratio: T,
}

/// A piece of a motion: its length, what u is at its end, what is left of the current by then, and how many terms its series needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<T> {
    pub(super) length: T,
    pub(super) u: T,
    pub(super) left: T,
    pub(super) terms: usize,
}

/// What comes next on the way along a motion.
pub(super) enum Stretch<T> {
    /// A piece of it; `is_last` if the motion ends with it.
    Piece { piece: Piece<T>, is_last: bool },
    /// The rest of it, which is so long: the current has faded.
    Faded(T),
}

impl<T: Scalar> Course<T> {
    /// The point after `length`.
    pub(super) fn after(mut self, length: T) -> Point<T> {
        let (mut rest, mut current_lasts) = (length, self.current_lasts());
        // A length of zero may still carry a derivative.
        while !rest.is_exactly_zero() {
            match self.next(rest, current_lasts) {
                Stretch::Faded(rest) => return constant::flow(self.point, self.bias, rest),
                Stretch::Piece { piece, is_last } => {
                    self.advance(piece);
                    if is_last {
                        break;
                    }
                    rest -= piece.length;
                    current_lasts -= piece.length.re();
                }
            }
        }
        self.point
    }

    /// What comes next of a motion of which `rest` is left, while the current matters for `lasts`.
    pub(super) fn next(&self, rest: T, lasts: f64) -> Stretch<T> {
        if lasts <= 0.0 {
            return Stretch::Faded(rest);
        }
        let longest = self.longest_piece();
        let is_last = longest >= rest.re();
        let length = if is_last { rest } else { T::from(longest) };
        Stretch::Piece { piece: self.piece(length), is_last }
    }

    /// For how long the current matters.
    pub(super) fn current_lasts(&self) -> f64 {
        (FADED + math::ln_1p(self.current.re().abs())) / self.ratio.re()
    }

    /// √ of the largest drive that there may be, and at least 1: y turns by no more in a unit of length.
    fn turning(&self) -> f64 {
        (self.current.re().abs() + self.bias.re().abs() + 1.0).sqrt()
    }

    /// The longest piece: u up to its limit, and less than a radian of turning.
    fn longest_piece(&self) -> f64 {
        (-math::ln_1p(-LARGEST_U) / self.ratio.re()).min(self.turning().recip())
    }

    fn piece(&self, length: T) -> Piece<T> {
        let exponent = -self.ratio * length;
        let (u, left) = (-exponent.exp_m1(), exponent.exp());
        Piece { length, u, left, terms: terms(u.re(), self.turning() * length.re()) }
    }

    /// Goes on by one piece.
    pub(super) fn advance(&mut self, piece: Piece<T>) {
        let mut room = [T::default(); MOST_TERMS];
        let [y, by_u] = sum(self.series(piece.terms, &mut room), piece.u);
        self.point = scaled([y, self.ratio * piece.left * by_u]);
        self.current *= piece.left;
    }

    /// The first `count` terms of the series of y from here.
    fn series<'a>(&self, count: usize, room: &'a mut [T; MOST_TERMS]) -> &'a [T] {
        let recurrence = Recurrence::of(self);
        let [y, dy] = self.point;
        let mut last = [T::default(), y, dy / self.ratio];
        for (k, term) in room.iter_mut().enumerate().take(count) {
            *term = last[1];
            last = [last[1], last[2], recurrence.term(k, last)];
        }
        &room[..count]
    }
}

/// `Σ c_k u^k` and `Σ k c_k u^(k−1)`, from the smallest terms on: where y is about to spike it is the small difference of large ones.
fn sum<T: Scalar>(series: &[T], u: T) -> [T; 2] {
    let (mut y, mut by_u) = (T::default(), T::default());
    for &c in series.iter().rev() {
        by_u = by_u * u + y;
        y = y * u + c;
    }
    [y, by_u]
}

/// (26c) for the term after the next, divided by what stands before it: with ρ = 1 − 1/r, J = (b + I)/r² and i = I/r²,
///
/// ```text
/// c_(k+2) = (α_k + ρ γ_k) c_(k+1) − (β_k + ρ δ_k + J ε_k) c_k + i ε_k c_(k−1)
/// ```
#[derive(Clone, Copy, Debug)]
pub(super) struct Recurrence<T> {
    pub(super) rho: T,
    pub(super) drive: T,
    pub(super) current: T,
}

/// α, β, γ, ε of the recurrence for k, and k itself; δ = k ε.
type Row = [f64; 5];

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
pub(super) const ROWS: [Row; MOST_TERMS] = {
    let mut rows = [[0.0; 5]; MOST_TERMS];
    let mut k = 0;
    while k < MOST_TERMS {
        let n = k as f64;
        let epsilon = 1.0 / ((n + 1.0) * (n + 2.0));
        rows[k] = [2.0 * n / (n + 2.0), n * (n - 1.0) * epsilon, 1.0 / (n + 2.0), epsilon, n];
        k += 1;
    }
    rows
};

impl<T: Scalar> Recurrence<T> {
    pub(super) fn of(course: &Course<T>) -> Self {
        let inverse = T::from(1.0) / course.ratio;
        let square = inverse * inverse;
        let current = course.current * square;
        Self { rho: T::from(1.0) - inverse, drive: course.bias * square + current, current }
    }

    /// The term after `c`, those of k − 1, k and k + 1.
    #[inline]
    pub(super) fn term(&self, k: usize, [before, c, next]: [T; 3]) -> T {
        let [alpha, beta, gamma, epsilon, k] = ROWS[k];
        let Self { rho, drive, current } = *self;
        let of_next = T::from(alpha) + rho.times(gamma);
        let of_this = T::from(beta) + (rho.times(k) + drive).times(epsilon);
        of_next * next - of_this * c + (current * before).times(epsilon)
    }
}

/// How many terms a piece needs up to `u` in which y turns by `angle`: they are of the size of those of 1/(1 − x) times e^angle, which is `Σ_j u^(k−j) angle^j/j!`,
/// at most 58 of them for u = 0.4 and a radian. A derivative takes one or two of the powers away.
fn terms(u: f64, angle: f64) -> usize {
    let (mut turned, mut bound) = (1.0, 1.0);
    let mut count = 1;
    while bound > SMALL && count < MOST_TERMS - 2 {
        turned *= angle / ROWS[count][4];
        bound = bound * u + turned;
        count += 1;
    }
    count + 2
}

impl Course<f64> {
    /// The length up to the next zero of y; `None` if there is none. A y of zero is that of a spike that has just been.
    pub(super) fn next_zero(self) -> Option<f64> {
        next_zero_from(self.point, |point| Self { point, ..self }.zero())
    }

    fn zero(mut self) -> Option<f64> {
        let (mut passed, lasts) = (0.0, self.current_lasts());
        while passed < lasts {
            // Under the largest drive that is still to come it would never spike.
            constant::next_zero(self.point, self.bias + self.current.max(0.0))?;
            let piece = self.piece(self.longest_piece());
            let start = self;
            self.advance(piece);
            if self.point[0] <= 0.0 {
                return Some(passed - math::ln_1p(-start.root(piece)) / self.ratio);
            }
            passed += piece.length;
        }
        constant::next_zero(self.point, self.bias).map(|after| passed + after)
    }

    /// Where within a piece y falls from above zero to zero, as u: Newton's steps, halved where they leave the bracket.
    fn root(&self, piece: Piece<f64>) -> f64 {
        let mut room = [0.0; MOST_TERMS];
        let series = self.series(piece.terms, &mut room);
        // A zero at the very beginning is divided out.
        let series = &series[usize::from(self.point[0] == 0.0)..];
        let (mut low, mut high, mut u) = (0.0, piece.u, 0.5 * piece.u);
        for _ in 0..100 {
            let [y, by_u] = sum(series, u);
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
}
