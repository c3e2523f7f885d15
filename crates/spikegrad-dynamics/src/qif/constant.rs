//! Motion under a constant drive J, in units of the membrane time constant: y″ + y′ + J y = 0.
//!
//! With y = e^(−s/2) x the first derivative is gone, x″ + ω² x = 0 with ω² = J − ¼, and V = ½ − x′/x. The common factor does not matter to a
//! point of the projective line.

use super::{NextZero, Point, next_zero_from, scale_of, scaled};
use crate::Scalar;
use crate::circular::{circular, slopes};

/// A motion of some length under a drive, whatever the point from which it leads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Motion<T> {
    square: T,
    length: T,
    /// cos(ω · length).
    cosine: T,
    /// sin(ω · length)/(ω · length), and the same without the length.
    divided: T,
    sine: T,
}

impl<T: Scalar> Motion<T> {
    pub(super) fn new(drive: T, length: T) -> Self {
        let square = drive - T::from(0.25);
        let [cosine, divided] = circular(square * length * length);
        Self { square, length, cosine, divided, sine: divided * length }
    }

    /// The point at its end, in whatever units that from which it leads has.
    #[inline(always)]
    pub(super) fn end(&self, point: Point<T>) -> Point<T> {
        let ([x, dx], Self { square, cosine, sine, .. }) = (without_first_derivative(point), *self);
        let (x, dx) = (x * cosine + dx * sine, dx * cosine - square * x * sine);
        [x, dx - T::from(0.5) * x]
    }
}

impl Motion<f64> {
    /// Whether no point has two zeros of y along it: between them lies half a period. 0.9 times that leaves room for roundings.
    pub(super) fn has_one_zero(&self) -> bool {
        self.square * self.length * self.length < 0.81 * std::f64::consts::PI.powi(2)
    }

    /// What the terms of y at its end may be off is so many roundings of these sums: cosine and sine are computed beside numbers of size one.
    pub(super) fn sizes(&self) -> [f64; 2] {
        [self.cosine.abs().max(1.0), self.length * self.divided.abs().max(1.0)]
    }

    /// Its derivatives, for motions back.
    pub(super) fn differentiated(self) -> Differentiated {
        let angle = self.square * self.length * self.length;
        Differentiated { slopes: slopes(angle, [self.cosine, self.divided]), motion: self }
    }
}

/// A motion with the derivatives of what it is computed from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Differentiated {
    pub(super) motion: Motion<f64>,
    /// Of cosine and divided sine by the square of the angle.
    slopes: [f64; 2],
}

impl Differentiated {
    /// ∂L/∂(point), ∂L/∂(drive) and ∂L/∂(length) of the motion from `point`, at whose end, `scale` times as large, the point has the adjoint `after`.
    #[inline(always)]
    pub(super) fn pull_back(
        &self,
        point: Point<f64>,
        scale: f64,
        after: Point<f64>,
    ) -> (Point<f64>, f64, f64) {
        let Motion { square, length, cosine, divided, sine } = self.motion;
        let [x, dx] = without_first_derivative(point);
        // Of the end, x c + x′ s and x′ c − ω² x s, c and s are the cosine and the sine over ω.
        let [of_x, of_dx] = [scale * (after[0] - 0.5 * after[1]), scale * after[1]];
        let of_c = of_x * x + of_dx * dx;
        let of_s = of_x * dx - of_dx * square * x;
        let of_angle = of_c * self.slopes[0] + of_s * length * self.slopes[1];
        let of_square = of_angle * length * length - of_dx * x * sine;
        let of_length = of_angle * 2.0 * square * length + of_s * divided;
        let of_start = [of_x * cosine - of_dx * square * sine, of_x * sine + of_dx * cosine];
        ([of_start[0] + 0.5 * of_start[1], of_start[1]], of_square, of_length)
    }
}

/// The point after `length`, under the drive `drive`.
pub(super) fn flow<T: Scalar>(point: Point<T>, drive: T, length: T) -> Point<T> {
    scaled(Motion::new(drive, length).end(point))
}

/// ∂L/∂(point), ∂L/∂(drive) and ∂L/∂(length) of a motion at whose end the point has the adjoint `after`.
pub(super) fn pull_back(
    point: Point<f64>,
    drive: f64,
    length: f64,
    after: Point<f64>,
) -> (Point<f64>, f64, f64) {
    let motion = Motion::new(drive, length);
    motion.differentiated().pull_back(point, scale_of(motion.end(point)), after)
}

/// The length up to the next zero of y. A y of zero is that of a spike that has just been.
pub(super) fn next_zero<T: Scalar>(point: Point<T>, drive: T) -> NextZero<T> {
    next_zero_from(point, |point| zero(point, drive))
}

#[inline]
fn zero<T: Scalar>(point: Point<T>, drive: T) -> NextZero<T> {
    // A rounding of either coordinate.
    let magnified = magnified((point[0] * point[1]).re().abs(), point, drive);
    if is_silent(point, drive) {
        return NextZero::none(magnified);
    }
    let [x, dx] = without_first_derivative(point);
    let square = drive - T::from(0.25);
    let after = if square.re() > 0.0 {
        let size = square.sqrt();
        (size * x).atan2(-dx) / size
    } else if square.re() < 0.0 {
        let size = (-square).sqrt();
        let needed = size * x;
        T::from(0.5) * (T::from(2.0) * needed / (-dx - needed)).ln_1p() / size
    } else {
        -x / dx
    };
    NextZero::after(after, magnified)
}

/// Whether it never spikes: x does not fall as fast as it must to come down to zero.
pub(super) fn is_silent<T: Scalar>(point: Point<T>, drive: T) -> bool {
    let ([x, dx], square) = (without_first_derivative(point), drive - T::from(0.25));
    square.re() <= 0.0 && (dx + (-square).sqrt() * x).re() >= 0.0
}

/// What an error of y δy′ − y′ δy, which is (y² + y′²) times that of the angle atan V, makes of the time of the next zero, at which the angle grows by 1: it is how much it grows now that
/// counts. Where there is no zero, of what the angle is away from those that have one, which are above the unstable point, or where x falls at all.
pub(super) fn magnified<T: Scalar>(error: f64, point: Point<T>, drive: T) -> f64 {
    let ([y, dy], drive) = (point.map(Scalar::re), drive.re());
    let is_below = drive <= 0.25 && dy + 0.5 * y >= 0.0;
    error / if is_below { y * y + dy * dy } else { (dy * (dy + y) + drive * y * y).abs() }
}

/// (x, x′), but for a factor.
#[inline(always)]
pub(super) fn without_first_derivative<T: Scalar>([y, dy]: Point<T>) -> Point<T> {
    [y, dy + T::from(0.5) * y]
}
