//! Motion under a current that decays, in units of the membrane time constant: `y″ + y′ + (b + I e^(−r s)) y = 0`
//! with r = `tau_mem`/`tau_syn`.
//!
//! In u = 1 − e^(−r s) the coefficients are polynomials, and y is a power series with a radius of convergence of 1, of which each term
//! follows from the two or three before it (docs/mathematics.md, eq. 26c; [`Recurrence`]).
//!
//! A motion is cut into pieces in which u stays small and y turns by less than a radian, so that no term is much larger than the sum and no
//! piece has more than one zero. That holds for any ratio of the time constants, also where the Bessel functions that solve the equation
//! degenerate. Not here: the way back (`pullback.rs`).

use super::{NextZero, Point, constant, next_zero_from, scaled};
use crate::double_double::inverse;
use crate::{Scalar, math};

/// What a motion leaves out, and how it is cut.
struct Limits {
    /// Most that u grows in a piece, by which terms fall at least.
    largest_u: f64,
    /// After how many synaptic time constants a current of size one matters no more.
    faded: f64,
    /// Terms are left out from where their bound is less than this.
    small: f64,
}

/// Of the current 2⁻⁶⁰ is left, and of the terms what is far below a rounding, also of their second derivatives, which a power of k/u ≤ 150 enlarges twice.
const OF_DOUBLES: Limits = Limits { largest_u: 0.4, faded: 42.0, small: 1e-22 };

/// Of the current 2⁻¹¹⁵ is left. Half of u makes as few terms of twice the digits.
const OF_DOUBLE_DOUBLES: Limits = Limits { largest_u: 0.2, faded: 80.0, small: 1e-36 };

/// More terms than any piece needs.
const MOST_TERMS: usize = 64;

/// More pieces than a motion is followed through, so that it has an end: they are a million radians, or a million times half of what a synapse loses.
/// Negative drives of 10¹⁰ and more ask for more, and those that overflow never come to an end.
pub(super) const MOST_PIECES: usize = 1_000_000;

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
    const LIMITS: Limits = if T::IS_PRECISE { OF_DOUBLE_DOUBLES } else { OF_DOUBLES };

    /// The point after `length`; not a number if that has more than [`MOST_PIECES`].
    pub(super) fn after(mut self, length: T) -> Point<T> {
        let (mut rest, mut current_lasts) = (length, self.current_lasts());
        for _ in 0..MOST_PIECES {
            // A length of zero may still carry a derivative.
            if rest.is_exactly_zero() {
                return self.point;
            }
            match self.next(rest, current_lasts) {
                Stretch::Faded(rest) => return constant::flow(self.point, self.bias, rest),
                Stretch::Piece { piece, is_last } => {
                    self.advance(piece);
                    if is_last {
                        return self.point;
                    }
                    rest -= piece.length;
                    current_lasts -= piece.length.re();
                }
            }
        }
        [T::from(f64::NAN); 2]
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
        (Self::LIMITS.faded + math::ln_1p(self.current.re().abs())) / self.ratio.re()
    }

    /// √ of the largest drive that there may be, and at least 1: y turns by no more in a unit of length.
    fn turning(&self) -> f64 {
        (self.current.re().abs() + self.bias.re().abs() + 1.0).sqrt()
    }

    /// The longest piece: u up to its limit, and less than a radian of turning.
    fn longest_piece(&self) -> f64 {
        (-math::ln_1p(-Self::LIMITS.largest_u) / self.ratio.re()).min(self.turning().recip())
    }

    fn piece(&self, length: T) -> Piece<T> {
        let exponent = -self.ratio * length;
        let (u, left) = (-exponent.exp_m1(), exponent.exp());
        Piece {
            length,
            u,
            left,
            terms: terms(u.re(), self.turning() * length.re(), Self::LIMITS.small),
        }
    }

    /// Goes on by one piece; returns by how much that magnifies an error of the angle atan V, or more.
    pub(super) fn advance(&mut self, piece: Piece<T>) -> f64 {
        let mut room = [T::default(); MOST_TERMS];
        let [y, by_u] = sum(self.series(piece.terms, &mut room), piece.u);
        let end = [y, self.ratio * piece.left * by_u];
        // (y² + y′²) e^s before and after it, of e^s what makes it less.
        let of_length = 1.0 + piece.length.re() * (1.0 + 0.5 * piece.length.re());
        let magnification = square(self.point) / (square(end) * of_length);
        self.point = scaled(end);
        self.current *= piece.left;
        magnification
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

/// y² + y′².
fn square<T: Scalar>(point: Point<T>) -> f64 {
    let [y, dy] = point.map(Scalar::re);
    y * y + dy * dy
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
/// c_(k+2) = (2k + ρ) γ_k c_(k+1) − (k (k − 1 + ρ) + J) ε_k c_k + i ε_k c_(k−1)
/// ```
#[derive(Clone, Copy, Debug)]
pub(super) struct Recurrence<T> {
    pub(super) rho: T,
    pub(super) drive: T,
    pub(super) current: T,
}

/// What the recurrence holds for k: k itself, γ = 1/(k + 2) and ε = 1/((k + 1)(k + 2)), with what the rounding took from these two.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) k: f64,
    pub(super) gamma: [f64; 2],
    pub(super) epsilon: [f64; 2],
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
pub(super) const ROWS: [Row; MOST_TERMS] = {
    let mut rows = [Row { k: 0.0, gamma: [0.0; 2], epsilon: [0.0; 2] }; MOST_TERMS];
    let mut count = 0;
    while count < MOST_TERMS {
        let k = count as f64;
        rows[count] = Row { k, gamma: inverse(k + 2.0), epsilon: inverse((k + 1.0) * (k + 2.0)) };
        count += 1;
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
        let Row { k, gamma, epsilon } = ROWS[k];
        let Self { rho, drive, current } = *self;
        let of_next = times(T::from(2.0 * k) + rho, gamma);
        let of_this = times((T::from(k - 1.0) + rho).times(k) + drive, epsilon);
        of_next * next - of_this * c + times(current * before, epsilon)
    }
}

/// The product with a constant that is given to twice the digits of a double.
#[inline]
fn times<T: Scalar>(x: T, [rounded, rest]: [f64; 2]) -> T {
    if T::IS_PRECISE { x.times(rounded) + x.times(rest) } else { x.times(rounded) }
}

/// How many terms a piece needs up to `u` in which y turns by `angle`: they are of the size of those of 1/(1 − x) times e^angle, which is `Σ_j u^(k−j) angle^j/j!`,
/// at most 58 of them for u = 0.4 and a radian. A derivative takes one or two of the powers away.
fn terms(u: f64, angle: f64, small: f64) -> usize {
    let (mut turned, mut bound) = (1.0, 1.0);
    let mut count = 1;
    while bound > small && count < MOST_TERMS - 2 {
        turned *= angle / ROWS[count].k;
        bound = bound * u + turned;
        count += 1;
    }
    count + 2
}

impl<T: Scalar> Course<T> {
    /// The length up to the next zero of y; not a number if more than [`MOST_PIECES`] lie before it. A y of zero is that of a spike that has just been.
    pub(super) fn next_zero(self) -> NextZero<T> {
        next_zero_from(self.point, |point| Self { point, ..self }.zero())
    }

    fn zero(mut self) -> NextZero<T> {
        let (mut passed, lasts) = (T::from(0.0), self.current_lasts());
        // What a rounding of the angle in each of the pieces that have passed has become, added up.
        let (mut magnified, mut pieces) = (0.0, 0);
        while passed.re() < lasts {
            pieces += 1;
            if pieces > MOST_PIECES {
                return NextZero::endless();
            }
            // Under the largest drive that is still to come it would never spike.
            let lifting = if self.current.re() > 0.0 { self.current } else { T::from(0.0) };
            let most = self.bias + lifting;
            if constant::is_silent(self.point, most) {
                let error = (magnified + 1.0) * square(self.point);
                return NextZero::none(constant::magnified(error, self.point, most));
            }
            let piece = self.piece(T::from(self.longest_piece()));
            let start = self;
            let of_piece = self.advance(piece);
            if self.point[0].re() <= 0.0 {
                let after = passed - (-start.root(piece)).ln_1p() / self.ratio;
                return NextZero::after(after, magnified * of_piece);
            }
            magnified = (magnified + 1.0) * of_piece;
            passed += piece.length;
        }
        let error = (magnified + 1.0) * square(self.point);
        let magnified = constant::magnified(error, self.point, self.bias);
        match constant::next_zero(self.point, self.bias).after {
            Some(after) => NextZero::after(passed + after, magnified),
            None => NextZero::none(magnified),
        }
    }

    /// Where within a piece y falls from above zero to zero, as u: Newton's steps, halved where they leave the bracket.
    fn root(&self, piece: Piece<T>) -> T {
        let mut room = [T::default(); MOST_TERMS];
        let series = self.series(piece.terms, &mut room);
        // A zero at the very beginning is divided out.
        let series = &series[usize::from(self.point[0].is_exactly_zero())..];
        let half = T::from(0.5);
        let (mut low, mut high, mut u) = (T::from(0.0), piece.u, half * piece.u);
        for _ in 0..100 {
            let [y, by_u] = sum(series, u);
            if y.re() > 0.0 {
                low = u;
            } else {
                high = u;
            }
            // What is left after a step is its square.
            let step = y / by_u;
            let newton = u - step;
            if step.re().abs() <= f64::EPSILON * u.re() {
                return newton;
            }
            let is_within = newton.re() > low.re() && newton.re() < high.re();
            u = if is_within { newton } else { half * (low + high) };
        }
        u
    }
}
